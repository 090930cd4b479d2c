// Back-channel logout, seen by relying parties: every one of a session's is told, at
// least once, whatever becomes of the leader and of the other parties. The tokens are
// verified by the npm package jose. A cluster of its own, since nodes are killed.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { addAccount, addClient, operatorAgent, statusOf } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo, ROOT, sleep, until } from '../lib/demo.mjs';
import { authorize, Browser, pkce, redeem } from '../lib/flow.mjs';
import { get } from '../lib/http.mjs';
import { leader } from '../lib/leader.mjs';
import { hang, Receiver, take } from '../lib/receiver.mjs';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const CLIENT_SLOTS = 4; // OUTBOUND_CLIENT_SLOTS
const CALL_MS = 5000; // OUTBOUND_CALL_MS
const LEASE_MS = 15000; // FSM_OUTBOX_LEASE_MS

const cluster = await Cluster.make({
  name: 'outbox',
  port: Number(process.env.TASUKI_CLUSTER_PORT ?? 12600),
  binDir: process.env.TASUKI_BIN_DIR,
});
const receivers = [];
after(async () => {
  receivers.forEach((receiver) => receiver.close());
  await cluster.close();
});
await cluster.bootstrap();
const account = await addAccount({ name: 'outbox' });
await cluster.settled(); // all have the keys
const jwks = createLocalJWKSet((await get(cluster.node(1), '/oauth/jwks')).json);

// A relying party and its server, known by the name `host`.
async function party(name, { alg = 'RS256', answer = take, pki = cluster.pki, host = '127.0.0.1' } = {}) {
  const receiver = await Receiver.open(pki, answer);
  receivers.push(receiver);
  const rp = await addClient({
    name, alg, scopes: ['openid'], features: ['logout_session'], backchannel_logout_uri: receiver.uri.replace('127.0.0.1', host),
  });
  return { rp, receiver, alg };
}

// One browser signed in at all of the parties: { browser, node, idTokens }.
async function signedIn(parties, node) {
  const browser = new Browser(node);
  const idTokens = [];
  for (const { rp } of parties) {
    const proof = pkce();
    const params = { scope: 'openid', code_challenge: proof.challenge, code_challenge_method: 'S256' };
    const { code } = await authorize(browser, rp, { account, params });
    const answer = await redeem(node, rp, code, { verifier: proof.verifier });
    assert.equal(answer.status, 200, answer.body);
    idTokens.push(answer.json.id_token);
  }
  return { browser, node, idTokens };
}

async function end({ browser, idTokens }) {
  const answer = await browser.get(`/oauth/logout?${new URLSearchParams({ id_token_hint: idTokens[0] })}`);
  assert.equal(answer.status, 200, answer.body.slice(0, 300));
}

// As OpenID Connect Back-Channel Logout 1.0 §2.6 asks of a relying party.
async function verify(token, { rp, alg }) {
  const { payload } = await jwtVerify(token, jwks, {
    issuer: demo().issuer, audience: rp.clientId, algorithms: [alg], typ: 'logout+jwt', requiredClaims: ['iat', 'exp', 'jti', 'events', 'sid', 'sub'],
  });
  assert.deepEqual(payload.events, { [EVENT]: {} });
  assert.equal(payload.nonce, undefined);
  return payload;
}

const sidOf = (idToken) => JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url')).sid;
const outbox = async () => {
  const told = await cluster.ask(['outbox', '--json']);
  assert.equal(told.code, 0, told.stderr);
  return JSON.parse(told.stdout);
};
const messagesOf = async ({ rp }) => (await outbox()).messages.filter((message) => message.client_id === rp.clientId);
const settled = (timeout = 30000) => until('nothing waits', async () => (await outbox()).waiting === 0, { timeout });

test("a session's end tells each of its parties, once", async () => {
  const parties = [await party('rsa'), await party('ec', { alg: 'ES256' })];
  const stranger = await party('stranger');
  const session = await signedIn(parties, cluster.node(2));
  await sleep(500);
  assert.ok(parties.every(({ receiver }) => receiver.requests.length === 0), 'none while it lives');
  await end(session);
  for (const [i, one] of parties.entries()) {
    await until('a logout token', () => one.receiver.requests.length > 0);
    const [request] = one.receiver.requests;
    assert.equal(request.method, 'POST');
    assert.equal(request.headers['content-type'], 'application/x-www-form-urlencoded');
    assert.deepEqual([...new URLSearchParams(request.body).keys()], ['logout_token']);
    const claims = await verify(one.receiver.tokens[0], one);
    assert.equal(claims.sub, account.sub);
    assert.equal(claims.sid, sidOf(session.idTokens[i]));
    assert.ok(claims.exp - claims.iat <= 120);
  }
  await settled();
  await sleep(1500);
  assert.deepEqual(parties.map(({ receiver }) => receiver.requests.length), [1, 1], 'not again');
  assert.equal(stranger.receiver.requests.length, 0, 'the session was not at that one');
});

