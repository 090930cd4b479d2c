// The life of a relying party: its stages and its secrets, on every node.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after as cleanUp, test } from 'node:test';
import { addAccount, addClient, everywhere, operator, word } from '../lib/admin.mjs';
import { demo, run } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, basic, isLoginPage, tokens, userinfo } from '../lib/flow.mjs';
import { get, post } from '../lib/http.mjs';
import { note } from '../lib/secrets.mjs';

const { nodes } = demo();
const dir = mkdtempSync(join(tmpdir(), 'tasuki-registry-'));
cleanUp(() => rmSync(dir, { recursive: true, force: true }));
const [one, two, three] = nodes;
const seen = async () => {
  for (const node of nodes) await everywhere(node.id);
};
const change = async (id, body, status = 200) => {
  const answer = await operator(id, 'POST', '/v1/clients/change', body);
  assert.equal(answer.status, status, JSON.stringify(answer.json));
  await seen();
  if (answer.json.client_secret) note(answer.json.client_secret);
  return answer.json;
};
const tasuki = (...words) => run(join(demo().binDir, 'tasuki'), [...words, '--json', '--url', one.operator, '--ca', demo().caFile, '--cert', demo().need('TASUKI_OPERATOR_CERT'), '--key', demo().need('TASUKI_OPERATOR_KEY')]);

// What the token endpoint says to this secret: invalid_grant is past the door.
const knocks = async (node, rp, secret) => {
  const form = { grant_type: 'refresh_token', refresh_token: 'nothing' };
  return (await post(node, '/oauth/token', { form, headers: { authorization: basic(rp.clientId, secret) } })).json.error;
};
const everyNode = async (rp, secret, error) => {
  for (const node of nodes) assert.equal(await knocks(node, rp, secret), error, node.name);
};

test('two secrets are good at a time, on every node, and never three', async () => {
  const rp = await addClient({ name: 'rotate' });
  await seen();
  await everyNode(rp, rp.secret, 'invalid_grant');
  const second = (await change(2, { client_id: rp.clientId, rotate_secret: true, overlap_s: 600 })).client_secret;
  for (const secret of [rp.secret, second]) await everyNode(rp, secret, 'invalid_grant');
  const third = (await change(3, { client_id: rp.clientId, rotate_secret: true, overlap_s: 2 })).client_secret;
  await everyNode(rp, rp.secret, 'invalid_client');
  await everyNode(rp, third, 'invalid_grant');
  await new Promise((done) => setTimeout(done, 2500));
  await everyNode(rp, second, 'invalid_client');
  const last = JSON.parse((await tasuki('rp', 'rotate-secret', rp.clientId, '--overlap-hours', '0')).stdout).client_secret;
  await seen();
  await everyNode(rp, third, 'invalid_client');
  await everyNode(rp, note(last), 'invalid_grant');
});

test('a suspended service is not signed in to, its tokens are dead meanwhile, and a retired one is gone', async () => {
  const account = await addAccount({ name: 'stage' });
  const rp = await addClient({ name: 'stage' });
  await seen();
  const given = await tokens(one, rp, account);
  await seen();
  assert.equal((await userinfo(two, given.access_token)).status, 200);
  const stopped = await tasuki('rp', 'stage', rp.clientId, 'suspended');
  assert.equal(stopped.code, 0, stopped.stderr);
  await seen();
  for (const node of nodes) {
    assert.equal((await userinfo(node, given.access_token)).status, 401, node.name);
    assert.equal(await knocks(node, rp, rp.secret), 'invalid_client', node.name);
    assert.ok(!isLoginPage(await get(node, authorizePath(authorizeParams(rp)))), node.name);
  }
  assert.match((await change(3, { client_id: rp.clientId, stage: 'approved' }, 409)).error, /stage/);
  await change(3, { client_id: rp.clientId, stage: 'live' });
  for (const node of nodes) assert.equal((await userinfo(node, given.access_token)).status, 200, node.name);
  await change(2, { client_id: rp.clientId, stage: 'retired' });
  const body = { client_id: rp.clientId, name: 'x', scopes: ['openid'], redirect_uris: [rp.redirectUri], replace: true };
  assert.equal((await operator(1, 'POST', '/v1/clients', body)).status, 409, 'a retired one is not made anew');
  assert.equal(await knocks(three, rp, rp.secret), 'invalid_client');
});

