// SECURITY_CHECKS C03, D13, E02, E06, G12: what ends with time, and keys that change, on a
// cluster of its own whose nodes have clocks that the test moves.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import * as jose from 'jose';
import { totp } from '../../ops/data/totp.mjs';
import { addAccount, addClient, newPhone, operator, statusOf, word } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo, ROOT, sleep, until } from '../lib/demo.mjs';
import { authorize, authorizeParams, authorizePath, Browser, callback, codeForm, notice, pkce, redeem, sessionLives, signIn, submitLogin, submitSecond, textOf } from '../lib/flow.mjs';
import { formWith } from '../lib/html.mjs';
import { get } from '../lib/http.mjs';
import { leader, transfer } from '../lib/leader.mjs';
import { codeOf, lastMail, lastSms, linkOf, Sinks } from '../lib/messages.mjs';
import { note as secret } from '../lib/secrets.mjs';
import { addStaff, Desk } from '../lib/staff.mjs';
import { prove } from '../lib/weak_cluster.mjs';

process.env.TASUKI_COLLECT_CHECKS = '1';
const { proxy } = await import('./weaken_front.mjs');

const IDLE_S = 1800;
const LIFE_S = 3600;
const FRESH_S = 900; // FRESH_SEND_MS of server/svc_staff.c
const PUBLISH_S = 6;
const port = Number(process.env.TASUKI_CLUSTER_PORT ?? 12600);
const sinks = await Sinks.open();
const cluster = await Cluster.make({
  name: 'h-clock', port, binDir: process.env.TASUKI_BIN_DIR, clocks: true,
  lines: [...sinks.lines(), `session_idle_s = ${IDLE_S}`, `session_lifetime_s = ${LIFE_S}`, 'staff_idle_s = 3600', `key_publish_s = ${PUBLISH_S}`],
});
after(async () => {
  await cluster.close();
  await sinks.close();
});
await cluster.mustRun(join(ROOT, 'ops/pki'), ['balancer', cluster.pki]);
const pem = readFileSync(join(cluster.pki, 'balancer.pem'));
for (const { id } of cluster.nodes) cluster.configure(id, [`balancer_listen = 127.0.0.1:${port + 30 + id}`, `staff_listen = 127.0.0.1:${port + 40 + id}`]);
await cluster.bootstrap();
const rp = await addClient({ name: 'clock', profile: 'standard', alg: 'ES256' });

let ahead = 0;
let offAt = 0; // the node whose clock is off: it may refuse
const clocks = async (of = {}) => {
  for (const { id } of cluster.nodes) cluster.clock(id, ahead + (of[id] ?? 0));
};
// All clocks go on by so much, and the cluster with them.
async function advance(seconds) {
  ahead += seconds;
  await clocks();
  const wanted = Date.now() + ahead * 1000 - 1500;
  await until('the cluster follows', async () => (await Promise.all(cluster.nodes.map(({ id }) => statusOf(id)))).every(({ clock_ms: now }) => now >= wanted), { timeout: 60000 });
}

// Proxies before the nodes, which do what the weakness says.
async function fronts(hooks, nodes = cluster.nodes) {
  const made = [];
  for (const node of nodes)
    made.push(await proxy(node, {
      // A leader change, or a clock that is stepped: as a browser would, once more.
      async request(message, upstream, send) {
        await hooks.request?.call(hooks, message, upstream, send);
        let answer;
        for (let tries = 0; tries < 100; tries++) {
          answer = await send(message);
          if (answer.status !== 503 || offAt === node.id) break;
          await sleep(200);
        }
        return answer;
      },
      response: hooks.response?.bind(hooks),
    }));
  return { places: made.map(({ target }) => target), close: () => made.forEach(({ close }) => close()) };
}

