#include "server/outbound_address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct block {
    uint8_t prefix[16];
    unsigned bits;
};

/* What is not globally reachable. */
static const struct block ipv4_blocks[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared by carriers */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local; clouds' metadata */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relays */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 3},           /* multicast, reserved, broadcast */
};

/* Global unicast is 2000::/3; these of it are not. */
static const struct block ipv6_blocks[] = {
    {{0x20, 0x01, 0x00}, 23},       /* protocol assignments, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4: leads to an IPv4 address */
    {{0x3f, 0xff, 0x00}, 20},       /* documentation */
};

static bool is_in(const uint8_t *address, const struct block *block) {
    unsigned bytes = block->bits / 8, rest = block->bits % 8;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));

    return memcmp(address, block->prefix, bytes) == 0 &&
           (rest == 0 || (address[bytes] & mask) == (block->prefix[bytes] & mask));
}

static bool ipv4_public(const uint8_t address[4]) {
    for (size_t i = 0; i < sizeof ipv4_blocks / sizeof ipv4_blocks[0]; i++)
        if (is_in(address, &ipv4_blocks[i]))
            return false;
    return true;
}

static bool ipv6_public(const uint8_t address[16]) {
    static const struct block mapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96};
    static const struct block nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};
    static const struct block global = {{0x20}, 3};

    /* Both are ways to write an IPv4 address. */
    if (is_in(address, &mapped) || is_in(address, &nat64))
        return ipv4_public(address + 12);
    if (!is_in(address, &global))
        return false;
    for (size_t i = 0; i < sizeof ipv6_blocks / sizeof ipv6_blocks[0]; i++)
        if (is_in(address, &ipv6_blocks[i]))
            return false;
    return true;
}

bool outbound_address_public(const struct sockaddr *address, size_t len) {
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET && len >= sizeof in) {
        memcpy(&in, address, sizeof in);
        return ipv4_public((const uint8_t *)&in.sin_addr);
    }
    if (address->sa_family == AF_INET6 && len >= sizeof in6) {
        memcpy(&in6, address, sizeof in6);
        return ipv6_public(in6.sin6_addr.s6_addr);
    }
    return false;
}
