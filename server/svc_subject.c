#include "server/svc_subject.h"

#include "server/oidc/redirect_uri.h"
#include "store/base/codec.h"
#include "store/base/limits.h"

/* §8.1: what was registered, or the host of the redirect URIs, which have one. */
static struct span sector_of(const struct client *client) {
    struct span origin, host = {NULL, 0};

    if (client->sector && client->sector[0])
        return span_str(client->sector);
    if (client->redirect_uris_count > 0)
        redirect_uri_origin(span_str(client->redirect_uris[0]), &origin, &host);
    return host.len > 0 ? host : span_str(client->client_id);
}

size_t svc_subject(struct sealer *sealer, const struct client *client, struct id128 id,
                   char text[SVC_SUBJECT_LEN + 1]) {
    uint8_t in[LIMIT_REDIRECT_URI + sizeof id.b], out[32];
    struct span sector = sector_of(client);

    if (!(client->features & CLIENT_PAIRWISE)) {
        hex_encode(span_of(id.b, sizeof id.b), text);
        return 2 * sizeof id.b;
    }
    if (sector.len > LIMIT_REDIRECT_URI)
        sector.len = LIMIT_REDIRECT_URI;
    /* The account or session first: it is always as long, so no two pairs are alike. */
    memcpy(in, id.b, sizeof id.b);
    memcpy(in + sizeof id.b, sector.data, sector.len);
    sealer_hash(sealer, HASH_SUBJECT, span_of(in, sizeof id.b + sector.len), out);
    return base64url_encode(span_of(out, sizeof out), text);
}

struct span svc_subject_text(struct sealer *sealer, const struct client *client,
                             struct id128 id, struct arena *arena) {
    char *text = arena_alloc(arena, SVC_SUBJECT_LEN + 1);

    if (!text)
        return span_of(NULL, 0);
    return span_of(text, svc_subject(sealer, client, id, text));
}
