// SECURITY_CHECKS D: login, passwords, enumeration, sessions.
import assert from 'node:assert/strict';
import https from 'node:https';
import { addAccount, word } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo } from '../lib/demo.mjs';
import { alice, asking, bob, conf } from '../lib/fixtures.mjs';
import {
  authorizeParams,
  authorizePath,
  Browser,
  callback,
  consentForm,
  isConsentPage,
  isLoginPage,
  loginForm,
  logout,
  notice,
  redeem,
  sessionLives,
  signIn,
  submitConsent,
  submitLogin,
  userinfo,
} from '../lib/flow.mjs';
import { connect, get, Jar, parseCookie, post } from '../lib/http.mjs';
import { mannWhitney, quantile, SEPARATION_MAX } from '../lib/stats.mjs';

// What may differ between two answers to the same thing: sealed values and dates.
function normalised(answer, secrets) {
  let body = answer.body;
  for (const [value, name] of secrets) body = body.replaceAll(value, name);
  body = body.replace(/[A-Za-z0-9_-]{60,}/g, '<sealed>').replace(/<p class="request">[^<]*<\/p>/, '<number of the request>');
  const headers = Object.entries(answer.headers)
    .filter(([name]) => !['date', 'content-length', 'set-cookie'].includes(name))
    .map(([name, value]) => `${name}: ${String(value).replace(/[A-Za-z0-9_+/=-]{16,}/g, '<random>')}`)
    .sort();
  const cookies = answer.cookies.map((line) => line.replace(/=[^;]*/, '=')).sort();
  return { status: answer.status, headers, cookies, body };
}

const FAILURES_MAX = 8; // below the lock-out

// The accounts of D01 that exist, for weaken.mjs.
export const timingKnown = new Set();

check(
  'D01',
  'unknown account and wrong password: same bytes, same time',
  async ({ target, note }) => {
    const rp = await conf();
    const rounds = Number(process.env.TASUKI_TIMING_SAMPLES ?? 340);
    const drop = 40;
    const known = [];
    for (let i = 0; i < Math.ceil(rounds / FAILURES_MAX); i++) known.push((await addAccount({ name: 'timing' })).id);
    for (const id of known) timingKnown.add(id);
    const unknown = known.map(() => `timing-${word()}@example.test`);
    const browser = new Browser(target);
    const page = await browser.get(authorizePath(authorizeParams(rp)));
    const attempt = (id) => submitLogin(browser, page, { id, password: `wrong ${word(8)} words` });

    const views = [];
    for (const id of [known[0], unknown[0]]) {
      const answer = await attempt(id);
      assert.ok(isLoginPage(answer), `the page comes again: ${answer.status}`);
      views.push(normalised(answer, [[id, '<id>']]));
    }
    assert.deepEqual(views[0], views[1], 'status, headers, cookies and bytes are the same');

    const samples = { known: [], unknown: [] };
    for (let i = 0; i < rounds; i++) {
      for (const kind of Math.random() < 0.5 ? ['known', 'unknown'] : ['unknown', 'known']) {
        const list = kind === 'known' ? known : unknown;
        const answer = await attempt(list[i % list.length]);
        assert.ok(isLoginPage(answer), notice(answer));
        if (i >= drop) samples[kind].push(answer.ms);
      }
    }
    const { auc, separation, z } = mannWhitney(samples.known, samples.unknown);
    const numbers = `AUC ${auc.toFixed(3)}, medians ${quantile(samples.known, 0.5).toFixed(2)} and ${quantile(samples.unknown, 0.5).toFixed(2)} ms, n ${samples.known.length}`;
    note(numbers);
    assert.ok(separation < SEPARATION_MAX || Math.abs(z) < 2.58, `${numbers}, z ${z.toFixed(2)}`); // p > 0.01
  },
  { targets: 'nodes', timeout: 300000 },
);

