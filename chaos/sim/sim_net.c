#include "chaos/sim/sim_net.h"

#include <stdlib.h>
#include <string.h>

#include "chaos/sim/sim_world.h"
#include "store/base/check.h"

#define PAUSE_MIN_MS 50 /* raft/peer_link's */
#define PAUSE_MAX_MS 1000
#define HANDSHAKE_MAX_US (3000 * SIM_US_PER_MS)
/* TCP gives up so long after the first byte that nobody acknowledged. */
#define UNACKED_MAX_US (5000 * SIM_US_PER_MS)
/* It sends again so often while a cut lasts. */
#define RESEND_US (200 * SIM_US_PER_MS)
#define IN_FLIGHT_MAX 20000

struct wire { /* argument of a link's event */
    unsigned from, to;
    uint64_t number;
    uint64_t to_life;
    size_t len;
    uint8_t bytes[];
};

static struct sim_link *link_of(struct sim_net *net, unsigned from, unsigned to) {
    CHECK(from > 0 && from < SIM_OWNERS && to > 0 && to < SIM_OWNERS);
    return &net->link[from][to];
}

static uint64_t latency(struct sim_net *net, const struct sim_link *link) {
    return net->latency_us + link->extra_us + sim_below(&net->rng, net->jitter_us + 1);
}

static struct wire *wire_new(const struct sim_net *net, unsigned from, unsigned to,
                             struct span bytes) {
    struct wire *wire = malloc(sizeof(*wire) + bytes.len);
    CHECK(wire != NULL);
    *wire = (struct wire){.from = from,
                          .to = to,
                          .number = net->link[from][to].number,
                          .to_life = net->loop->life[to],
                          .len = bytes.len};
    if (bytes.len > 0) {
        memcpy(wire->bytes, bytes.data, bytes.len);
    }
    return wire;
}

void sim_net_init(struct sim_net *net, struct sim *sim, struct sim_loop *loop,
                  uint64_t seed) {
    *net = (struct sim_net){.sim = sim, .loop = loop, .latency_us = 300};
    net->jitter_us = 400;
    sim_rng_seed(&net->rng, seed, 1);
}

/* --- dialling --- */

static void on_dial(struct sim *sim, unsigned owner, void *arg);

static void dial_later(struct sim_net *net, unsigned from, unsigned to, uint64_t us) {
    sim_after(net->loop, us, from, "link.dial", on_dial,
              wire_new(net, from, to, (struct span){0}));
}

/* The dialling end learns that its link is no more. */
static void down(struct sim_net *net, unsigned from, unsigned to, bool refused) {
    struct sim_link *link = link_of(net, from, to);
    bool was_up = link->state == SIM_LINK_UP;
    link->state = SIM_LINK_DOWN;
    link->number++;
    link->in_flight = 0;
    if (!sim_lives(net->loop, from)) {
        return;
    }
    uint64_t pause_ms = link->pause_ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : link->pause_ms;
    dial_later(net, from, to, was_up ? 0 : pause_ms * SIM_US_PER_MS);
    link->pause_ms = 2 * pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : 2 * pause_ms;
    if (refused) {
        sim_node_link_refused(net->sim, from, to);
    }
}

static bool same_epoch(const struct sim_net *net, unsigned from, unsigned to) {
    return net->epoch[from] == 0 || net->epoch[to] == 0 ||
           net->epoch[from] == net->epoch[to] ||
           net->sim->config.planted == PLANTED_MIXED_EPOCHS;
}

/* One that is no peer is at the door; if it is met it is let in at its next try. */
static void on_stranger(struct sim *sim, unsigned owner, void *arg) {
    const struct wire *wire = arg;
    sim_node_stranger(sim, owner, wire->from);
}

static void on_dialled(struct sim *sim, unsigned owner, void *arg) {
    const struct wire *wire = arg;
    struct sim_net *net = sim_net_of(sim);
    struct sim_link *link = link_of(net, wire->from, wire->to);
    if (link->number != wire->number || link->state != SIM_LINK_DIALLING) {
        return;
    }
    if (link->cut || link_of(net, wire->to, wire->from)->cut) {
        down(net, owner, wire->to, false);
    } else if (!sim_lives(net->loop, wire->to)) {
        down(net, owner, wire->to, true);
    } else if (!same_epoch(net, owner, wire->to)) {
        down(net, owner, wire->to, false);
    } else if (!link_of(net, wire->to, owner)->wanted) {
        down(net, owner, wire->to, false);
        sim_after(net->loop, 0, wire->to, "link.stranger", on_stranger,
                  wire_new(net, owner, wire->to, (struct span){0}));
    } else {
        link->state = SIM_LINK_UP;
        link->pause_ms = PAUSE_MIN_MS;
        link->busy_until_us = net->loop->now_us;
        link->resend_at_us = 0;
        sim_node_link_up(sim, owner, wire->to);
    }
}

static void on_dial(struct sim *sim, unsigned owner, void *arg) {
    const struct wire *wire = arg;
    struct sim_net *net = sim_net_of(sim);
    struct sim_link *link = link_of(net, owner, wire->to);
    if (link->state != SIM_LINK_DOWN || !link->wanted || link->number != wire->number) {
        return;
    }
    link->state = SIM_LINK_DIALLING;
    link->number++;
    bool blocked = link->cut || link_of(net, wire->to, owner)->cut;
    sim_after(net->loop, blocked ? HANDSHAKE_MAX_US : 4 * latency(net, link), owner,
              "link.dialled", on_dialled,
              wire_new(net, owner, wire->to, (struct span){0}));
}