test('a party that hangs delays no other, and gets its tokens in the end', async () => {
  const slow = await party('slow', { answer: hang });
  const quick = await party('quick', { alg: 'ES256' });
  const sessions = [];
  for (let i = 0; i < 10; i++) sessions.push(await signedIn([slow, quick], cluster.node(1 + (i % 3))));
  const began = Date.now();
  await Promise.all(sessions.map(end));
  await until('all tokens at the quick one', () => quick.receiver.requests.length === sessions.length, { timeout: CALL_MS });
  assert.ok(Math.max(...quick.receiver.requests.map(({ at }) => at)) - began < CALL_MS, 'before any call to the slow one has ended');
  await until('it is told of as a failure', async () => (await messagesOf(slow)).some(({ reason }) => reason === 'timeout'));
  assert.ok(slow.receiver.openMost <= CLIENT_SLOTS, `${slow.receiver.openMost} calls at once`);
  assert.equal((await messagesOf(slow)).length, sessions.length, 'all of them still wait');
  slow.receiver.answer = take;
  await settled(60000);
  const seen = new Map();
  for (const token of slow.receiver.tokens) {
    const { sid, jti } = await verify(token, slow);
    assert.equal(seen.get(sid) ?? jti, jti, 'one jti for a session, however often it is sent');
    seen.set(sid, jti);
  }
  assert.deepEqual([...seen.keys()].sort(), sessions.map(({ idTokens }) => sidOf(idTokens[0])).sort());
  assert.equal(quick.receiver.requests.length, sessions.length, 'the other one got each once');
});

test('what an operator sees of a failure, and a retry', async () => {
  const broken = await party('broken', { answer: () => ({ status: 500, body: 'x' }) });
  await end(await signedIn([broken], cluster.node(3)));
  const message = await until('three attempts', async () => (await messagesOf(broken)).find(({ attempts, state }) => attempts >= 3 && state === 'pending'), { timeout: 30000 });
  assert.equal(message.reason, 'status');
  const text = await cluster.ask(['outbox']);
  assert.ok(text.stdout.includes(message.id), text.stdout);
  assert.match((await cluster.ask(['status'])).stdout, /outbox: 1 waiting, 0 given up\n/);
  assert.deepEqual((await statusOf(2)).outbox, { waiting: 1, dead: 0, dropped: 0 });
  const { body } = await get({ name: 'operator', base: cluster.node(1).operator }, '/metrics', { agent: operatorAgent() });
  assert.match(body, /^tasuki_outbox_messages{state="waiting"} 1$/m);
  broken.receiver.answer = take;
  const before = broken.receiver.requests.length;
  const retried = await cluster.ask(['outbox', 'retry', message.id]);
  assert.equal(retried.code, 0, retried.stderr);
  await until('it arrives at once, not after its pause', () => broken.receiver.requests.length > before, { timeout: 2000 });
  await settled();
  const again = await cluster.ask(['outbox', 'retry', message.id]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /no such message/);

  const other = await party('other', { answer: () => ({ status: 503 }) });
  broken.receiver.answer = other.receiver.answer;
  for (let i = 0; i < 3; i++) await end(await signedIn([broken, other], cluster.node(1 + i)));
  const failed = async (one) => (await messagesOf(one)).filter(({ attempts, state }) => attempts >= 3 && state === 'pending').length === 3;
  await until('all fail', async () => (await failed(broken)) && (await failed(other)), { timeout: 60000 });
  broken.receiver.answer = take;
  const all = await cluster.ask(['outbox', 'retry', '--rp', broken.rp.clientId]);
  assert.equal(all.code, 0, all.stderr);
  assert.equal(all.stdout.trim().split('\n').length, 3, all.stdout);
  await until('all arrive', async () => (await messagesOf(broken)).length === 0, { timeout: 3000 });
  assert.equal((await messagesOf(other)).length, 3, 'of this one alone');
  for (const args of [['retry'], ['retry', 'x', '--rp', 'y'], ['--rp', 'y'], ['list', 'x'], ['purge']]) assert.equal((await cluster.ask(['outbox', ...args])).code, 64, args.join(' '));
  other.receiver.answer = take;
  await settled();
});

