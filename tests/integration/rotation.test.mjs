// Signing keys change while tokens are made and verified: relying parties keep the key
// set for as long as they are told, and not one token is one that they cannot verify
// (SECURITY_CHECKS C03). A cluster of its own, since its keys change every few seconds.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as jose from 'jose';
import { addAccount, addClient, operator } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo, sleep, until } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, basic, callback, token, tokens } from '../lib/flow.mjs';
import { get, post } from '../lib/http.mjs';
import { leader } from '../lib/leader.mjs';

const PUBLISH_S = 8;
const ROUNDS = 3;
const WORKERS = 6;
const AUDIENCE = 'https://api.example.test/';

const cluster = await Cluster.make({
  name: 'rotation', port: Number(process.env.TASUKI_CLUSTER_PORT ?? 12600), binDir: process.env.TASUKI_BIN_DIR,
  lines: [`key_publish_s = ${PUBLISH_S}`],
});
after(() => cluster.close());
await cluster.bootstrap();
const machine = await addClient({ name: 'machine', profile: 'standard', alg: 'ES256', features: ['credentials'], audience: AUDIENCE });
const server = await addClient({ name: 'api', profile: 'standard', features: ['introspection'] });
const rp = await addClient({ name: 'rp', profile: 'standard', alg: 'ES256', features: ['jwt_access'], audience: AUDIENCE });
const account = await addAccount({ name: 'rotation' });
await cluster.settled();

const key = async (...args) => {
  const result = await cluster.ask(['key', ...args, '--json']);
  assert.equal(result.code, 0, `key ${args.join(' ')}: ${result.stderr}`);
  return JSON.parse(result.stdout);
};
const stateOf = async (kid) => (await key('list')).keys.find((one) => one.kid === kid)?.state;
const kidOf = (jwt) => jose.decodeProtectedHeader(jwt).kid;

// Keeps the key set of one node for its max-age, and asks again for no other reason.
class CachingVerifier {
  constructor(node) {
    this.node = node;
    this.until = 0;
  }
  async keys() {
    if (performance.now() < this.until) return this.set;
    this.fetching ??= this.fetch().finally(() => (this.fetching = undefined));
    return this.fetching;
  }
  async fetch() {
    const asked = performance.now();
    const answer = await get(this.node, '/oauth/jwks').catch(() => ({ status: 0 }));
    if (answer.status !== 200) return this.set; // it keeps what it has
    const age = Number(/max-age=(\d+)/.exec(answer.headers['cache-control'])[1]);
    assert.ok(age * 2 <= PUBLISH_S, `max-age ${age}`);
    this.set = jose.createLocalJWKSet(answer.json);
    this.until = asked + age * 1000;
    return this.set;
  }
  async verify(jwt) {
    await jose.jwtVerify(jwt, await this.keys(), { issuer: demo().issuer, algorithms: ['ES256'] });
  }
}

const introspect = (node, jwt) =>
  post(node, '/oauth/introspect', { form: { token: jwt }, headers: { authorization: basic(server.clientId, server.secret) } });

const pick = (list) => list[Math.floor(Math.random() * list.length)];

test('no token that a caching verifier cannot verify, through rotations and the death of a leader', async () => {
  const seen = new Map(); // kid: so many tokens
  const failures = [];
  const verifiers = [];
  const kept = [];
  let made = 0;
  let checked = 0;
  let stop = false;
  for (let phase = 0; phase < 3; phase++) { // caches of different age
    for (const node of cluster.nodes) verifiers.push(new CachingVerifier(node));
    await Promise.all(verifiers.map((one) => one.keys()));
    await sleep(1100);
  }

  const check = async (jwt, verifier, what) => {
    checked++;
    await verifier.verify(jwt).catch((error) => failures.push(`${what}, ${kidOf(jwt)} by the keys of ${verifier.node.name}: ${error.message}`));
  };
  const work = async () => {
    while (!stop) {
      const node = pick(cluster.nodes);
      const given = await token(node, machine, { grant_type: 'client_credentials' }).catch(() => ({ status: 0 }));
      if (given.status !== 200) { // down, or between leaders
        await sleep(20);
        continue;
      }
      const jwt = given.json.access_token;
      made++;
      seen.set(kidOf(jwt), (seen.get(kidOf(jwt)) ?? 0) + 1);
      await check(jwt, pick(verifiers), 'new');
      if (made % 10 === 0) kept.push(jwt);
      if (kept.length > 0) await check(pick(kept), pick(verifiers), 'kept');
      await sleep(5);
    }
  };
  const workers = Array.from({ length: WORKERS }, work);
  for (let round = 0; round < ROUNDS; round++) {
    const { kid } = await key('rotate', 'ES256');
    if (round === 1) {
      const id = await leader();
      await cluster.kill(id);
      await sleep(500);
      cluster.start(id);
      await cluster.ready(id);
    }
    await until(`${kid} signs`, async () => (await stateOf(kid)) === 'active', { timeout: 60000, every: 200 });
    await until(`${kid} has signed on every node`, () => (seen.get(kid) ?? 0) > 30, { timeout: 60000 });
  }
  stop = true;
  await Promise.all(workers);
  assert.deepEqual(failures.slice(0, 10), [], `${failures.length} of ${checked}`);
  assert.equal(seen.size, ROUNDS + 1, `${[...seen.keys()]}`);
  assert.ok(made > 200 && checked > made, `${made} tokens, ${checked} checks`);
  console.log(`# ${made} tokens of ${seen.size} keys, ${checked} verified`);
});

test('a token of a key that a lagging node has not heard of is waited for, not refused', async () => {
  for (let round = 0; round < 4; round++) {
    const lead = await leader();
    const late = cluster.nodes.find((node) => node.id !== lead);
    const other = cluster.nodes.find((node) => node.id !== lead && node.id !== late.id);
    const old = (await key('list')).keys.find((one) => one.alg === 'ES256' && one.state === 'active');
    await cluster.settled();
    cluster.children.get(late.id).kill('SIGSTOP');
    let given;
    let person;
    try {
      const revoked = await operator(other.id, 'POST', '/v1/keys/revoke', { kid: old.kid });
      assert.equal(revoked.status, 200, JSON.stringify(revoked.json));
      given = (await token(other, machine, { grant_type: 'client_credentials' })).json.access_token;
      person = await tokens(other, rp, account, { scope: 'openid' });
      assert.notEqual(kidOf(given), old.kid);
    } finally {
      cluster.children.get(late.id).kill('SIGCONT');
    }
    // What the late node knows is old, and it may find so before it judges: then 503.
    const patient = async (send) => {
      for (;;) {
        const answer = await send();
        if (answer.status !== 503) return answer;
        await sleep(2);
      }
    };
    const [asked, info, hinted] = await Promise.all([
      patient(() => introspect(late, given)),
      patient(() => get(late, '/oauth/userinfo', { headers: { authorization: `Bearer ${person.access_token}` } })),
      patient(() => get(late, authorizePath(authorizeParams(rp, { prompt: 'none', scope: 'openid', id_token_hint: person.id_token })))),
    ]);
    assert.equal(asked.json.active, true, `round ${round}: ${asked.body}`);
    assert.equal(info.status, 200, `round ${round}: ${info.body}`);
    assert.equal(callback(hinted, rp).error, 'login_required', `round ${round}`);
    await cluster.settled();
  }
});
