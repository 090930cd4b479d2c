/* tasuki-ocr: reads scanned applications; see --help. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ocr-worker/cmd_read.h"
#include "ocr-worker/cmd_run.h"
#include "ocr-worker/cmd_view.h"

static const char HELP[] =
    "usage: tasuki-ocr run --config FILE [--once]\n"
    "       tasuki-ocr read [--record FILE] [--no-sandbox] SCAN...\n"
    "       tasuki-ocr read --batch [--without-font PART]\n"
    "       tasuki-ocr view [--page N] [--turn DEGREES] [--side PIXELS] [--quad X,Y,...]\n"
    "\n"
    "Reads scanned applications and says, as JSON on standard output, what stands on\n"
    "them and whether it agrees with the record.\n"
    "\n"
    "  run     work for a cluster: lease jobs from its nodes, read, return evidence\n"
    "  read    the scans of one application (TIFF, JPEG or PDF files, in any order)\n"
    "\n"
    "  view    one page of the file on standard input, or a piece of it, as a JPEG on\n"
    "          standard output: what a node shows to people in the place of the file\n"
    "\n"
    "  --config FILE        nodes = https://HOST:PORT ..., ca, cert and key (PEM files),\n"
    "                       idle_ms, time_limit_ms, memory_limit_mb: one name = value a line\n"
    "  --once               end when no job is waiting\n"
    "\n"
    "  --record FILE        what the applicant typed: a JSON object with application_id,\n"
    "                       corporate_number, company, address, title, name, birth_date,\n"
    "                       received_on (default: standard input)\n"
    "  --batch              one application a line on standard input: the members of a\n"
    "                       record and `files`, a list of paths; one line of JSON each\n"
    "  --without-font PART  do without fonts whose path contains PART (for measuring;\n"
    "                       several, separated by commas)\n"
    "  --no-sandbox         read in this process (for debugging; never with scans of\n"
    "                       strangers)\n"
    "\n"
    "  --page N             from 0 (default 0)\n"
    "  --turn DEGREES       by which its content stands turned: 0, 90, 180, 270\n"
    "  --side PIXELS        of the result, at most (default 1600)\n"
    "  --quad X,Y,...       four corners in the scan's pixels, the upright top left first\n"
    "\n"
    "Exit code: 0 read, whatever the verdict; 1 not read; 2 wrong usage;\n"
    "view: 3 the page cannot be read; 4 it took too long.\n";

int main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(HELP, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "read") == 0)
        return cmd_read(argc - 1, argv + 1, HELP);
    if (strcmp(argv[1], "run") == 0)
        return cmd_run(argc - 1, argv + 1, HELP);
    if (strcmp(argv[1], "view") == 0)
        return cmd_view(argc - 1, argv + 1, HELP);
    fprintf(stderr, "tasuki-ocr: unknown command '%s'; see tasuki-ocr --help\n", argv[1]);
    return 2;
}
