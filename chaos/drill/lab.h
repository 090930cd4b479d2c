/* lab: a cluster of real nodes on one machine, to be hurt.
 *
 *   lab_open: namespaces, links, disks, keys, configuration, nodes, balancers
 *
 * Each machine of the cluster is a network namespace on a bridge, with an address of its
 * own (10.77.REGION.NODE) and, if asked for, a disk of its own (ext4 in a file). The
 * bridge lies in the drill's own namespace, so nothing of this reaches the host, and all
 * of it, mounts and processes included, is gone when the drill's process ends.
 *
 * What a fault needs of a machine is behind `struct machine_ops` (start, signal, run a
 * program there, what makes and ends a fault), and there are two kinds: namespaces
 * (lab_machine.c), and hosts of a cluster that stands already, reached by ssh
 * (lab_hosts.c): lab_attach takes the place of lab_open then.
 *
 * A supervisor starts a node that ended by itself again after a second, as systemd does,
 * unless the drill holds it down. Thread: the main one, but for what says otherwise. */
#ifndef CHAOS_DRILL_LAB_H
#define CHAOS_DRILL_LAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "chaos/drill/sh.h"
#include "store/base/err.h"
#include "store/base/span.h"

#define LAB_NODES_MAX 9
#define LAB_REGIONS_MAX 3
#define LAB_PATH 512
#define LAB_PORT 443
#define LAB_PORT_BALANCER 8443
#define LAB_PORT_OPERATOR 9421
#define LAB_PORT_PEER 9431
#define LAB_PORT_WORKER 9441
#define LAB_PORT_STAFF 8444 /* of nodes, and of the balancers too */
#define LAB_HOST "id.tasuki.test"
#define LAB_MAIL_ADDRESS "10.77.0.2" /* where the mail of the nodes goes */
#define LAB_MAIL_PORT 2525

/* How packets go: late by so much, and up to so much more, or not at all. */
struct lab_way {
    unsigned delay_ms, jitter_ms, loss_percent;
};

/* What an experiment asks for. */
struct lab_plan {
    struct {
        unsigned region; /* index in `regions` */
        bool standby;    /* joins after the others, and does not vote */
        bool spare;      /* a machine without a node, for `replace` */
    } nodes[LAB_NODES_MAX];
    size_t nodes_count;
    char regions[LAB_REGIONS_MAX][32];
    size_t regions_count;
    unsigned disk_mib; /* of each node; 0: the machine's own */
    struct lab_way way; /* from one region to another */
    unsigned job_lease_s, review_claim_s; /* 0: as by default */
    bool clocks;          /* can be set one by one */
    bool mail;            /* the nodes send mail, and it is kept */
    char environment[16]; /* demo, verification or production */
};

struct lab;
struct machine;

/* A command: words, and what they are made of. */
struct lab_words {
    const char *at[24]; /* NULL at the end */
    char text[2][4096];
};
enum lab_hurt { HURT_PAUSE, HURT_CUT, HURT_DISK_FULL };

struct machine_ops {
    /* Start tasukid; false: it could not be. */
    bool (*start)(struct machine *machine, const char *option);
    bool (*signal)(struct machine *machine, int signal);
    /* Run a program on that machine. */
    int (*run)(struct machine *machine, const char *const argv[], unsigned seconds,
               struct buf *out);
    /* Commands for the drill's machine that make a fault and end it; `words` is what it
     * is about (of a cut: addresses and ways, as nft rules). NULL: faults are made
     * otherwise (fault_*.c). False: lab->why. */
    bool (*hurt)(struct machine *machine, enum lab_hurt what, const char *words,
                 unsigned ttl_s, struct lab_words *ret_make, struct lab_words *ret_heal);
};

struct machine {
    struct lab *lab;
    const struct machine_ops *ops;
    unsigned id; /* of the node */
    unsigned region;
    bool standby, spare;
    bool gone; /* its node was removed for good */
    bool dark; /* its disk has no current */
    char address[16];
    char http[32], operators[32]; /* address:port of http_listen, operator_listen */
    char host[128], service[64];  /* of lab_hosts.c: for ssh, for systemctl */
    bool up;                      /* likewise: it was started, and not stopped */
    char disk[LAB_PATH]; /* mount point of its disk, or its folder */
    char data[LAB_PATH], conf[LAB_PATH], log[LAB_PATH], clock[LAB_PATH];
    pid_t holder; /* keeps the namespace */
    int net;
    pid_t pid; /* of tasukid; 0: none */
    bool held; /* the supervisor leaves it down */
    uint64_t ended_ms;
    int ended_status;
    unsigned ended_count; /* by itself */
};