async function timeouts(hooks, note) {
  const { places, close } = await fronts(hooks);
  try {
    const account = await addAccount({ name: 'idle' });
    const idle = (await signIn(places[0], rp, account)).browser;
    const used = (await signIn(places[1], rp, account)).browser;
    // One node's clock an hour ahead, and behind: nothing ends early, nothing is refused.
    for (const [id, by] of [[3, 3600], [3, -3600], [await leader(), 3600]]) {
      offAt = id;
      await clocks({ [id]: by });
      await sleep(2500);
      for (const at of places) {
        const lives = await sessionLives(at, idle.jar, rp).catch(() => 'refused');
        // A node whose clock is off may refuse (503); what it must not do is say that it ended.
        assert.notEqual(lives, false, `${at.name}, while node ${id} is off by ${by} s`);
      }
    }
    offAt = 0;
    await clocks();
    await until('all agree again', async () => (await sessionLives(places[2], used.jar, rp).catch(() => false)) === true, { timeout: 20000 });
    await advance(IDLE_S - 300);
    assert.equal(await sessionLives(places[2], used.jar, rp), true, 'within the idle time');
    // Behind by an hour: what has ended stays ended there.
    await advance(400);
    const off = (await leader()) === 3 ? 2 : 3;
    offAt = off;
    await clocks({ [off]: -3600 });
    await sleep(2500);
    for (const at of places) {
      const lives = await sessionLives(at, idle.jar, rp).catch(() => 'refused');
      assert.notEqual(lives, true, `${at.name}: idle for too long`);
    }
    offAt = 0;
    await clocks();
    assert.equal(await sessionLives(places[0], used.jar, rp), true, 'one that is used goes on');
    await advance(IDLE_S - 300);
    assert.equal(await sessionLives(places[1], used.jar, rp), true, 'and on');
    await advance(LIFE_S - (IDLE_S - 300 + 400 + IDLE_S - 300) + 30);
    await transfer();
    for (const at of places) assert.equal(await sessionLives(at, used.jar, rp), false, `${at.name}: beyond its life time, whoever leads`);
    note(`idle ${IDLE_S} s, life ${LIFE_S} s`);
  } finally {
    close();
  }
}

async function lateCode(hooks) {
  const { places, close } = await fronts(hooks);
  try {
    const account = { ...(await addAccount({ name: 'late', phone: newPhone() })) };
    const begin = async (at) => {
      const browser = new Browser(at);
      const answer = await submitLogin(browser, await browser.get(authorizePath(authorizeParams(rp, { scope: 'openid' }))), account, { second: false });
      assert.ok(codeForm(answer), notice(answer));
      return { browser, answer };
    };
    let since = Date.now();
    const good = await begin(places[0]);
    const first = codeOf(await lastSms(account.phone, { after: since, sinks, timeout: 60000 }));
    await advance(240);
    assert.ok(callback(await submitSecond(good.browser, good.answer, account, { code: first }), rp).code, 'after four minutes it is good');
    since = Date.now();
    const late = await begin(places[1]);
    const second = codeOf(await lastSms(account.phone, { after: since, sinks, timeout: 60000 }));
    await advance(605);
    for (const at of places) {
      const said = await submitSecond(late.browser, late.answer, account, { at, code: second });
      assert.ok(!said.location || !new URL(said.location, demo().issuer).searchParams.has('code'), `${at.name}: after ten minutes`);
    }
  } finally {
    close();
  }
}

async function lateLink(hooks) {
  const { places, close } = await fronts(hooks);
  try {
    const account = await addAccount({ name: 'linked' });
    const ask = async () => {
      const since = Date.now();
      const browser = new Browser(places[0]);
      const page = await browser.get('/oauth/recover');
      await browser.post('/oauth/recover', { ...formWith(page.body, 'account_id').fields, account_id: account.id });
      return secret(new URL(linkOf(await lastMail(account.id, { after: since, match: /reset/, sinks, timeout: 60000 }))).searchParams.get('token'));
    };
    const isDone = (answer) => /新しいパスワードを設定しました/.test(textOf(answer));
    const set = (at, link) => new Browser(at).post('/oauth/reset', { token: link, password: secret(`set late ${word(10)}`) });
    const expired = await ask();
    await advance(31 * 60);
    for (const at of places) assert.ok(!isDone(await set(at, expired)), `${at.name}: after half an hour`);
    const good = await ask();
    await advance(25 * 60);
    assert.ok(isDone(await set(places[2], good)), 'within it it is good');
  } finally {
    close();
  }
}