test('answers: 400 is an answer, a redirect is not followed, an endless one is cut', async () => {
  const refuses = await party('refuses', { answer: () => ({ status: 400, body: '{"error":"invalid_request"}' }) });
  const target = await party('target');
  const redirects = await party('redirects', { answer: () => ({ status: 307, headers: { location: target.receiver.uri } }) });
  const talks = await party('talks', { answer: () => ({ status: 200, body: Buffer.alloc(32 << 20, 'x') }) });
  const foreign = join(cluster.dir, 'foreign');
  await cluster.mustRun(join(ROOT, 'ops/pki'), ['init', foreign]);
  await cluster.mustRun(join(ROOT, 'ops/pki'), ['http', foreign, '--host', '127.0.0.1']);
  const impostor = await party('impostor', { pki: foreign });
  await end(await signedIn([refuses, redirects, talks, impostor], cluster.node(1)));
  await until('the failures', async () => {
    const reasons = Object.fromEntries((await outbox()).messages.map((message) => [message.client_id, message.reason]));
    return reasons[redirects.rp.clientId] === 'status' && reasons[impostor.rp.clientId] === 'tls' && reasons;
  });
  await until('the others are done', async () => (await messagesOf(refuses)).length + (await messagesOf(talks)).length === 0);
  assert.equal(refuses.receiver.requests.length, 1);
  assert.equal(talks.receiver.requests.length, 1);
  assert.equal(target.receiver.requests.length, 0, 'the redirect was followed');
  assert.equal(impostor.receiver.requests.length, 0, 'a token went to a server of another CA');
});

// Each party answers so slowly that the fan-out takes seconds: the leader ends in the
// middle of it, with calls that were received and not yet settled.
test('the leader dies in mid-fan-out: every party gets every token', async () => {
  const slowly = () => ({ status: 200, delayMs: 300 });
  const parties = [await party('first', { answer: slowly }), await party('second', { alg: 'ES256', answer: slowly }), await party('third', { answer: slowly })];
  const victim = await leader();
  const others = cluster.nodes.filter(({ id }) => id !== victim);
  const sessions = [];
  for (let i = 0; i < 32; i++) sessions.push(await signedIn(parties, others[i % 2]));
  await Promise.all(sessions.map(end));
  await until('the fan-out has begun', () => parties.every(({ receiver }) => receiver.requests.length >= 2 * CLIENT_SLOTS), { every: 5 });
  await cluster.kill(victim);
  const killed = Date.now();
  const then = parties.map(({ receiver }) => new Set(receiver.tokens).size);
  assert.ok(then.every((count) => count < sessions.length), `the leader was killed too late: ${then}`);

  const seen = parties.map(() => new Map());
  const all = async () => {
    for (const [i, one] of parties.entries()) {
      const fresh = one.receiver.tokens.slice(one.checked ?? 0);
      one.checked = (one.checked ?? 0) + fresh.length;
      for (const token of fresh) {
        const { sid, jti } = await verify(token, one);
        assert.equal(seen[i].get(sid) ?? jti, jti, 'one jti for a session, however often it is sent');
        seen[i].set(sid, jti);
      }
    }
    return seen.every(({ size }) => size >= sessions.length);
  };
  await until('every session at every party', all, { timeout: LEASE_MS + 20000 });
  for (const [i] of parties.entries()) assert.deepEqual([...seen[i].keys()].sort(), sessions.map(({ idTokens }) => sidOf(idTokens[i])).sort());
  assert.equal(new Set(seen.flatMap((map) => [...map.values()])).size, parties.length * sessions.length, 'a jti for each message');
  for (const one of parties) await until('nothing waits for it', async () => (await messagesOf(one)).length === 0, { timeout: LEASE_MS + 20000 });
  await all();
  const repeated = parties.map(({ receiver }) => receiver.requests.length - sessions.length);
  console.log(`all told ${Date.now() - killed} ms after the kill; repeated: ${repeated}`);
  assert.ok(Math.max(...repeated) > 0, 'calls that were under way were sent again: else this test did not reach them');
  cluster.start(victim);
  await cluster.ready(victim);
  await cluster.settled();
});

test('where private networks must not be called, loopback is refused', async () => {
  for (const { id } of cluster.nodes) {
    await cluster.stop(id);
    cluster.configure(id, ['outbound_private = no']);
    cluster.start(id);
    await cluster.ready(id);
  }
  const inside = await party('inside');
  const named = await party('named', { host: 'localhost' });
  await end(await signedIn([inside, named], cluster.node(1)));
  for (const one of [inside, named]) {
    await until('it is refused', async () => (await messagesOf(one))[0]?.reason === 'address');
    assert.equal(one.receiver.requests.length, 0);
  }
});
