// SECURITY_CHECKS D03, D04, E03: guessing, spraying and pumping at sign-in, with caps as a
// production has them, on a cluster of its own. Requests come through a balancer's
// listener, from the address that each names; the leader changes meanwhile.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { addAccount, addClient, everywhere, word } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { sleep, until } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, Browser, codeForm, isFactorPage, isLoginPage, notice, submitLogin } from '../lib/flow.mjs';
import { transfer, whole } from '../lib/leader.mjs';
import { Sinks } from '../lib/messages.mjs';
import { prove } from '../lib/weak_cluster.mjs';

process.env.TASUKI_COLLECT_CHECKS = '1'; // of the files that weaken.mjs is about
const { proxy } = await import('./weaken_front.mjs');

const CAP = { account: 20, source: 40, client: 150 };
const SMS = { number: 10, burst: 5, prefix: 12, source: 1000 };
const LOCK = 10; // FSM_LOGIN_FAILURES_MAX
const port = Number(process.env.TASUKI_CLUSTER_PORT ?? 12600);
const sinks = await Sinks.open();
const cluster = await Cluster.make({
  name: 'd-caps', port, binDir: process.env.TASUKI_BIN_DIR,
  lines: [...sinks.lines(), ...Object.entries(CAP).map(([name, max]) => `login_cap_${name} = ${max}`), ...Object.entries(SMS).map(([name, max]) => `sms_cap_${name} = ${max}`)],
});
after(async () => {
  await cluster.close();
  await sinks.close();
});
await cluster.mustRun(join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../ops/pki'), ['balancer', cluster.pki]);
const pem = readFileSync(join(cluster.pki, 'balancer.pem'));
for (const { id } of cluster.nodes) cluster.configure(id, [`balancer_listen = 127.0.0.1:${port + 30 + id}`]);
await cluster.bootstrap();

// Balancers before the nodes: the address is the header's, as HAProxy sets it of its peer's.
async function balancers(hooks) {
  const fronts = [];
  for (const { id } of cluster.nodes)
    fronts.push(await proxy({ id, name: `node-${id}`, base: `https://127.0.0.1:${port + 30 + id}`, tls: { cert: pem, key: pem } }, {
      request(message, ...more) {
        message.headers['x-forwarded-for'] = message.headers['x-test-source'] ?? '192.0.2.1';
        delete message.headers['x-test-source'];
        return hooks.request?.call(hooks, message, ...more);
      },
      response: (answer, message) => hooks.response?.call(hooks, answer, message),
    }));
  return { places: fronts.map(({ target }) => target), close: () => fronts.forEach(({ close }) => close()) };
}

let service;
let runs = 0;
const client = async () => {
  service = await addClient({ name: `caps-${word()}`, profile: 'standard' }); // each run has counters of its own
  await everywhere(1);
  runs++;
  return service;
};
const source = (n) => `198.${18 + (runs % 2)}.${runs % 250}.${1 + (n % 250)}`;

// One attempt from the address, at the place: 'in', 'second', 'wrong', 'locked', 'limited'.
async function attempt(at, id, password, from, browser = new Browser(at)) {
  const headers = { 'x-test-source': from };
  for (let tries = 0; ; tries++) {
    const page = await browser.get(authorizePath(authorizeParams(service, { scope: 'openid', prompt: 'login' })), { at, headers });
    const answer = isLoginPage(page) ? await submitLogin(browser, page, { id, password }, { at, headers, second: false }) : page;
    if (answer.status === 503 && tries < 50) {
      await sleep(100); // a leader change
      continue;
    }
    if (answer.location && new URL(answer.location).searchParams.has('code')) return 'in';
    if (isFactorPage(answer)) return Object.assign(new String('second'), { answer });
    const said = notice(answer);
    if (/アカウントIDまたはパスワードが違います/.test(said)) return 'wrong';
    const away = /一時的にログインを止めています/.test(said) ? 'locked' : /試行が多すぎます/.test(said) ? 'limited' : null;
    if (away) {
      assert.match(said, /約\d+(分|時間)後|1分ほど/, 'it says for how long');
      return away;
    }
    assert.fail(`${answer.status} ${said}`);
  }
}
const tally = (list) => list.reduce((all, one) => ({ ...all, [one]: (all[one] ?? 0) + 1 }), {});

async function guessing(hooks, note) {
  const { places, close } = await balancers(hooks);
  try {
    await client();
    const account = await addAccount({ name: 'guessed' });
    const known = new Browser(places[0]);
    assert.equal(await attempt(places[0], account.id, account.password, source(200), known), 'in');
    const said = [];
    for (let i = 0; i < 34; i++) said.push(await attempt(places[i % 3], account.id, `wrong ${word(6)}`, source(1)));
    const moving = transfer();
    for (let i = 0; i < 67; i++) said.push(await attempt(places[i % 3], account.id, `wrong ${word(6)}`, source(2 + (i % 50))));
    await moving;
    await whole();
    const looked = said.filter((one) => one === 'wrong').length;
    assert.ok(looked <= LOCK, `${looked} of ${said.length} guesses were looked at`);
    assert.equal(said.includes('in'), false);
    // Strangers are kept out, with the right password too; a known device is not.
    for (const at of places) {
      assert.notEqual(await attempt(at, account.id, account.password, source(210)), 'in', `${at.name}: a stranger with the right password`);
      assert.equal(await attempt(at, account.id, account.password, source(211), known), 'in', `${at.name}: the holder's device`);
    }
    // Nor does one who is kept out learn whether there is an account.
    const nobody = `guessed-${word()}@example.test`;
    const views = [];
    for (let i = 0; i < 16; i++) views.push(await attempt(places[i % 3], nobody, 'wrong', source(3)));
    assert.deepEqual(views.filter((one) => one === 'wrong').length, LOCK, 'as for one that is there');
    note(JSON.stringify(tally(said)));
  } finally {
    close();
  }
}

async function spraying(hooks, note) {
  const { places, close } = await balancers(hooks);
  try {
    await client();
    const names = Array.from({ length: 60 }, () => `sprayed-${word()}@example.test`);
    const spray = async (from, n) => {
      const said = [];
      for (let i = 0; i < n; i++) {
        if (i === n / 2) await transfer();
        said.push(await attempt(places[i % 3], names[i % names.length], 'Spring2026!Spring', typeof from === 'function' ? from(i) : from));
      }
      return said;
    };
    const one = await spray(source(5), 60);
    assert.equal(one.filter((w) => w === 'wrong').length, CAP.source, `one address: ${JSON.stringify(tally(one))}`);
    assert.equal(await attempt(places[0], `other-${word()}@example.test`, 'x', source(6)), 'wrong', 'another address goes on');
    // IPv6: a network of /64 is one address.
    const net = `2001:db8:${runs.toString(16)}:7`;
    const six = await spray((i) => `${net}:${(i + 1).toString(16)}::1`, 60);
    assert.equal(six.filter((w) => w === 'wrong').length, CAP.source, `a /64: ${JSON.stringify(tally(six))}`);
    // From all over: what one service takes is the end of it.
    const wide = [];
    for (let i = 0; i < CAP.client; i++) wide.push(await attempt(places[i % 3], `wide-${word()}@example.test`, 'Spring2026!Spring', source(20 + i)));
    assert.ok(wide.at(-1) === 'limited', `${JSON.stringify(tally(wide))} from all over`);
    note(`${JSON.stringify(tally(one))}, /64 ${JSON.stringify(tally(six))}, all over ${JSON.stringify(tally(wide))}`);
  } finally {
    close();
  }
}

async function oneAccount(hooks, note) {
  const { places, close } = await balancers(hooks);
  try {
    await client();
    // Right passwords count too: more attempts in an hour than people make.
    const account = await addAccount({ name: 'often' });
    const said = [];
    for (let i = 0; i < CAP.account + 10; i++) {
      if (i === 12) await transfer();
      said.push(await attempt(places[i % 3], account.id, account.password, source(30 + i)));
    }
    assert.equal(said.filter((one) => one === 'in').length, CAP.account, JSON.stringify(tally(said)));
    note(JSON.stringify(tally(said)));
  } finally {
    close();
  }
}

async function prefix(hooks, note) {
  const { places, close } = await balancers(hooks);
  try {
    await client();
    const base = `+8190${String(1000 + runs * 7).slice(-4)}`;
    let sent = 0;
    let refused = 0;
    for (let i = 0; i < SMS.prefix + 6; i++) {
      const phone = `${base}${String(1000 + i)}`;
      const account = await addAccount({ name: 'prefix', type: 'prime', phone });
      const page = await attempt(places[i % 3], account.id, account.password, source(40 + (i % 100)));
      assert.equal(String(page), 'second');
      if (/これ以上送れません/.test(notice(page.answer))) refused++;
      else if (codeForm(page.answer)) sent++;
      if (i === 6) await transfer();
    }
    await until('nothing waits', async () => JSON.parse((await cluster.ask(['outbox', '--json'])).stdout).waiting === 0, { timeout: 60000 });
    const seen = hooks.seen ? hooks.seen(await sinks.seen()) : await sinks.seen();
    const came = seen.sms.filter(({ to }) => to.startsWith(base)).length;
    assert.equal(came, SMS.prefix, `${came} messages to one prefix at the gateway`);
    assert.ok(refused >= 6, `${refused} are told so`);
    note(`${sent} sent, ${refused} refused`);
  } finally {
    close();
  }
}

const randomSource = () => `100.${64 + Math.floor(Math.random() * 60)}.${Math.floor(Math.random() * 250)}.${Math.floor(Math.random() * 250)}`;
const isLogin = (message) => message.path === '/oauth/login';

prove(
  [
    { id: 'D03', what: '101 guesses from one address and from 50, over nodes and a change of leader; the holder\'s device is not locked out', body: guessing },
    { id: 'D04', what: 'one password for many accounts: by address, by /64, by service', body: spraying },
    { id: 'D04', what: 'one account is not tried oftener than people do', body: oneAccount },
    { id: 'E03', what: 'codes of sign-ins to one prefix are capped', body: prefix },
  ],
  [
    { id: 'D03', what: 'a lock shuts out the holder\'s device too', request(message) {
      if (isLogin(message)) message.headers.cookie = (message.headers.cookie ?? '').replace(/__Host-tasuki_device=[^;]*;? ?/, '');
    } },
    { id: 'D03', what: 'a right password opens a lock', response(answer, message) {
      const password = new URLSearchParams(message.body.toString()).get('password');
      if (isLogin(message) && /一時的にログインを止めています|試行が多すぎます/.test(answer.body.toString()) && /^test /.test(password))
        Object.assign(answer, { status: 303, headers: { location: 'https://rp.example.test/cb?code=x' }, body: Buffer.alloc(0) });
    } },
    { id: 'D03', what: 'guesses are looked at for ever', response(answer, message) {
      if (isLogin(message)) answer.body = Buffer.from(answer.body.toString().replace(/続けて誤りがあったため、一時的にログインを止めています/g, 'アカウントIDまたはパスワードが違います'));
    } },
    { id: 'D04', about: 'many accounts', what: 'addresses that the client names are believed', request(message) {
      message.headers['x-forwarded-for'] = randomSource();
    } },
    { id: 'D04', about: 'many accounts', what: 'each address of a /64 counts by itself', request(message) {
      if (message.headers['x-forwarded-for'].includes(':')) message.headers['x-forwarded-for'] = randomSource();
    } },
    { id: 'D04', about: 'many accounts', what: 'a service takes any number', response(answer, message) {
      if (isLogin(message) && /account_id=wide-/.test(message.body.toString())) answer.body = Buffer.from(answer.body.toString().replace('試行が多すぎます', 'アカウントIDまたはパスワードが違います'));
    } },
    { id: 'D04', about: 'one account', what: 'right passwords do not count', response(answer, message) {
      if (isLogin(message) && /試行が多すぎます/.test(answer.body.toString())) Object.assign(answer, { status: 303, headers: { location: 'https://rp.example.test/cb?code=x' }, body: Buffer.alloc(0) });
    } },
    { id: 'E03', what: 'one message more is sent', seen: (all) => ({ ...all, sms: [...all.sms, all.sms.at(-1)] }) },
    { id: 'E03', what: 'nobody is told', response(answer, message) {
      if (isLogin(message)) answer.body = Buffer.from(answer.body.toString().replace('これ以上送れません', 'お待ちください'));
    } },
  ],
  { timeout: 300000 },
);