check('D03', 'lock-out is of the cluster, and tells no more than that', async ({ target, others, note }) => {
  const account = await addAccount({ name: 'locked' });
  const nobody = `locked-${word()}@example.test`;
  const rp = await conf();
  const places = [target, ...others];
  const views = [];
  for (const id of [account.id, nobody]) {
    let refusals = 0;
    let first;
    let locked;
    for (let i = 0; i < 30; i++) {
      const browser = new Browser(places[i % places.length]);
      const answer = await submitLogin(browser, await browser.get(authorizePath(authorizeParams(rp))), { id, password: 'not the right one' });
      assert.ok(isLoginPage(answer), notice(answer));
      const text = notice(answer).replaceAll(id, '<id>');
      first ??= text;
      if (text !== first) {
        locked = text;
        break;
      }
      refusals++;
    }
    assert.ok(refusals < 30, 'throttled long before 100');
    views.push({ refusals, first, locked });
  }
  assert.deepEqual(views[0], views[1], 'known and unknown accounts are locked alike');
  for (const place of places) {
    const browser = new Browser(place);
    const answer = await submitLogin(browser, await browser.get(authorizePath(authorizeParams(rp))), account);
    assert.ok(isLoginPage(answer), `locked at ${place.name}, also for the right password`);
  }
  note(`after ${views[0].refusals} failures`);
}, { targets: 'nodes' });

check(
  'D06',
  'long passwords are refused unhashed; a crowd does not stop the rest',
  async ({ target, note }) => {
    const rp = await conf();
    const account = await alice();
    const browser = new Browser(target);
    const page = await browser.get(authorizePath(authorizeParams(rp)));
    const started = Date.now();
    const mega = await submitLogin(browser, page, { ...account, password: 'x'.repeat(1 << 20) }, { fresh: true }).catch((error) => error);
    if (mega instanceof Error) assert.match(mega.code ?? mega.message, /ECONNRESET|EPIPE|hang up/);
    else assert.ok(mega.status === 413 || mega.status === 400, `1 MiB: ${mega.status}`);
    assert.ok(Date.now() - started < 5000);
    const long = await submitLogin(browser, page, { ...account, password: account.password.padEnd(513, 'x') });
    assert.ok(long.status >= 400 ? long.status < 500 : isLoginPage(long), `513 bytes: ${long.status}`);

    // 100 MiB announced: refused by its length, not read.
    const socket = await connect(target);
    const host = target.host ?? new URL(target.base).host;
    socket.write(`POST /oauth/login HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${100 << 20}\r\n\r\naccount_id=a&password=`);
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const answer = await new Promise((done) => {
      let text = '';
      socket.on('data', (bytes) => (text += bytes.toString('latin1')));
      const timer = setInterval(() => {
        if (!socket.destroyed && socket.writable && sent < 100 << 20 && text === '') {
          socket.write(chunk);
          sent += chunk.length;
        }
      }, 2);
      const end = () => {
        clearInterval(timer);
        done(text);
      };
      socket.on('close', end);
      socket.on('end', end);
      setTimeout(end, 10000).unref();
    });
    socket.destroy();
    assert.ok(sent < 100 << 20, `100 MiB: the answer came after ${sent >> 10} KiB`);
    assert.match(answer, /^HTTP\/1\.1 4\d\d|^$/, '100 MiB: 4xx or closed');

    // 300 logins at once: each is answered or shed, and discovery stays quick.
    let busy = true;
    const probes = [];
    const agent = new https.Agent({ keepAlive: true, ca: demo().ca, maxSockets: 4 });
    const probing = (async () => {
      while (busy) {
        const one = await get(target, '/oauth/.well-known/openid-configuration', target.base.startsWith('https') ? { agent } : {});
        assert.equal(one.status, 200);
        probes.push(one.ms);
        await new Promise((done) => setTimeout(done, 20));
      }
    })();
    const began = Date.now();
    const crowd = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const one = await post(target, loginForm(page).path, {
          jar: browser.jar.clone(),
          form: { ...loginForm(page).fields, account_id: account.id, password: account.password },
          timeout: 60000,
        });
        return one.status;
      }),
    ).finally(() => (busy = false)); // or the probes would outlive what failed
    const crowdMs = Date.now() - began;
    await probing;
    agent.destroy();
    const good = crowd.filter((s) => s === 302 || s === 303).length;
    const shed = crowd.filter((s) => s === 503).length;
    assert.equal(good + shed, crowd.length, `answers: ${JSON.stringify([...new Set(crowd)])}`);
    assert.ok(good > 0);
    // Not behind the hashes: a probe that waited for them would take as long as they do.
    const p50 = quantile(probes, 0.5);
    const p99 = quantile(probes, 0.99);
    assert.ok(p50 < crowdMs / 10, `discovery during the crowd: p50 ${p50.toFixed(0)} ms of ${crowdMs} ms`);
    note(`${good} signed in, ${shed} shed, discovery p99 ${p99.toFixed(0)} ms`);
  },
  { timeout: 180000 },
);

