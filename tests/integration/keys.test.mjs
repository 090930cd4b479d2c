// Signing keys as an operator handles them: rotated with their publication before, and
// revoked at once.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import * as jose from 'jose';
import { addAccount, addClient, everywhere } from '../lib/admin.mjs';
import { demo, run } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, callback, tokens } from '../lib/flow.mjs';
import { get } from '../lib/http.mjs';

const { binDir, file, issuer, nodes } = demo();

async function tasuki(...args) {
  // A kid may begin with "-".
  const result = await run(join(binDir, 'tasuki'), [...args.slice(0, 2), '--json', '--env', file, '--', ...args.slice(2)]);
  return { code: result.code, said: `${result.stdout}${result.stderr}`, json: result.code === 0 ? JSON.parse(result.stdout) : undefined };
}

async function seen() {
  for (const node of nodes) await everywhere(node.id);
}

const keys = async () => (await tasuki('key', 'list')).json.keys;
const active = async (alg) => (await keys()).find((key) => key.alg === alg && key.state === 'active');
const jwks = async (node) => (await get(node, '/oauth/jwks')).json.keys.map(({ kid }) => kid);
const kidOf = (token) => jose.decodeProtectedHeader(token).kid;

test('a rotated key is published on every node before it signs', async () => {
  const account = await addAccount({ name: 'keys' });
  const rp = await addClient({ name: 'keys', profile: 'standard', alg: 'ES256' });
  await seen();
  const before = await active('ES256');
  const made = await tasuki('key', 'rotate', 'ES256');
  assert.equal(made.code, 0, made.said);
  assert.equal(made.json.replaces, before.kid);
  await seen();
  for (const node of nodes) {
    const kids = await jwks(node);
    assert.ok(kids.includes(before.kid) && kids.includes(made.json.kid), node.name);
    const given = await tokens(node, rp, account, { scope: 'openid' });
    assert.equal(kidOf(given.id_token), before.kid, 'RPs may not have read the new one yet');
    await jose.jwtVerify(given.id_token, jose.createLocalJWKSet((await get(nodes[0], '/oauth/jwks')).json), { issuer, audience: rp.clientId });
  }
  const published = (await keys()).find(({ kid }) => kid === made.json.kid);
  assert.equal(published.state, 'published');
  const maxAge = Number(/max-age=(\d+)/.exec((await get(nodes[0], '/oauth/jwks')).headers['cache-control'])[1]);
  assert.ok(published.activates_ms - Date.now() > maxAge * 1000, 'longer than the JWKS is kept');
  // Not another one behind it yet.
  const again = await tasuki('key', 'rotate', 'ES256');
  assert.notEqual(again.code, 0);
  assert.match(again.said, /does not sign yet/);
});

test('a revoked key is believed no more, and another one signs at once', async () => {
  const account = await addAccount({ name: 'revoked' });
  const rp = await addClient({ name: 'revoked', profile: 'standard', alg: 'PS256' });
  await seen();
  const given = await tokens(nodes[0], rp, account, { scope: 'openid' });
  const old = await active('PS256');
  assert.equal(kidOf(given.id_token), old.kid);
  const revoked = await tasuki('key', 'revoke', old.kid);
  assert.equal(revoked.code, 0, revoked.said);
  await seen();
  for (const node of nodes) {
    const kids = await jwks(node);
    assert.ok(!kids.includes(old.kid) && kids.includes(revoked.json.kid), node.name);
    const hinted = await get(node, authorizePath(authorizeParams(rp, { prompt: 'none', scope: 'openid', id_token_hint: given.id_token })));
    assert.equal(callback(hinted, rp).error, 'invalid_request', 'an ID token of the revoked key is no hint');
    const fresh = await tokens(node, rp, account, { scope: 'openid' });
    assert.equal(kidOf(fresh.id_token), revoked.json.kid);
    for (const other of nodes) await jose.jwtVerify(fresh.id_token, jose.createLocalJWKSet((await get(other, '/oauth/jwks')).json), { issuer, audience: rp.clientId });
  }
  const unknown = await tasuki('key', 'revoke', 'nothing');
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.said, /no such key/);
});
