/* lab_config: keys, certificates and configuration of a lab's nodes (lab.h). */
#include <stdio.h>
#include <string.h>

#include "chaos/drill/lab.h"

bool lab_pki(struct lab *lab, const char *const argv[]) {
    char program[LAB_PATH + 16];
    struct sh_command command = {.argv = {program, argv[0], lab->pki}, .net = -1};
    struct buf out;

    snprintf(program, sizeof(program), "%s/ops/pki", lab->root);
    for (size_t i = 1; argv[i] != NULL && i + 2 < SH_ARGS_MAX; i++) {
        command.argv[i + 2] = argv[i];
    }
    buf_init(&out, SH_OUTPUT_MAX);
    int code = sh_run(&command, 60, &out);
    if (code != 0) {
        snprintf(lab->why, sizeof(lab->why), "ops/pki %s: exit %d: %.*s", argv[0], code,
                 (int)(out.len < 300 ? out.len : 300), (const char *)out.data);
    }
    buf_free(&out);
    return code == 0;
}

static bool certificates(struct lab *lab) {
    const char *init[] = {"init", NULL}, *balancer[] = {"balancer", NULL};
    const char *operator[] = {"operator", NULL};
    const char *http[6 + 2 * LAB_NODES_MAX] = {"http", "--host", LAB_HOST, "--host",
                                               LAB_MAIL_ADDRESS};
    size_t count = 5;

    if (!lab_pki(lab, init) || !lab_pki(lab, balancer) || !lab_pki(lab, operator)) {
        return false;
    }
    for (size_t i = 0; i < lab->count; i++) {
        char id[8];
        const char *node[] = {"node", id, "--san", lab->machines[i].address, NULL};
        snprintf(id, sizeof(id), "%u", lab->machines[i].id);
        if (!lab_pki(lab, node)) {
            return false;
        }
        http[count++] = "--host";
        http[count++] = lab->machines[i].address;
    }
    return lab_pki(lab, http);
}

static bool read_cluster_id(struct lab *lab) {
    char path[LAB_PATH + 16];
    snprintf(path, sizeof(path), "%s/cluster.id", lab->pki);
    FILE *file = fopen(path, "r");
    bool good = file != NULL && fscanf(file, "%32s", lab->cluster_id) == 1;
    if (file != NULL) {
        fclose(file);
    }
    return good;
}

static void peers(FILE *to, const struct machine *own) {
    const struct lab *lab = own->lab;
    for (size_t i = 0; i < lab->count; i++) {
        const struct machine *machine = &lab->machines[i];
        if ((!machine->standby && !machine->spare) || machine == own) {
            fprintf(to, "peer = %u %s:%u %s\n", machine->id, machine->address,
                    LAB_PORT_PEER, lab->plan.regions[machine->region]);
        }
    }
}

enum err lab_config_node(struct machine *machine) {
    struct lab *lab = machine->lab;
    const char *address = machine->address, *dir = lab->pki;
    FILE *to = fopen(machine->conf, "w");

    if (to == NULL) {
        snprintf(lab->why, sizeof(lab->why), "%.400s cannot be written", machine->conf);
        return ERR_IO;
    }
    fprintf(to, "# Written by tasuki-chaos. Keys: ops/docs/operating.md\n");
    fprintf(to, "node_id = %u\ncluster_id = %s\ndata_dir = %s\n", machine->id,
            lab->cluster_id, machine->data);
    peers(to, machine);
    fprintf(to, "issuer = https://" LAB_HOST "/oauth/\nenvironment = %s\n",
            lab->plan.environment);
    fprintf(to, "host = " LAB_HOST "\nhost = %s\n", address);
    fprintf(to, "http_listen = %s:%u\nbalancer_listen = %s:%u\n", address, LAB_PORT,
            address, LAB_PORT_BALANCER);
    fprintf(to, "operator_listen = %s:%u\nworker_listen = %s:%u\n", address,
            LAB_PORT_OPERATOR, address, LAB_PORT_WORKER);
    fprintf(to, "staff_listen = %s:%u\n", address, LAB_PORT_STAFF);
    fprintf(to, "http_cert = %s/http.crt\nhttp_key = %s/http.key\n", dir, dir);
    fprintf(to, "peer_cert = %s/node-%u.crt\npeer_key = %s/node-%u.key\n", dir,
            machine->id, dir, machine->id);
    fprintf(to, "ca = %s/ca.crt\ncluster_key = %s/cluster.key\n", dir, dir);
    fprintf(to, "store_map_bytes = 1073741824\n");
    /* All of the load comes from one address. */
    fprintf(to, "login_limit_per_minute = 0\nlogin_cap_account = 0\n"
                "login_cap_source = 0\nlogin_cap_client = 0\n"
                "mail_cap_source = 1000000\nmail_cap_site = 1000000\n");
    if (lab->plan.mail) {
        fprintf(to, "smtp_url = smtp://" LAB_MAIL_ADDRESS ":%d\n", LAB_MAIL_PORT);
        fprintf(to, "smtp_from = noreply@tasuki.test\noutbound_ca = %s/ca.crt\n"
                    "outbound_private = yes\n", dir);
    }
    /* Under libfaketime waits with a time limit end at once: the scrub would go on and on,
     * and its children take the machine. */
    if (lab->plan.clocks) {
        fprintf(to, "scrub_interval_s = 0\n");
    }
    if (lab->plan.job_lease_s > 0) {
        fprintf(to, "job_lease_s = %u\n", lab->plan.job_lease_s);
    }
    if (lab->plan.review_claim_s > 0) {
        fprintf(to, "review_claim_s = %u\n", lab->plan.review_claim_s);
    }
    bool written = !ferror(to);
    return fclose(to) == 0 && written ? OK : ERR_IO;
}

/* What `tasuki --env` reads. */
static bool env_file(struct lab *lab) {
    FILE *to = fopen(lab->env, "w");
    if (to == NULL) {
        return false;
    }
    fprintf(to, "TASUKI_CA='%s/ca.crt'\n", lab->pki);
    fprintf(to, "TASUKI_OPERATOR_CERT='%s/operator.crt'\n", lab->pki);
    fprintf(to, "TASUKI_OPERATOR_KEY='%s/operator.key'\n", lab->pki);
    for (size_t i = 0; i < lab->count; i++) {
        fprintf(to, "TASUKI_OPERATOR_%u='https://%s:%u'\n", lab->machines[i].id,
                lab->machines[i].address, LAB_PORT_OPERATOR);
    }
    return fclose(to) == 0;
}

enum err lab_config_write(struct lab *lab) {
    if (!certificates(lab)) {
        return ERR_IO;
    }
    if (!read_cluster_id(lab) || !env_file(lab)) {
        snprintf(lab->why, sizeof(lab->why), "files cannot be written in %.400s", lab->dir);
        return ERR_IO;
    }
    for (size_t i = 0; i < lab->count; i++) {
        if (lab_config_node(&lab->machines[i]) != OK) {
            return ERR_IO;
        }
    }
    return OK;
}