check('D07', 'all of the password counts', async ({ target }) => {
  const rp = await conf();
  const password = `Long ${'pass '.repeat(20)}${word(8)} End`;
  assert.ok(password.length > 100);
  const account = await addAccount({ name: 'long', password });
  const attempt = async (candidate) => {
    const browser = new Browser(target);
    return submitLogin(browser, await browser.get(authorizePath(authorizeParams(rp))), { id: account.id, password: candidate });
  };
  for (const wrong of [
    `${password.slice(0, 72)}${'x'.repeat(password.length - 72)}`,
    password.slice(0, 72),
    `${password}\0`,
    `${password}\0tail`,
    `${password.slice(0, 50)}\0${password.slice(50)}`,
    password.toLowerCase(),
    password.toUpperCase(),
    `${password} `,
  ]) {
    const answer = await attempt(wrong);
    assert.ok(isLoginPage(answer) || answer.status === 400, `${JSON.stringify(wrong)}: ${answer.status}`);
  }
  assert.ok(callback(await attempt(password), rp).code, 'the right one is good');
});

const sessionCookie = (before, after) => {
  const changed = [...after.cookies].filter(([name, value]) => before.cookies.get(name) !== value);
  assert.ok(changed.length >= 1, 'signing in sets a cookie');
  return changed;
};

check('D08', 'a new session id at every sign-in; the old one is dead', async ({ target }) => {
  const rp = await conf();
  const attacker = (await signIn(target, rp, await bob())).browser.jar;
  const victim = new Browser(target, { jar: attacker.clone() });
  const page = await victim.get(authorizePath(authorizeParams(rp, { prompt: 'login' })));
  const before = victim.jar.clone();
  const result = callback(await submitLogin(victim, page, await alice()), rp);
  assert.ok(result.code);
  sessionCookie(before, victim.jar);
  assert.equal(await sessionLives(target, attacker, rp), false, "the attacker's cookie is dead");
  assert.equal(await sessionLives(target, before, rp), false);
  assert.equal(await sessionLives(target, victim.jar, rp), true, 'the new one lives');
  // A made-up cookie is not adopted.
  const names = [...victim.jar.cookies.keys()];
  const forged = new Jar();
  for (const name of names) forged.cookies.set(name, 'A'.repeat(80));
  assert.equal(await sessionLives(target, forged, rp), false);
  const adopted = new Browser(target, { jar: forged });
  const again = await submitLogin(adopted, await adopted.get(authorizePath(authorizeParams(rp))), await alice());
  assert.ok(callback(again, rp).code);
  for (const value of adopted.jar.cookies.values()) assert.notEqual(value, 'A'.repeat(80), 'replaced');
  const old = victim.jar.clone();
  await logout(victim);
  assert.equal(await sessionLives(target, old, rp), false, 'dead after sign-out');
});

