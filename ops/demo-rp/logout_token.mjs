// logout_token: what a relying party checks of a logout token (OpenID Connect
// Back-Channel Logout 1.0 §2.6).
import { createRemoteJWKSet, jwtVerify } from 'jose';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

// verify(token, rp) -> { sub, sid }; throws for a token that must not be obeyed.
export function makeVerifier(config, metadata) {
  let keys = null;

  return async function verify(token, rp) {
    keys ??= createRemoteJWKSet(new URL((await metadata()).jwks_uri));
    const { payload } = await jwtVerify(token, keys, {
      issuer: config.issuer,
      audience: rp.client_id,
      algorithms: [rp.alg],
      typ: 'logout+jwt',
      requiredClaims: ['iat', 'exp', 'jti', 'events'],
    });
    if (typeof payload.events?.[EVENT] !== 'object') throw new Error('it is no logout event');
    if (payload.nonce !== undefined) throw new Error('it has a nonce: it is an ID token');
    if (!payload.sub && !payload.sid) throw new Error('it names nobody');
    return payload;
  };
}