async function freshness(hooks) {
  const staff = cluster.nodes.map(({ id }) => ({ id, name: `staff-${id}`, base: `https://127.0.0.1:${port + 40 + id}`, tls: { cert: pem, key: pem } }));
  const { places, close } = await fronts(hooks, staff);
  try {
    const person = await addStaff(['staff-admin']);
    const desk = new Desk(places[0]);
    assert.equal((await desk.attempt({ ...person, code: totp(person.secret, Date.now() + ahead * 1000) })).status, 303);
    await desk.form('/staff');
    const add = (name) => desk.at(places[1]).post('/staff/people/add', { name, password: secret(`made ${word(12)} pass`), role: 'auditor' });
    const people = async () => JSON.stringify((await operator(1, 'GET', '/v1/staff')).json);
    const first = `fresh-${word()}`;
    await add(first);
    assert.ok((await people()).includes(first), 'soon after the sign-in it is done');
    await advance(FRESH_S + 60);
    assert.equal((await desk.get('/staff/people')).status, 200, 'the session goes on');
    const second = `stale-${word()}`;
    const answer = await add(second);
    assert.equal(answer.status, 303, `${answer.status}`);
    assert.match(answer.location, /^\/staff\/login/, 'both factors are asked for again');
    assert.ok(!(await people()).includes(second), 'and nothing is done');
  } finally {
    close();
  }
}
async function rotation(hooks, note) {
  const { places, close } = await fronts(hooks);
  try {
    const account = await addAccount({ name: 'keys' });
    const key = async (...args) => JSON.parse((await cluster.ask(['key', ...args, '--json'])).stdout);
    const kids = async (at) => (await get(at, '/oauth/jwks')).json.keys.map(({ kid }) => kid);
    const kidOf = (jwt) => jose.decodeProtectedHeader(jwt).kid;
    const { browser } = await signIn(places[0], rp, account, { params: { scope: 'openid' } });
    const idToken = async (at) => {
      const proof = pkce();
      const { code } = await authorize(new Browser(at, { jar: browser.jar.clone() }), rp, { params: { prompt: 'none', scope: 'openid', code_challenge: proof.challenge, code_challenge_method: 'S256' } });
      return (await redeem(at, rp, code, { verifier: proof.verifier })).json.id_token;
    };
    // A rotation that an earlier run has begun goes on: another one is refused until then.
    await until('no key waits to sign', async () => (await key('list')).keys.every(({ state }) => state !== 'published'));
    const old = await idToken(places[0]);
    // A verifier that keeps what it read for as long as it may.
    let read = 0;
    let set;
    const verify = async (jwt, what) => {
      if (performance.now() >= read) {
        const answer = await get(places[1], '/oauth/jwks');
        const age = Number(/max-age=(\d+)/.exec(answer.headers['cache-control'])[1]);
        set = jose.createLocalJWKSet(answer.json);
        read = performance.now() + age * 1000;
        assert.ok(age * 2 <= PUBLISH_S, `kept for ${age} s, published ${PUBLISH_S} s before`);
      }
      await jose.jwtVerify(jwt, set, { issuer: demo().issuer, audience: rp.clientId }).catch((error) => assert.fail(`${what}: ${error.message}`));
    };
    await verify(old, 'before');
    const { kid, replaces } = await key('rotate', 'ES256');
    assert.equal(replaces, kidOf(old));
    await cluster.settled();
    for (const at of places) {
      const now = await kids(at);
      assert.ok(now.includes(kid) && now.includes(replaces), `${at.name} publishes both`);
    }
    const began = Date.now();
    let n = 0;
    for (let latest = old; kidOf(latest) !== kid; n++) {
      latest = await idToken(places[n % 3]);
      await verify(latest, `token ${n}`);
      await verify(old, 'the first one');
      if (n === 2) await transfer();
      assert.ok(Date.now() - began < 60000, 'the new key never signs');
      await sleep(150);
    }
    for (const at of places) {
      assert.ok((await kids(at)).includes(replaces), `${at.name}: the old key is still believed`);
      await verify(await idToken(at), `after it, ${at.name}`);
    }
    await verify(old, 'the first one, after it');
    const hinted = await get(places[2], authorizePath(authorizeParams(rp, { prompt: 'none', scope: 'openid', id_token_hint: old })));
    assert.equal(callback(hinted, rp).error, 'login_required', 'a token of the old key is a good hint');
    note(`${n} tokens until the new key signed`);
  } finally {
    close();
  }
}