check('D09', 'a login in progress belongs to its browser', async ({ target }) => {
  const rp = await conf();
  const attacker = new Browser(target);
  const page = await attacker.get(authorizePath(authorizeParams(rp)));
  const form = loginForm(page);
  const account = await alice();
  // The victim's browser posts the attacker's form: with no cookie, and with its own.
  const victim = new Browser(target);
  await victim.get(authorizePath(authorizeParams(rp)));
  for (const browser of [new Browser(target), victim]) {
    const answer = await browser.post(form.path, { ...form.fields, account_id: account.id, password: account.password });
    assert.ok(answer.location === undefined, `redirected to ${answer.location}`);
    assert.ok(!isConsentPage(answer));
    assert.ok(answer.status >= 400 && answer.status < 500, `status ${answer.status}`);
  }
  assert.equal(await sessionLives(target, attacker.jar, rp), false, 'the attacker has no session');
  const forged = { ...form.fields };
  for (const [value, what] of [
    ['', 'empty'],
    [form.fields.login_state.slice(0, -2), 'cut'],
    [`${form.fields.login_state.slice(0, 20)}${form.fields.login_state[20] === 'A' ? 'B' : 'A'}${form.fields.login_state.slice(21)}`, 'changed'],
    ['A'.repeat(200), 'made up'],
  ]) {
    forged.login_state = value;
    const answer = await attacker.post(form.path, { ...forged, account_id: account.id, password: account.password });
    assert.ok(answer.status >= 400 && answer.status < 500 && answer.location === undefined, `${what}: ${answer.status}`);
  }
  // Consent: likewise, and not by another account's session.
  const ask = await asking();
  const asked = await signInAsked(target, ask, await bob());
  const consent = consentForm(asked.page);
  const stranger = (await signIn(target, rp, await alice())).browser;
  const stolen = await stranger.post(consent.path, { ...consent.fields, decision: 'allow' });
  assert.equal(stolen.location, undefined, 'consent from another browser');
  assert.ok(callback(await submitConsent(asked.browser, asked.page, 'deny'), ask).error === 'access_denied');
});

async function signInAsked(target, rp, account) {
  const browser = new Browser(target);
  const page = await submitLogin(browser, await browser.get(authorizePath(authorizeParams(rp, { prompt: 'consent login' }))), account);
  assert.ok(isConsentPage(page), `consent page: ${page.status} ${notice(page)}`);
  return { browser, page };
}

check('D10', 'cookies: __Host-, Secure, HttpOnly, SameSite, no Domain', async ({ target }) => {
  const rp = await conf();
  const lines = [];
  const browser = new Browser(target, {});
  const page = await browser.get(authorizePath(authorizeParams(rp)));
  lines.push(...page.cookies);
  const answer = await submitLogin(browser, page, await alice());
  lines.push(...answer.cookies);
  lines.push(...(await logout(browser)).cookies);
  assert.ok(lines.length >= 2, 'a browser cookie and a session cookie');
  for (const line of lines) {
    const { name, attributes } = parseCookie(line);
    assert.match(name, /^__Host-/, line.split('=')[0]);
    assert.ok(attributes.secure && attributes.httponly, `${name}: Secure and HttpOnly`);
    assert.match(attributes.samesite ?? '', /^(lax|strict)$/i, `${name}: SameSite`);
    assert.equal(attributes.path, '/', `${name}: Path=/`);
    assert.equal(attributes.domain, undefined, `${name}: no Domain`);
  }
});

check('D12', 'after sign-out the cookie is dead everywhere at once', async ({ target, others }) => {
  const rp = await conf();
  const given = await signIn(target, rp, await bob());
  const access = (await redeem(target, rp, given.code)).json.access_token;
  const kept = given.browser.jar.clone();
  for (const node of others) assert.equal(await sessionLives(node, kept, rp), true, node.name);
  await logout(given.browser);
  for (const node of others) {
    assert.equal(await sessionLives(node, kept, rp), false, `session at ${node.name}`);
    assert.equal((await userinfo(node, access)).status, 401, `access token at ${node.name}`);
  }
});

check('D15', "signing in with the attacker's credentials from elsewhere is refused", async ({ target }) => {
  const account = await bob();
  for (const headers of [{}, { origin: 'https://evil.test', referer: 'https://evil.test/' }]) {
    const answer = await post(target, '/oauth/login', { headers, form: { account_id: account.id, password: account.password } });
    assert.ok(answer.status >= 400 && answer.status < 500, `status ${answer.status}`);
    assert.ok(answer.cookies.every((line) => parseCookie(line).value === '' || !/session/i.test(line)), 'no session');
  }
  const rp = await conf();
  const browser = new Browser(target);
  const page = await browser.get(authorizePath(authorizeParams(rp)));
  for (const headers of [{ origin: 'https://evil.test' }, { origin: 'null', 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'cross-site' }]) {
    const foreign = await browser.post(loginForm(page).path, { ...loginForm(page).fields, account_id: account.id, password: account.password }, { headers });
    assert.equal(foreign.status, 403, `${JSON.stringify(headers)}: ${foreign.status}`);
  }
});
