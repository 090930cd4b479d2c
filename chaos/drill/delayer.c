/* tasuki-delayer: holds the packets that arrive at a machine from other regions (or, with
 * --region 0, from everywhere) for as long as the way between them takes, or loses them.
 * Runs in the machine's namespace, reads a netfilter queue. The kernel has no delay of its
 * own here (no netem). */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define HELD_MAX 65536u /* packets under way; more are let through at once */

struct delayer {
    unsigned region, delay_ms, jitter_ms, loss_percent;
    uint64_t random;
    struct nfq_q_handle *queue;
    /* A ring in order of arrival; with jitter a packet waits for those before it, as
     * on a line that keeps order. */
    struct {
        uint32_t id;
        uint64_t due_us;
    } held[HELD_MAX];
    size_t first, count;
};

static uint64_t now_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* splitmix64: the same seed loses the same packets. */
static uint64_t draw(struct delayer *delayer) {
    uint64_t z = delayer->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Of an address 10.77.REGION.NODE; 0: the drill's own. */
static unsigned region_of(struct nfq_data *data) {
    unsigned char *packet;
    int len = nfq_get_payload(data, &packet);
    return len >= 20 && packet[0] >> 4 == 4 ? packet[14] : 0;
}

static int on_packet(struct nfq_q_handle *queue, struct nfgenmsg *message,
                     struct nfq_data *data, void *arg) {
    struct delayer *delayer = arg;
    struct nfqnl_msg_packet_hdr *head = nfq_get_msg_packet_hdr(data);
    uint32_t id = head != NULL ? ntohl(head->packet_id) : 0;
    unsigned from = region_of(data);

    (void)message;
    bool near = delayer->region != 0 && (from == 0 || from == delayer->region);
    if (near || delayer->count == HELD_MAX) {
        return nfq_set_verdict(queue, id, NF_ACCEPT, 0, NULL);
    }
    if (draw(delayer) % 100 < delayer->loss_percent) {
        return nfq_set_verdict(queue, id, NF_DROP, 0, NULL);
    }
    uint64_t due = now_us() + delayer->delay_ms * 1000u +
                   (delayer->jitter_ms > 0
                        ? draw(delayer) % (delayer->jitter_ms * 1000u)
                        : 0);
    size_t at = (delayer->first + delayer->count) % HELD_MAX;
    delayer->held[at].id = id;
    delayer->held[at].due_us = due;
    delayer->count++;
    return 0;
}

/* Let go what is due; how long until the next is, in ms (-1: nothing is held). */
static int let_go(struct delayer *delayer) {
    uint64_t now = now_us();
    while (delayer->count > 0 && delayer->held[delayer->first].due_us <= now) {
        nfq_set_verdict(delayer->queue, delayer->held[delayer->first].id, NF_ACCEPT, 0,
                        NULL);
        delayer->first = (delayer->first + 1) % HELD_MAX;
        delayer->count--;
    }
    if (delayer->count == 0) {
        return -1;
    }
    return (int)((delayer->held[delayer->first].due_us - now + 999) / 1000);
}

static int run(struct delayer *delayer, struct nfq_handle *handle) {
    static char bytes[65536] __attribute__((aligned(8)));
    int from = nfq_fd(handle);
    for (;;) {
        struct pollfd wait = {.fd = from, .events = POLLIN};
        int ready = poll(&wait, 1, let_go(delayer));
        if (ready < 0 && errno != EINTR) {
            return EX_OSERR;
        }
        if (ready > 0) {
            ssize_t n = recv(from, bytes, sizeof(bytes), 0);
            if (n > 0) {
                nfq_handle_packet(handle, bytes, (int)n);
            } else if (n < 0 && errno != ENOBUFS && errno != EINTR) {
                return EX_OSERR;
            }
        }
    }
}

static void usage(FILE *to) {
    fprintf(to, "usage: tasuki-delayer --region N [--queue Q] [--delay-ms MS]\n"
                "                      [--jitter-ms MS] [--loss-percent P] [--seed S]\n\n"
                "Holds packets of netfilter queue Q (default 0) that other regions\n"
                "(10.77.REGION.*) send here; with --region 0 those of everybody. Started by\n"
                "tasuki-chaos, in a machine's network namespace.\n");
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"region", required_argument, NULL, 'r'},
        {"queue", required_argument, NULL, 'q'},
        {"delay-ms", required_argument, NULL, 'd'},
        {"jitter-ms", required_argument, NULL, 'j'},
        {"loss-percent", required_argument, NULL, 'l'},
        {"seed", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    static struct delayer delayer;
    unsigned long number = 0;
    bool placed = false;
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        unsigned long value = optarg != NULL ? strtoul(optarg, NULL, 10) : 0;
        switch (c) {
        case 'r': delayer.region = (unsigned)value, placed = true; break;
        case 'q': number = value; break;
        case 'd': delayer.delay_ms = (unsigned)value; break;
        case 'j': delayer.jitter_ms = (unsigned)value; break;
        case 'l': delayer.loss_percent = (unsigned)value; break;
        case 's': delayer.random = value; break;
        case 'h': usage(stdout); return EX_OK;
        default: usage(stderr); return EX_USAGE;
        }
    }
    if (!placed || number > UINT16_MAX || optind != argc) {
        usage(stderr);
        return EX_USAGE;
    }
    struct nfq_handle *handle = nfq_open();
    if (handle != NULL) {
        delayer.queue = nfq_create_queue(handle, (uint16_t)number, on_packet, &delayer);
    }
    if (delayer.queue == NULL ||
        nfq_set_mode(delayer.queue, NFQNL_COPY_PACKET, 64) < 0) {
        fprintf(stderr, "tasuki-delayer: no netfilter queue here: run it as root\n");
        return EX_UNAVAILABLE;
    }
    nfq_set_queue_maxlen(delayer.queue, HELD_MAX);
    return run(&delayer, handle);
}