void sim_net_want(struct sim_net *net, unsigned from, unsigned to, bool wanted) {
    struct sim_link *link = link_of(net, from, to);
    if (link->wanted == wanted) {
        return;
    }
    link->wanted = wanted;
    link->number++;
    link->state = SIM_LINK_DOWN;
    link->pause_ms = PAUSE_MIN_MS;
    if (wanted) {
        dial_later(net, from, to, 0);
    } else {
        sim_net_break(net, to, from); /* what it dialled to us is closed */
    }
}

void sim_net_redial(struct sim_net *net, unsigned from, unsigned to) {
    struct sim_link *link = link_of(net, from, to);
    if (link->state == SIM_LINK_DOWN && link->wanted) {
        dial_later(net, from, to, 0);
    }
}

/* --- breaking --- */

static void on_out_broken(struct sim *sim, unsigned owner, void *arg) {
    const struct wire *wire = arg;
    struct sim_net *net = sim_net_of(sim);
    struct sim_link *link = link_of(net, owner, wire->to);
    if (link->number == wire->number && link->state == SIM_LINK_UP) {
        down(net, owner, wire->to, false);
    }
}

static void on_in_broken(struct sim *sim, unsigned owner, void *arg) {
    const struct wire *wire = arg;
    sim_node_link_lost(sim, owner, wire->from);
}

/* Both ends hear of it, unless the way to them is cut: then TCP tells later. */
static void break_link(struct sim_net *net, unsigned from, unsigned to) {
    struct sim_link *link = link_of(net, from, to);
    if (link->state != SIM_LINK_UP) {
        return;
    }
    uint64_t us = latency(net, link);
    uint64_t out_us = link_of(net, to, from)->cut ? UNACKED_MAX_US : us;
    uint64_t in_us = link->cut ? UNACKED_MAX_US : us;
    sim_after(net->loop, out_us, from, "link.out_broken", on_out_broken,
              wire_new(net, from, to, (struct span){0}));
    sim_after(net->loop, in_us, to, "link.in_broken", on_in_broken,
              wire_new(net, from, to, (struct span){0}));
}

void sim_net_break(struct sim_net *net, unsigned from, unsigned to) {
    break_link(net, from, to);
}

void sim_net_gone(struct sim_net *net, unsigned node) {
    for (unsigned other = 1; other < SIM_OWNERS; other++) {
        if (other == node) {
            continue;
        }
        break_link(net, node, other);
        break_link(net, other, node);
        net->link[node][other].wanted = false;
        net->link[node][other].state = SIM_LINK_DOWN;
        net->link[node][other].number++;
    }
    net->epoch[node] = 0;
}

void sim_net_epoch(struct sim_net *net, unsigned node, uint64_t epoch) {
    net->epoch[node] = epoch;
}

/* --- messages --- */

static void on_arrival(struct sim *sim, unsigned owner, void *arg);

/* It is sent again until the cut ends, or TCP gives up. */
static void wait_behind_cut(struct sim_net *net, struct sim_link *link,
                            const struct wire *wire) {
    uint64_t now_us = net->loop->now_us;
    if (link->cut && now_us - link->cut_at_us > UNACKED_MAX_US) {
        net->lost++;
        link->given_up = link->number;
        break_link(net, wire->from, wire->to);
        return;
    }
    if (now_us >= link->resend_at_us) {
        link->resend_at_us = now_us + RESEND_US;
    }
    sim_after(net->loop, link->resend_at_us - now_us, wire->to, "link.resend",
              on_arrival,
              wire_new(net, wire->from, wire->to, span_of(wire->bytes, wire->len)));
}

static void on_arrival(struct sim *sim, unsigned owner, void *arg) {
    struct wire *wire = arg;
    struct sim_net *net = sim_net_of(sim);
    struct sim_link *link = link_of(net, wire->from, wire->to);
    if (link->number != wire->number || link->given_up == wire->number ||
        net->loop->life[wire->to] != wire->to_life) {
        net->lost++;
        return;
    }
    if (link->cut || net->loop->now_us < link->resend_at_us) {
        wait_behind_cut(net, link, wire);
        return;
    }
    link->in_flight--;
    net->messages++;
    sim_node_message(sim, owner, wire->from, span_of(wire->bytes, wire->len));
}

enum err sim_net_send(struct sim_net *net, unsigned from, unsigned to,
                      struct span bytes) {
    if (to == 0 || to >= SIM_OWNERS || net->link[from][to].state != SIM_LINK_UP) {
        return ERR_CLOSED; /* a leader that is not known has the number 0 */
    }
    struct sim_link *link = link_of(net, from, to);
    if (link->in_flight >= IN_FLIGHT_MAX) {
        return ERR_BUSY;
    }
    uint64_t at_us = net->loop->now_us + latency(net, link);
    if (at_us <= link->busy_until_us) {
        at_us = link->busy_until_us + 1;
    }
    link->busy_until_us = at_us;
    link->in_flight++;
    sim_after(net->loop, at_us - net->loop->now_us, to, "link.arrival", on_arrival,
              wire_new(net, from, to, bytes));
    return OK;
}

bool sim_net_is_up(const struct sim_net *net, unsigned from, unsigned to) {
    return net->link[from][to].state == SIM_LINK_UP;
}

/* --- faults --- */

void sim_net_cut(struct sim_net *net, unsigned from, unsigned to, bool cut) {
    struct sim_link *link = link_of(net, from, to);
    if (cut && !link->cut) {
        link->cut_at_us = net->loop->now_us;
    }
    link->cut = cut;
}

void sim_net_mend_all(struct sim_net *net) {
    for (unsigned from = 1; from < SIM_OWNERS; from++) {
        for (unsigned to = 1; to < SIM_OWNERS; to++) {
            net->link[from][to].cut = false;
            net->link[from][to].extra_us = 0;
        }
    }
}