test('a replacement tells what a service is like, not where it stands', async () => {
  const rp = await addClient({ name: 'replace' });
  await change(1, { client_id: rp.clientId, stage: 'suspended' });
  const body = { client_id: rp.clientId, name: '新しい名前', scopes: ['openid'], redirect_uris: [rp.redirectUri], replace: true };
  const answer = await operator(2, 'POST', '/v1/clients', body);
  assert.equal(answer.status, 200, JSON.stringify(answer.json));
  assert.equal(answer.json.client_secret, undefined, 'no other secret');
  await seen();
  const listed = (await operator(3, 'GET', '/v1/clients')).json.clients.find((client) => client.client_id === rp.clientId);
  assert.deepEqual([listed.stage, listed.name], ['suspended', '新しい名前']);
  await change(1, { client_id: rp.clientId, stage: 'live' });
  await everyNode(rp, rp.secret, 'invalid_grant');
});

test('what is wrong with a change is said', async () => {
  const rp = await addClient({ name: 'wrong' });
  const keys = await addClient({ name: 'none', auth: 'none' });
  const rows = [
    [{ client_id: 'nobody-here', stage: 'live' }, 404],
    [{ client_id: rp.clientId }, 422],
    [{ client_id: rp.clientId, stage: 'begun' }, 422],
    [{ client_id: rp.clientId, stage: 'live', rotate_secret: true }, 422],
    [{ client_id: rp.clientId, rotate_secret: true, overlap_s: -1 }, 422],
    [{ client_id: rp.clientId, rotate_secret: true, overlap_s: 10 ** 9 }, 422],
    [{ client_id: rp.clientId, rotate_secret: true, client_secret: 'short' }, 422],
    [{ client_id: keys.clientId, rotate_secret: true }, 409],
  ];
  for (const [body, status] of rows) await change(1, body, status);
  assert.equal((await tasuki('rp', 'stage', rp.clientId)).code, 64);
  assert.equal((await tasuki('rp', 'rotate-secret', rp.clientId, '--overlap-hours', '9999')).code, 64);
});

test('an import is all or nothing, and takes what export gives', async () => {
  const entry = (name) => ({ client_id: `t-import-${name}-${word()}`, name, scopes: ['openid'], redirect_uris: ['https://rp.example.test/cb'] });
  const file = join(dir, 'import.json');
  const write = (list) => writeFileSync(file, JSON.stringify(list));
  const ids = async () => JSON.parse((await tasuki('rp', 'export')).stdout).map((client) => client.client_id);
  const [a, b] = [entry('a'), entry('b')];
  for (const [list, why] of [
    [[a, { ...b, redirect_uris: ['http://rp.example.test/cb'] }], /redirect_uris/],
    [[a, b, a], /twice/],
    [[a, { ...b, features: ['dpop_bound', 'tls_bound'] }], /features/],
    [[a, { ...b, features: ['pairwise'], redirect_uris: ['https://a.example.test/', 'https://b.example.test/'] }], /one host/],
  ]) {
    write(list);
    const refused = await tasuki('rp', 'import', file);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, why);
    assert.ok(!(await ids()).includes(a.client_id), 'the good one is not there either');
  }
  write([a, b]);
  assert.equal((await tasuki('rp', 'import', file, '--dry-run')).code, 0);
  assert.ok(!(await ids()).includes(a.client_id), 'only checked');
  const done = await tasuki('rp', 'import', file);
  assert.equal(done.code, 0, done.stderr);
  for (const made of JSON.parse(done.stdout)) note(made.client_secret);
  await seen();
  const exported = JSON.parse((await tasuki('rp', 'export')).stdout).filter((client) => [a.client_id, b.client_id].includes(client.client_id));
  assert.equal(exported.length, 2);
  write(exported);
  const again = await tasuki('rp', 'import', file, '--replace');
  assert.equal(again.code, 0, again.stderr);
  await seen();
  const after = JSON.parse((await tasuki('rp', 'export')).stdout).filter((client) => [a.client_id, b.client_id].includes(client.client_id));
  assert.deepEqual(after, exported, 'nothing is lost on the way');
});