struct lab {
    struct lab_plan plan;
    char dir[LAB_PATH], bin[LAB_PATH], root[LAB_PATH], env[LAB_PATH], pki[LAB_PATH];
    char cluster_id[40];
    char host[256]; /* that browsers ask for, and where */
    unsigned port;
    char base[288]; /* https://host, with the port if it is another than 443 */
    bool attached;  /* to a cluster that stands already */
    char ssh[8][128]; /* the words before a host's name */
    size_t ssh_count;
    struct machine machines[LAB_NODES_MAX];
    size_t count;
    struct {
        pid_t pid;
        char address[32];
    } balancers[LAB_REGIONS_MAX];
    pid_t delayers[LAB_NODES_MAX]; /* of the ways between regions */
    pid_t slowed[LAB_NODES_MAX];   /* of the fault `slow` */
    pid_t mail; /* ops/demo-sinks */
    /* The center of that region is lost: its people stand still where they are. Read by
     * their threads. */
    atomic_bool lost[LAB_REGIONS_MAX];
    char why[1024]; /* the last failure, for people */
};

/* `dir`: empty or absent; `bin`: where tasukid and tasuki are; `root`: the source tree
 * (ops/pki, ops/haproxy). On failure lab->why says what to do, and lab_close is due. */
enum err lab_open(struct lab *lab, const struct lab_plan *plan, const char *dir,
                  const char *bin, const char *root);
/* Ends all of it; the folder stays, for those who look. */
void lab_close(struct lab *lab);

/* The cluster that a file of hosts describes (ops/docs/drills.md): nothing is made.
 * ERR_INVALID, ERR_NOT_FOUND and so on: lab->why. */
enum err lab_hosts_load(struct lab *lab, const char *path);
/* The text alone (fuzzed). */
enum err lab_hosts_parse(struct lab *lab, struct span text);
enum err lab_attach(struct lab *lab, const char *dir, const char *bin);

/* A node, or NULL. */
struct machine *lab_machine(struct lab *lab, unsigned id);
bool lab_running(const struct machine *machine);
/* Start a node that is down (`option`: NULL, --join or --bootstrap). */
bool lab_start(struct machine *machine, const char *option);
/* Reap what has ended, and start again what the drill does not hold down. Often. */
void lab_supervise(struct lab *lab);

/* Those balancers that are down are started again. False: lab->why. */
bool lab_balancers_start(struct lab *lab);
void lab_balancer_kill(struct lab *lab, unsigned region);

/* `tasuki ARGUMENT...` against all nodes; exit code as sh_run. */
int lab_tasuki(struct lab *lab, const char *const argv[], unsigned seconds,
               struct buf *out);

/* What a node says of itself (GET /v1/status). False: no answer. */
struct lab_status {
    bool ready;
    unsigned leader;
    uint64_t term, applied_index, digest_index;
    char digest[80], why[128];
    bool differs; /* some node's digest, says this one */
    int64_t clock_offset_ms; /* the largest between nodes */
    uint64_t waiting;        /* messages in the outbox */
};
bool lab_status(struct lab *lab, unsigned id, struct lab_status *ret_status);
/* The leader by the word of most; 0: none. */
unsigned lab_leader(struct lab *lab);

/* lab_net.c: links, and who may not reach whom. An address's packets to another. */
enum err lab_net_open(struct lab *lab);
void lab_net_close(struct lab *lab);
/* What reaches the machine comes that way, from everywhere, from when `make` is run until
 * `heal` is. False: lab->why. */
bool lab_net_slow(struct machine *machine, const struct lab_way *way,
                  struct lab_words *ret_make, struct lab_words *ret_heal);
/* lab_mail.c: the mail server of the lab, if the plan has one. False: lab->why. */
bool lab_mail_start(struct lab *lab);
/* Of the mail to `to`, as it came: what begins with `mark` in number `nth`, up to the next
 * space. Thread: any. */
bool lab_mail_find(const struct lab *lab, const char *to, const char *mark, size_t nth,
                   char *ret, size_t size);
/* lab_disk.c */
enum err lab_disk_open(struct machine *machine);
void lab_disk_close(struct machine *machine);
/* The current goes: what is not synced is gone. False: lab->why. */
bool lab_disk_cut(struct machine *machine);
bool lab_disk_unmount(struct machine *machine);
/* And it comes back. */
bool lab_disk_mount(struct machine *machine);
/* lab_machine.c */
extern const struct machine_ops lab_machine_ops;
/* lab_hosts.c */
extern const struct machine_ops lab_hosts_ops;
/* lab_config.c: keys, certificates, configuration and the file for `tasuki`. */
enum err lab_config_write(struct lab *lab);
enum err lab_config_node(struct machine *machine);
/* `ops/pki VERB DIR ARGUMENT...`, argv without DIR. False: lab->why. */
bool lab_pki(struct lab *lab, const char *const argv[]);

#endif
