/* config: the node's configuration file.
 *
 * `key = value` lines, `#` comments, UTF-8. Unknown, doubled, missing or
 * malformed keys are errors that name file, line, key and what is expected.
 * Secrets are files that the configuration names; their mode must be 0600 or
 * stricter and their owner the process's user or root. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "raft/repl.h"
#include "server/domain/phone.h"
#include "store/base/err.h"
#include "store/store_client.h"

#define CONFIG_HOSTS_MAX 16

struct config_listener {
    char address[64]; /* "IPv4:port"; empty: not configured */
};

/* Who delivers to people: the preferred one and another one of each kind, in the order
 * of enum svc_provider (svc_metrics.h). */
#define CONFIG_PROVIDERS 6
struct config_provider {
    char url[256];          /* empty: there is none */
    char credentials[1024]; /* file: of mail user:password, else the bearer secret */
};

struct config {
    uint64_t node_id;                           /* node_id = 1 */
    struct id128 cluster_id;                    /* cluster_id = 32 hex digits */
    char data_dir[1024];                        /* data_dir = /var/lib/tasuki */
    struct repl_peer_config peers[LIMIT_NODES]; /* peer = 1 127.0.0.1:7101 tokyo */
    size_t peers_count;
    char region[32];                   /* of this node: from its peer line */
    char issuer[256];                  /* issuer = https://host[:port]/oauth/ */
    char hosts[CONFIG_HOSTS_MAX][256]; /* host = ... (repeatable): others get 421 */
    size_t hosts_count;
    enum client_environment
        environment;                 /* environment = demo|verification|production */
    struct config_listener http;     /* http_listen: HTTPS, direct */
    struct config_listener balancer; /* balancer_listen: HTTPS, client certificate of
                                        the balancer required; X-Forwarded-* believed */
    struct config_listener mtls;     /* mtls_listen: HTTPS, any client certificate is
                                        asked for (RFC 8705) */
    char mtls_url[256];   /* mtls_url = https://host[:port]/oauth/, as clients
                             reach mtls_listen */
    char scan_viewer[1024]; /* tasuki-ocr, which shows scans; "": beside tasukid */
    char client_ca[1024]; /* client_ca: proves subjects of tls_client_auth */
    struct config_listener staff; /* staff_listen: HTTPS, the staff console; behind a
                                     balancer, as balancer_listen */
    struct config_listener worker; /* worker_listen: HTTPS, OCR worker certificate */
    struct config_listener operator_; /* operator_listen: HTTPS, operator certificate */
    char http_cert[1024], http_key[1024]; /* shown to browsers and the balancer */
    char peer_cert[1024], peer_key[1024];
    char ca[1024];          /* cluster CA: peers, balancer, operators */
    char cluster_key[1024]; /* keyring */
    uint32_t http_threads;  /* default 2 */
    uint32_t hash_threads;  /* default 2 */
    uint64_t free_bytes_min; /* no writes below; scans keep twice that. Default 256 MiB */
    uint64_t map_bytes;     /* store_map_bytes, default 64 GiB, sparse */
    uint32_t election_timeout_ms, heartbeat_ms, staleness_bound_ms;
    uint32_t clock_skew_max_ms, stall_limit_ms, drain_ms;
    uint32_t scrub_interval_s; /* 0: no background scrub */
    uint32_t blob_lost_after_s; /* this node is silent for so long: copies that it holds
                                   are made anew elsewhere; default 3600 */
    uint32_t key_rotate_s;     /* a signing key is replaced at this age; 0: never */
    uint32_t key_publish_s;    /* and its successor stands so long in the JWKS before it
                                  signs: longer than RPs keep the JWKS (max-age) */
    uint32_t session_idle_s, session_lifetime_s; /* 1800, 43200 */
    bool second_factor_enrolled; /* second_factor = required|enrolled: asked of every
                                    Prime and Member, or of who has one; default
                                    required */
    uint32_t remember_device_s;  /* a browser that its holder trusts is not asked so
                                    long; default 0: never */
    uint32_t staff_idle_s, staff_lifetime_s; /* 900, 36000: of the staff's sessions */
    /* How long an application is one reviewer's, and a job one worker's, without a word
     * from them: 1200, 120. */
    uint32_t review_claim_s, job_lease_s;
    /* Attempts to sign in, held by all nodes together, whatever comes of them; those from
     * a browser that the account knows do not count. 0: no bound. Of one account in an
     * hour; of one address (IPv6: /64), and of one relying party, in ten minutes. */
    uint32_t login_cap_account, login_cap_source, login_cap_client;
    uint32_t login_limit_per_minute; /* per client address, default 60; 0: off */
    uint64_t log_retained_bytes;     /* default 64 MiB: an outage that it covers needs
                                        no image */
    char outbound_ca[1024];          /* trusted for calls to other systems; empty: the
                                        system's store */
    bool outbound_private;           /* outbound_private = yes|no: may addresses of
                                        private networks be called; default no, in
                                        the environment demo yes */
    struct config_provider providers[CONFIG_PROVIDERS];
    char smtp_from[LIMIT_ACCOUNT_ID + 1]; /* smtp_from = noreply@example.jp */
    uint32_t smtp_timeout_ms, sms_timeout_ms; /* of one call: 8000, 5000 */
    uint32_t push_timeout_ms;                 /* 5000 */
    struct phone_countries sms_country; /* sms_country = 81 (repeatable): messages are
                                           sent to these; default Japan alone */
    /* Messages in 24 hours, held by all nodes together. A text message: to one number;
     * to it in ten minutes; to numbers that differ in the last four digits; asked for by
     * one address (IPv6: /64); for one relying party; abroad; all. Mail that anybody may
     * cause: to one address; asked for by one; all. */
    uint32_t sms_cap_number, sms_cap_burst, sms_cap_prefix, sms_cap_source;
    uint32_t sms_cap_client, sms_cap_foreign, sms_cap_all;
    uint32_t mail_cap_address, mail_cap_source, mail_cap_all;
    uint32_t sms_cap_site, mail_cap_site; /* of a /48, or of a /24 with IPv4 */
    /* Applications. Reminders after so long: that documents have not come, that an
     * approved one is not set up (again after four times as long, and a week before its
     * end); without documents it is given up after application_lapse_s, and an approval
     * lapses after activation_lapse_s. */
    uint32_t application_remind_s, application_lapse_s, activation_remind_s;
    uint32_t activation_lapse_s;
    /* What その他団体 send with their form, in either language; empty: such
     * applications are not taken. */
    char other_documents[512], other_documents_en[512];
    char intake_address[512]; /* where forms are sent to: printed on the label */
    uint64_t image_bytes_per_s;      /* default 64 MiB/s for each image given */
};

/* ERR_CONFIG with one sentence in `why`. */
enum err config_load(const char *path, struct config *ret_config, char why[512]);
/* The parser alone (fuzzed): `name` is what errors call the file. */
enum err config_parse(const char *name, struct span text, struct config *ret_config,
                      char why[512]);
/* Mode and owner of every secret file, existence of the others. */
/* As the configuration and certificates say it: demo, verification, production. */
const char *config_environment_name(enum client_environment environment);
enum err config_check_files(const struct config *config, char why[512]);

#endif
