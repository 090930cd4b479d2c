// FAPI 2.0 Security Profile §5.3.2.1: who may have tokens at the token endpoint, and what
// they are good for.
import assert from 'node:assert/strict';
import { sleep } from '../../lib/demo.mjs';
import { random } from '../../lib/flow.mjs';
import { assertIdToken, nowS } from '../lib/checks.mjs';
import {
  assertRefused,
  assertResource,
  assertTokens,
  client,
  exchange,
  flow,
  renew,
  resource,
  toCode,
  WITH_ASSERTION,
} from '../lib/fapi.mjs';
import { assertTlsVersions } from '../lib/fapi_client.mjs';
import { fapiModule } from '../lib/fapi_module.mjs';
import { withAlg } from '../lib/keys.mjs';

const inverted = (text) => text.replace(/[a-z]/gi, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()));

// The scheme's name is of no case (RFC 9110 §11.1).
async function schemeCase(op, rp) {
  const { tokens } = await flow(op, rp);
  const scheme = inverted(rp.sender === 'dpop' ? 'DPoP' : 'Bearer');
  await assertResource(op, rp, tokens.access_token, { scheme });
}

// Client 2 by name, client 1 by key.
async function clientId(op, rp, t) {
  const other = await client(t.variant, 1);
  const { code, verifier } = await toCode(op, rp);
  const mixed = { ...rp, clientId: other.clientId };
  const answer = await exchange(op, mixed, code, verifier);
  assertRefused(answer, ['invalid_client', 'invalid_grant']);
}

// Neither a proof nor a certificate.
async function holderOfKey(op, rp) {
  await assertTlsVersions(op, ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint']);
  const { code, verifier } = await toCode(op, rp);
  const bare = { ...rp, tls: rp.sender === 'mtls' ? undefined : rp.tls };
  const answer = await exchange(op, bare, code, verifier, { dpop: false });
  const errors = ['invalid_request', 'invalid_grant', rp.sender === 'dpop' ? 'invalid_dpop_proof' : 'invalid_client'];
  assertRefused(answer, errors);
}

async function boundToClient(op, rp, t) {
  const other = await client(t.variant, 1);
  const { code, verifier } = await toCode(op, rp);
  const answer = await exchange(op, { ...other, redirectUri: rp.redirectUri }, code, verifier);
  assert.equal(answer.status, 400);
  assertRefused(answer, 'invalid_grant');
}

async function reusedCode(op, rp) {
  const { code, verifier, tokens } = await flow(op, rp);
  await sleep(1000);
  assertRefused(await exchange(op, rp, code, verifier), 'invalid_grant');
  const after = await resource(op, rp, tokens.access_token);
  assert.equal(after.status, 401, 'the tokens of the code are revoked (RFC 6749 §4.1.2)');
}

async function expiredCode(op, rp) {
  const { code, verifier } = await toCode(op, rp);
  await sleep(62000);
  assertRefused(await exchange(op, rp, code, verifier), 'invalid_grant');
}

// The same RSA key, once with an algorithm of FAPI 2.0 §5.4 and once without.
async function rs256(op, _rp, t) {
  const rp = await client(t.variant, 0, { name: 'rsa', keyAlg: 'PS256' });
  const { code, verifier } = await toCode(op, rp);
  assertRefused(await exchange(op, rp, code, verifier, { assertion: { key: await withAlg(rp.key, 'RS256') } }), 'invalid_client');
}

const badAssertion = (assertion) => async (op, rp) => {
  const { code, verifier } = await toCode(op, rp);
  assertRefused(await exchange(op, rp, code, verifier, { assertion: assertion() }), ['invalid_client', 'invalid_request']);
};

const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' };

async function renewed(op, rp) {
  const first = await flow(op, rp, { params: OFFLINE });
  assert.ok(first.tokens.refresh_token, 'a refresh token');
  const answer = await renew(op, rp, first.tokens.refresh_token);
  const tokens = assertTokens(rp, answer);
  assert.notEqual(tokens.access_token, first.tokens.access_token);
  if (tokens.id_token) {
    const claims = await assertIdToken(op, tokens.id_token, { rp, sent: { nonce: (await op.verify(tokens.id_token)).payload.nonce }, accessToken: tokens.access_token });
    for (const name of ['iss', 'sub', 'aud', 'auth_time']) assert.deepEqual(claims[name], first.claims[name], name);
  }
  await assertResource(op, rp, tokens.access_token);
  return tokens.refresh_token ?? first.tokens.refresh_token;
}

async function refreshToken(op, rp, t) {
  const { grant_types_supported: grants } = await op.metadata();
  assert.ok(grants.includes('refresh_token'));
  const other = await client(t.variant, 1);
  const mine = await renewed(op, rp);
  const theirs = await renewed(op, other);
  assertRefused(await renew(op, rp, theirs), 'invalid_grant');
  const bare = { ...rp, tls: rp.sender === 'mtls' ? undefined : rp.tls };
  assertRefused(await renew(op, bare, mine, { dpop: false }), ['invalid_request', 'invalid_grant', rp.sender === 'dpop' ? 'invalid_dpop_proof' : 'invalid_client']);
  assertTokens(rp, await renew(op, rp, mine));
}

const wrongVerifier = (verifier) => async (op, rp) => {
  const { code } = await toCode(op, rp);
  const answer = await exchange(op, rp, code, verifier());
  assert.equal(answer.status, 400);
  assertRefused(answer, 'invalid_grant');
};

const ASSERTED = { variants: WITH_ASSERTION };

export const modules = [
  fapiModule('access-token-type-header-case-sensitivity', schemeCase),
  fapiModule('ensure-client-id-in-token-endpoint', clientId),
  fapiModule('ensure-holder-of-key-required', holderOfKey),
  fapiModule('ensure-authorization-code-is-bound-to-client', boundToClient),
  fapiModule('attempt-reuse-authorization-code-after-one-second', reusedCode),
  fapiModule('ensure-token-endpoint-fails-with-expired-auth-code', expiredCode, { slow: true }),
  fapiModule('ensure-signed-client-assertion-with-RS256-fails', rs256, ASSERTED),
  fapiModule('ensure-client-assertion-in-token-endpoint', badAssertion(() => false), ASSERTED),
  fapiModule(
    'ensure-client-assertion-with-exp-is-5-minutes-in-past-fails',
    badAssertion(() => ({ claims: { iat: nowS() - 360, exp: nowS() - 300 } })),
    ASSERTED,
  ),
  fapiModule('ensure-client-assertion-with-wrong-aud-fails', badAssertion(() => ({ claims: { aud: 'https://other.example.test/' } })), ASSERTED),
  fapiModule('ensure-client-assertion-with-no-sub-fails', badAssertion(() => ({ claims: { sub: undefined } })), ASSERTED),
  fapiModule('refresh-token', refreshToken),
  fapiModule('ensure-pkce-code-verifier-required', wrongVerifier(() => undefined)),
  fapiModule('incorrect-pkce-code-verifier-rejected', wrongVerifier(() => random(32))),
];
