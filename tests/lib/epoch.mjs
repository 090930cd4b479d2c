// What ends with an epoch, and what does not, as an RP and a browser see it.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { until } from './demo.mjs';
import { assertTokenError, redeem, refresh, sessionLives, signIn, tokens, userinfo } from './flow.mjs';
import { get } from './http.mjs';

// What must not outlive an epoch.
export async function issue(node, rp, account) {
  const given = await tokens(node, rp, account, { scope: 'openid offline_access', prompt: 'consent' });
  const { code } = await signIn(node, rp, account, { jar: given.browser.jar });
  return { ...given, openCode: code, kids: (await get(node, '/oauth/jwks')).json.keys.map((key) => key.kid) };
}

// Made right after the start, before which nothing can be signed: 503 until then. No key
// of the old epoch is published.
async function newKeys(node, rp, given) {
  await until('new keys', async () => {
    const { status } = await redeem(node, rp, given.openCode);
    assert.ok([400, 503].includes(status), `the token endpoint answers ${status} before there are keys`);
    const { keys } = (await get(node, '/oauth/jwks')).json;
    for (const { kid } of keys) assert.ok(!given.kids.includes(kid), 'a key of the old epoch is still believed');
    return status === 400 && keys.length >= 2;
  });
}

export async function assertDead(node, rp, given) {
  await newKeys(node, rp, given);
  assert.equal(await sessionLives(node, given.browser.jar, rp), false, 'the session is dead');
  assertTokenError(await redeem(node, rp, given.openCode), 400, 'invalid_grant');
  assert.ok(given.refresh_token, 'there was a refresh token');
  assertTokenError(await refresh(node, rp, given.refresh_token), 400, 'invalid_grant');
  assert.equal((await userinfo(node, given.access_token)).status, 401, 'the access token is dead');
}

// The account signs in with its password, by keys that are new.
export async function assertAlive(node, rp, account, given) {
  await newKeys(node, rp, given);
  const now = await tokens(node, rp, account);
  assert.equal((await userinfo(node, now.access_token)).status, 200);
  assert.equal(now.sub ?? account.sub, account.sub);
  const [head] = now.id_token.split('.');
  const { kid } = JSON.parse(Buffer.from(head, 'base64url'));
  assert.ok(!given.kids.includes(kid), 'signed with a new key');
}

// Added, seeded, promoted; on an empty folder.
export async function joins(cluster, id) {
  const node = cluster.node(id);
  rmSync(node.data, { recursive: true, force: true });
  cluster.start(id, '--join');
  const added = await cluster.ask(['node', 'add', String(id), node.peer, node.region]);
  assert.equal(added.code, 0, added.stderr);
  cluster.include(id);
  await cluster.ready(id);
  const promoted = await cluster.ask(['node', 'promote', String(id)]);
  assert.equal(promoted.code, 0, promoted.stderr);
}
