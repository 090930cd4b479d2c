// Relying parties that register themselves (RFC 7591, RFC 7592): over all nodes, after a
// change of leader, and with what only an operator may decide.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { addAccount, everywhere, operator } from '../lib/admin.mjs';
import { demo, run } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, basic, isLoginPage } from '../lib/flow.mjs';
import { get, post, request } from '../lib/http.mjs';
import { transfer, whole } from '../lib/leader.mjs';
import { count, tally, volley } from '../lib/race.mjs';
import { note } from '../lib/secrets.mjs';

const { nodes, binDir, file } = demo();
const [one, two, three] = nodes;
const REDIRECT = 'https://self.example.test/cb';

async function initialToken(...options) {
  const result = await run(join(binDir, 'tasuki'), ['registration', 'token', '--json', '--env', file, ...options]);
  assert.equal(result.code, 0, result.stderr);
  return note(JSON.parse(result.stdout).token);
}
const bearer = (token) => ({ authorization: `Bearer ${token}` });
const send = (node, method, path, token, body, headers = {}) =>
  request(node, method, path, {
    headers: { ...bearer(token), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
const register = (node, token, changes = {}) => send(node, 'POST', '/oauth/register', token, { redirect_uris: [REDIRECT], ...changes });
const pathOf = (registered) => {
  const url = new URL(registered.registration_client_uri);
  return url.pathname + url.search;
};
async function registered(node, changes) {
  const answer = await register(node, await initialToken(), changes);
  assert.equal(answer.status, 201, answer.body);
  for (const name of ['client_secret', 'registration_access_token']) if (answer.json[name]) note(answer.json[name]);
  return answer.json;
}

test('an initial access token sent 30 times at once over all nodes registers one client', async () => {
  const token = await initialToken();
  const answers = await volley(30, nodes, (node) => register(node, token));
  assert.equal(count(answers, 201), 1, tally(answers));
  assert.equal(count(answers, 401), 29, tally(answers));
  for (const { answer } of answers) if (answer.status === 201) note(answer.json.client_secret);
});

test('a used one is refused on every node after the leader has changed', async () => {
  const token = await initialToken();
  const first = await register(one, token);
  assert.equal(first.status, 201, first.body);
  note(first.json.client_secret);
  await transfer();
  await whole();
  for (const node of nodes) {
    const answer = await register(node, token);
    assert.equal(answer.status, 401, node.name);
    assert.match(answer.headers['www-authenticate'], /error="invalid_token"/);
  }
});

test('what was registered at one node signs in at the others at once', async () => {
  for (let i = 0; i < 10; i++) {
    const rp = await registered(nodes[i % 3]);
    for (const node of nodes) {
      const page = await get(node, authorizePath(authorizeParams({ clientId: rp.client_id, redirectUri: REDIRECT })));
      assert.ok(isLoginPage(page), `${node.name}: ${page.status}`);
    }
    await everywhere(1 + (i % 3)); // the token endpoint asks nobody
    const form = { grant_type: 'refresh_token', refresh_token: 'nothing' };
    const answer = await post(nodes[(i + 1) % 3], '/oauth/token', { form, headers: { authorization: basic(rp.client_id, rp.client_secret) } });
    assert.equal(answer.json.error, 'invalid_grant');
  }
});

test('it is read, changed and removed by its token, at whatever node', async () => {
  const rp = await registered(one, { client_name: '自分で登録', policy_uri: 'https://self.example.test/policy' });
  const token = rp.registration_access_token;
  for (const node of nodes) {
    const answer = await send(node, 'GET', pathOf(rp), token);
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.headers['cache-control'], /no-store/);
    assert.equal(answer.json.client_name, '自分で登録');
    assert.equal(answer.json.client_secret, undefined);
  }
  const changed = await send(two, 'PUT', pathOf(rp), token, { client_id: rp.client_id, redirect_uris: [`${REDIRECT}2`], client_name: '変更' });
  assert.equal(changed.status, 200, changed.body);
  assert.deepEqual(changed.json.redirect_uris, [`${REDIRECT}2`]);
  await everywhere(2);
  for (const node of nodes) assert.equal((await send(node, 'GET', pathOf(rp), token)).json.client_name, '変更', node.name);
  const other = await registered(three);
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const body = method === 'PUT' ? { client_id: rp.client_id, redirect_uris: [REDIRECT] } : undefined;
    assert.equal((await send(one, method, pathOf(rp), other.registration_access_token, body)).status, 401, method);
  }
  assert.equal((await send(three, 'DELETE', pathOf(rp), token)).status, 204);
  await everywhere(3);
  for (const node of nodes) {
    assert.equal((await send(node, 'GET', pathOf(rp), token)).status, 401, node.name);
    const page = await get(node, authorizePath(authorizeParams({ clientId: rp.client_id, redirectUri: `${REDIRECT}2` })));
    assert.equal(page.status, 400, node.name);
  }
});

test('of two changes from one state one is taken', async () => {
  const rp = await registered(one);
  for (let round = 0; round < 5; round++) {
    const listed = (await operator(1, 'GET', '/v1/clients')).json.clients.find((client) => client.client_id === rp.client_id);
    const body = { client_id: rp.client_id, name: '運用', profile: 'standard', scopes: ['openid'], redirect_uris: [REDIRECT], replace: true, revision: listed.revision };
    const answers = await volley(6, nodes, (node) => operator(node.id, 'POST', '/v1/clients', body));
    assert.equal(count(answers, 200), 1, tally(answers));
    assert.equal(count(answers, 409), 5, tally(answers));
    await everywhere(1);
  }
});

test('an RP does not widen what the operator gave it, nor its stage', async () => {
  const token = await initialToken('--scope', 'openid', '--scope', 'email', '--stage', 'applied');
  assert.equal((await register(one, token, { scope: 'openid profile' })).json.error, 'invalid_client_metadata');
  const answer = await register(one, token, { scope: 'openid email', stage: 'live', government: true });
  assert.equal(answer.status, 201, answer.body);
  const rp = answer.json;
  note(rp.client_secret);
  const page = await get(two, authorizePath(authorizeParams({ clientId: rp.client_id, redirectUri: REDIRECT })));
  assert.equal(page.status, 400, 'not signed in to before an operator has taken it further');
  await run(join(binDir, 'tasuki'), ['rp', 'stage', rp.client_id, 'in_verification', '--env', file]);
  await everywhere(1);
  assert.ok(isLoginPage(await get(two, authorizePath(authorizeParams({ clientId: rp.client_id, redirectUri: REDIRECT })))));
});

test('what is wrong with a call is said', async () => {
  const token = await initialToken();
  const missing = await request(one, 'POST', '/oauth/register', { body: '{}', headers: { 'content-type': 'application/json' } });
  assert.equal(missing.status, 401);
  assert.equal(missing.headers['www-authenticate'], 'Bearer realm="tasuki"', 'no error code: no token was sent');
  const rows = [
    [{}, { 'content-type': 'text/plain' }, 415, 'invalid_request'],
    ['[]', {}, 400, 'invalid_client_metadata'],
    ['{"redirect_uris":["https://a.test/"],"redirect_uris":[]}', {}, 400, 'invalid_client_metadata'],
    [`{"redirect_uris":${'['.repeat(5000)}`, {}, 400, 'invalid_client_metadata'],
    [{ redirect_uris: Array.from({ length: 17 }, (_, i) => `${REDIRECT}${i}`) }, {}, 400, 'invalid_redirect_uri'],
    [{ redirect_uris: [REDIRECT], client_name: 'x'.repeat(301) }, {}, 400, 'invalid_client_metadata'],
  ];
  for (const node of nodes)
    for (const [body, headers, status, error] of rows) {
      const answer = await send(node, 'POST', '/oauth/register', token, body, headers);
      assert.deepEqual([answer.status, answer.json.error], [status, error], `${node.name}: ${JSON.stringify(body).slice(0, 80)}: ${answer.body}`);
    }
  assert.equal((await send(one, 'POST', '/oauth/register', token, 'x'.repeat(70000))).status, 413);
  assert.equal((await send(one, 'PATCH', '/oauth/register', token, {})).status, 405);
  assert.equal((await register(two, token)).status, 201, 'and the token is as good as before');
});

test('a person signs in to what registered itself, and sees where its rules stand', async () => {
  const account = await addAccount({ name: 'selfreg' });
  assert.ok(account.sub);
  const rp = await registered(one, { client_name: '自分で登録', tos_uri: 'https://self.example.test/tos', logo_uri: 'https://self.example.test/logo.png' });
  await everywhere(1);
  const page = await get(two, authorizePath(authorizeParams({ clientId: rp.client_id, redirectUri: REDIRECT })));
  assert.ok(page.body.includes('href="https:&#x2F;&#x2F;self.example.test&#x2F;tos"') || page.body.includes('href="https://self.example.test/tos"'), 'a link to its terms');
  assert.match(page.headers['content-security-policy'], /img-src 'self' https:\/\/self\.example\.test;/);
});