const DONE = '<p>新しいパスワードを設定しました</p>';
const again = (path, good) => ({
  response(answer, m) {
    if (!m.path.startsWith(path)) return;
    if (good(answer)) this.last = { status: answer.status, headers: { ...answer.headers }, body: answer.body };
    else if (this.last) Object.assign(answer, this.last);
  },
});
const keysOf = (answer, change) => {
  const { keys } = JSON.parse(answer.body);
  answer.body = Buffer.from(JSON.stringify({ keys: change(keys) }));
};

prove(
  [
    { id: 'C03', what: 'keys change, and no token is one that a caching verifier cannot verify', body: rotation },
    { id: 'E02', what: 'a code is dead after ten minutes', body: lateCode },
    { id: 'E06', what: 'a link is dead after half an hour', body: lateLink },
    { id: 'G12', what: 'what changes staff asks for both factors anew after a quarter of an hour', body: freshness },
    { id: 'D13', what: 'idle and absolute time-outs, with the clock of one node an hour off', body: timeouts },
  ],
  [
    { id: 'C03', what: 'the old key goes when the new one comes', response(answer, m) {
      if (m.path === '/oauth/jwks') keysOf(answer, (keys) => keys.filter((one) => !keys.some((two) => two.alg === one.alg && keys.indexOf(two) > keys.indexOf(one))));
    } },
    { id: 'C03', what: 'a key is published when it signs', response(answer, m) {
      if (m.path === '/oauth/jwks') {
        this.first ??= JSON.parse(answer.body).keys.map(({ kid }) => kid);
        keysOf(answer, (keys) => keys.filter(({ kid }) => this.first.includes(kid)));
      }
    } },
    { id: 'E02', what: 'codes live on', response(answer, m) {
      if (m.path === '/oauth/factor' && answer.status === 200) Object.assign(answer, { status: 303, headers: { location: 'https://rp.example.test/cb?code=x' }, body: Buffer.alloc(0) });
    } },
    { id: 'E06', what: 'links live on', response(answer, m) {
      if (m.path === '/oauth/reset' && m.method === 'POST' && answer.status === 400) Object.assign(answer, { status: 200, body: Buffer.from(DONE) });
    } },
    { id: 'D13', what: 'a session lives for ever', ...again('/oauth/authorize?', (answer) => /[?&]code=/.test(answer.headers.location ?? '')) },
    { id: 'D13', what: 'a node that is behind says that sessions have ended', response(answer, m) {
      this.n = (this.n ?? 0) + (/prompt=none/.test(m.path) ? 1 : 0);
      if (/prompt=none/.test(m.path) && answer.headers.location && this.n < 5) answer.headers.location = answer.headers.location.replace(/code=[^&]*/, 'error=login_required');
    } },
    { id: 'G12', what: 'a sign-in is fresh as long as it lasts', response(answer, m) {
      if (m.path === '/staff/people/add' && answer.status === 303) answer.headers.location = '/staff/people';
    } },
  ],
  { timeout: 400000 },
);
