/* cmd_view: `tasuki-ocr view`, which a node runs to show a scan to a person. */
#ifndef OCR_WORKER_CMD_VIEW_H
#define OCR_WORKER_CMD_VIEW_H

int cmd_view(int argc, char **argv, const char *help);

#endif
