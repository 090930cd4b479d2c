/* cmd_run: tasuki-ocr run: a worker of a cluster, until it is told to end. */
#ifndef OCR_WORKER_CMD_RUN_H
#define OCR_WORKER_CMD_RUN_H

int cmd_run(int argc, char **argv, const char *help);

#endif
