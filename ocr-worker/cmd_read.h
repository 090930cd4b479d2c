/* cmd_read: tasuki-ocr read: scans on this machine, without a cluster. */
#ifndef OCR_WORKER_CMD_READ_H
#define OCR_WORKER_CMD_READ_H

int cmd_read(int argc, char **argv, const char *help);

#endif
