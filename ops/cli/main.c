/* main: `tasuki`, the operator's command. Talks to the nodes' operator ports; what is
 * done to a node that is stopped it has done by tasukid. */
#include <curl/curl.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"

#ifndef TASUKI_VERSION
#define TASUKI_VERSION "0.1.0"
#endif

static const char usage_text[] =
    "usage: tasuki COMMAND [OPTION...]\n"
    "\n"
    "  status             leader, term, index, staleness and digest of every node\n"
    "  account add        add an account\n"
    "  account factor     list, add or remove second factors of an account\n"
    "  rp add             register a relying party; prints its secret once\n"
    "  rp import          register relying parties from a file, once all are good\n"
    "  rp export          the registered ones, as a file for import\n"
    "  rp list            the registered relying parties\n"
    "  rp stage           take one a step further, suspend or retire it\n"
    "  rp usage           sign-ins, userinfo requests and others, by month\n"
    "  rp rotate-secret   another secret, while the old one stays good\n"
    "  registration token an initial access token, for an RP to register itself\n"
    "  staff add          add a staff account; prints its secret once\n"
    "  staff list         the staff accounts and their roles\n"
    "  staff change       roles, password, secret; disable or enable one\n"
    "  key                the signing keys; rotate or revoke one\n"
    "  outbox             what waits for RPs, and what was given up\n"
    "  outbox retry       try messages again\n"
    "  audit              security events: list, show, search, verify, export\n"
    "  node list          the nodes, their roles, and the change under way\n"
    "  node add           a new node, as a standby\n"
    "  node promote       make a standby a voter\n"
    "  node remove        take a node out of the cluster\n"
    "  node replace       a new node in the place of another\n"
    "  leader prefer      regions where leadership is preferred\n"
    "  decisions export   what people decided, as a CSV\n"
    "  decisions import   check a CSV of decisions, or bring it in\n"
    "  intake             scans of a folder: to the OCR farm, by application\n"
    "  staffing           how many people a number of applications needs\n"
    "  transfer           hand leadership to another node\n"
    "\n"
    "on a node's own machine, while the cluster runs:\n"
    "\n"
    "  backup             the whole state in a file\n"
    "\n"
    "on a node's own machine, while it is stopped:\n"
    "\n"
    "  reseed             the node's data anew from the other nodes\n"
    "  restore            a new cluster out of a backup\n"
    "  recover            a new cluster out of one node, when most are lost for good\n"
    "\n"
    "Dates and times are those of Japan (JST), typed and printed, whatever the zone of\n"
    "this machine; with --json they are ms since 1970. tasuki COMMAND --help says more.\n"
    "tasuki --version prints the version.\n"
    "\n";

static const struct {
    const char *first, *second;
    int (*run)(int argc, char *const argv[]);
} commands[] = {
    {"status", NULL, cmd_status},
    {"account", "add", cmd_account_add},
    {"account", "factor", cmd_account_factor},
    {"rp", "add", cmd_rp_add},
    {"rp", "import", cmd_rp_import},
    {"rp", "export", cmd_rp_export},
    {"rp", "list", cmd_rp_list},
    {"rp", "usage", cmd_rp_usage},
    {"rp", "stage", cmd_rp_stage},
    {"rp", "rotate-secret", cmd_rp_rotate_secret},
    {"registration", "token", cmd_registration_token},
    {"staff", "add", cmd_staff_add},
    {"staff", "list", cmd_staff_list},
    {"staff", "change", cmd_staff_change},
    {"decisions", "export", cmd_decisions_export},
    {"decisions", "import", cmd_decisions_import},
    {"intake", NULL, cmd_intake},
    {"staffing", NULL, cmd_staffing},
    {"key", NULL, cmd_key},
    {"outbox", NULL, cmd_outbox},
    {"audit", NULL, cmd_audit},
    {"transfer", NULL, cmd_transfer},
    {"node", "list", cmd_node_list},
    {"node", "add", cmd_node_add},
    {"node", "promote", cmd_node_promote},
    {"node", "remove", cmd_node_remove},
    {"node", "replace", cmd_node_replace},
    {"leader", "prefer", cmd_leader_prefer},
    {"backup", NULL, cmd_backup},
    {"reseed", NULL, cmd_reseed},
    {"restore", NULL, cmd_restore},
    {"recover", NULL, cmd_recover},
};

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int dispatch(int argc, char *argv[]) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        int words = commands[i].second ? 2 : 1;

        if (argc < words || strcmp(argv[0], commands[i].first) != 0)
            continue;
        /* `tasuki node --help`: the help of the first of its kind. */
        if (commands[i].second && is_help(argv[1]))
            words = 1;
        else if (commands[i].second && strcmp(argv[1], commands[i].second) != 0)
            continue;
        return commands[i].run(argc - words, argv + words);
    }
    fprintf(stderr, "tasuki: there is no command '%s%s%s'\n%s", argv[0],
            argc > 1 ? " " : "", argc > 1 ? argv[1] : "", usage_text);
    return EXIT_USAGE;
}

int main(int argc, char *argv[]) {
    int code;

    setlocale(LC_CTYPE, "");
    if (argc < 2) {
        fputs(usage_text, stderr);
        return EXIT_USAGE;
    }
    if (is_help(argv[1])) {
        fputs(usage_text, stdout);
        fputs(conn_help, stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("tasuki " TASUKI_VERSION);
        return EXIT_DONE;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fputs("tasuki: libcurl cannot be set up\n", stderr);
        return EXIT_AGAIN;
    }
    code = dispatch(argc - 1, argv + 1);
    curl_global_cleanup();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("tasuki: standard output");
        return code == EXIT_DONE ? EXIT_AGAIN : code;
    }
    return code;
}
