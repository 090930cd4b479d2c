// The happy flow of FAPI 2.0 by openid-client alone, and then what a token is bound to.
import assert from 'node:assert/strict';
import * as openid from 'openid-client';
import { note } from '../../lib/secrets.mjs';
import { handshake } from './tls.mjs';
import { answered } from './agent.mjs';
import { assertAuthorized, assertIdToken } from './checks.mjs';
import { newAgent } from './code_flow.mjs';
import { client, flow, resource } from './fapi.mjs';

const AUTH = {
  private_key_jwt: (rp) => openid.PrivateKeyJwt({ key: rp.key.privateKey, kid: rp.key.jwk.kid }),
  mtls: () => openid.TlsClientAuth(),
};

async function configuration(op, rp) {
  const fetcher = op.fetcher({ tls: rp.tls, redirectUri: rp.redirectUri });
  const metadata = { id_token_signed_response_alg: rp.alg, ...(rp.tls ? { use_mtls_endpoint_aliases: true } : {}) };
  const config = await openid.discovery(new URL(op.issuer), rp.clientId, metadata, AUTH[rp.method](rp), { [openid.customFetch]: fetcher, timeout: 30 });
  config[openid.customFetch] = fetcher;
  openid.enableNonRepudiationChecks(config);
  return config;
}

async function byLibrary(op, rp) {
  const config = await configuration(op, rp);
  const DPoP = rp.sender === 'dpop' ? openid.getDPoPHandle(config, { privateKey: rp.dpop.privateKey, publicKey: rp.dpop.publicKey }) : undefined;
  const verifier = note(openid.randomPKCECodeVerifier());
  const sent = { redirect_uri: rp.redirectUri, scope: 'openid', state: openid.randomState(), nonce: openid.randomNonce() };
  const params = { ...sent, code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' };
  const url = await openid.buildAuthorizationUrlWithPAR(config, params, { DPoP });
  const result = await (await newAgent(op)).visit(url);
  const callback = answered(result, rp.redirectUri);
  assertAuthorized(callback, sent, op.issuer);
  const checks = { pkceCodeVerifier: verifier, expectedState: sent.state, expectedNonce: sent.nonce, idTokenExpected: true };
  const given = await openid.authorizationCodeGrant(config, new URL(result.location), checks, undefined, { DPoP });
  const claims = await assertIdToken(op, given.id_token, { rp, sent, accessToken: given.access_token, code: callback.code });
  assert.equal((await openid.fetchUserInfo(config, given.access_token, claims.sub, { DPoP })).sub, claims.sub);
}

// FAPI 2.0 §5.2.1: TLS 1.2 or later at each endpoint.
export async function assertTlsVersions(op, names) {
  for (const name of names) {
    const url = await op.endpoint(name);
    const old = await handshake(url, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    assert.equal(old, undefined, `${name}: ${old} is taken`);
    assert.equal(await handshake(url, {}), 'TLSv1.3', name);
  }
}

export async function happyFlow(op, rp, t) {
  await assertTlsVersions(op, ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint']);
  await byLibrary(op, rp);
  const other = await client(t.variant, 1);
  const { tokens } = await flow(op, other);
  // Not in the query (RFC 6750 §2.3), and not by who cannot prove that it is theirs.
  const url = await op.endpoint('userinfo_endpoint');
  const inQuery = await op.call('GET', `${url}?access_token=${tokens.access_token}`, { tls: other.tls });
  assert.ok(inQuery.status >= 400 && inQuery.status < 500, `access token in the query: ${inQuery.status}`);
  const stolen = await resource(op, rp, tokens.access_token);
  assert.equal(stolen.status, 401, 'another client with its own key or certificate');
}
