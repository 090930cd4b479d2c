// Refresh tokens (RFC 6749 §6, OpenID Connect Core §12): renewed, bound to their client.
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { note } from '../../lib/secrets.mjs';
import { assertIdToken } from './checks.mjs';
import { codeFlow, userinfo } from './code_flow.mjs';

const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' };

async function renewed(t, flow) {
  const { claims, given } = flow;
  assert.ok(given.refresh_token, 'a refresh token');
  const next = await client.refreshTokenGrant(flow.config, given.refresh_token);
  for (const name of ['access_token', 'refresh_token', 'id_token']) note(next[name]);
  assert.notEqual(next.access_token, given.access_token, 'a new access token');
  if (next.id_token) {
    // OIDC Core §12.2: same iss, sub, aud, auth_time, azp; a nonce only if it is the same.
    const after = await assertIdToken(t.op, next.id_token, { rp: flow.rp, sent: { nonce: next.claims().nonce }, accessToken: next.access_token });
    for (const name of ['iss', 'sub', 'auth_time', 'azp']) assert.equal(after[name], claims[name], name);
    assert.deepEqual(after.aud, claims.aud, 'aud');
    assert.ok(after.iat >= claims.iat, 'iat');
    if (after.nonce !== undefined) assert.equal(after.nonce, claims.nonce, 'nonce');
  }
  const later = { ...flow, given: { ...given, ...next } };
  await userinfo(t.op, later);
  return later;
}

export async function refreshBehaviour(t, first, second) {
  const { grant_types_supported: grants } = await t.op.metadata();
  assert.ok(grants.includes('refresh_token'), 'grant_types_supported');
  const one = await renewed(t, await codeFlow(t.op, { rp: first, params: OFFLINE }));
  const two = await renewed(t, await codeFlow(t.op, { rp: second, params: OFFLINE }));
  // Another client's token is refused, and still good for its own.
  const again = (flow, token) => client.refreshTokenGrant(flow.config, token);
  await assert.rejects(again(one, two.given.refresh_token), (error) => error.status === 400 && error.error === 'invalid_grant');
  assert.ok((await again(two, two.given.refresh_token)).access_token);
}
