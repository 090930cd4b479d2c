// SECURITY_CHECKS, running rule 1: the checks once more while one region is cut off, and
// those of races while the leader changes. A cluster of its own: the packets between the
// third node and the others are dropped, people reach all three.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { addAccount, addClient, word } from '../lib/admin.mjs';
import { keepResults, table } from '../lib/checks.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo, sleep, until } from '../lib/demo.mjs';
import { Browser, isLoginPage, signIn, tokens, userinfo } from '../lib/flow.mjs';
import { formWith } from '../lib/html.mjs';
import { get } from '../lib/http.mjs';
import { leader, transfer } from '../lib/leader.mjs';
import { Sinks } from '../lib/messages.mjs';
import { note as secret } from '../lib/secrets.mjs';

process.env.TASUKI_COLLECT_CHECKS = '1';
const { registry } = await import('../lib/checks.mjs');
const { proxy } = await import('./weaken_front.mjs');
for (const file of ['a_authorize', 'a_request', 'b_proof', 'b_token', 'c_keys', 'd_login', 'e_account', 'e_factor', 'e_recover', 'f_pages', 'f_parties', 'p_devices']) await import(`./${file}.test.mjs`);

const CUT = 3;
const GID = 61903; // of the node that is cut off: its packets are known by it
const port = Number(process.env.TASUKI_CLUSTER_PORT ?? 12600);
const TABLE = `tasuki_region_${port}`;
const sinks = await Sinks.open();
const cluster = await Cluster.make({ name: 'h-region', port, binDir: process.env.TASUKI_BIN_DIR, lines: [...sinks.lines(), ...['number', 'burst', 'prefix', 'source', 'client', 'all'].map((name) => `sms_cap_${name} = 1000000`), ...['address', 'source', 'all'].map((name) => `mail_cap_${name} = 1000000`)] });
appendFileSync(cluster.envFile, `TASUKI_MAIL_SINK='${join(sinks.dir, 'mail.jsonl')}'\nTASUKI_SMS_SINK='${join(sinks.dir, 'sms.jsonl')}'\n`);
cluster.use();
cluster.node(CUT).gid = GID;

const nft = (...lines) => execFileSync('nft', ['-f', '-'], { input: `${lines.join('\n')}\n` });
const peerPorts = (ids) => ids.map((id) => port + 20 + id).join(', ');
// Both directions of both links: what the node sends to the others' ports, what comes to
// its own port and goes back.
function cut() {
  nft(
    `table inet ${TABLE} {`, ' chain out { type filter hook output priority 0;',
    `  meta skgid ${GID} tcp dport { ${peerPorts([1, 2])} } drop`, `  tcp dport ${port + 20 + CUT} drop`, `  tcp sport ${port + 20 + CUT} drop`, ' }', '}',
  );
}
function heal() {
  try {
    execFileSync('nft', ['delete', 'table', 'inet', TABLE], { stdio: 'ignore' });
  } catch {
    // it is not there
  }
}
heal();
after(async () => {
  heal();
  await cluster.close();
  await sinks.close();
});

const rows = [];
after(() => keepResults(rows.map(([id, during, verdict, what]) => (verdict === 'red' ? { id, weakened: during, verdict } : { id, what: `${during}: ${what}`, verdict }))));
after(() => console.log(`\n${table([['id', 'during', 'verdict', 'what'], ...rows])}`));
const only = (process.env.TASUKI_CHECKS ?? '').split(',').filter(Boolean);
const wanted = (id) => only.length === 0 || only.includes(id);

// What these need is not here: HAProxy, the demo's consoles, a quiet machine, a minute.
const ELSEWHERE = new Set(['B04', 'B11', 'B17', 'D01', 'D06', 'A18', 'F07']);
const LEADER = ['B02', 'B05', 'B06', 'D03', 'D11', 'D16', 'E01', 'E02', 'E11'];

async function run(one, during, target, others) {
  let noted = '';
  const row = [one.id, during, 'RED', one.what];
  rows.push(row);
  await one.body({ target, others, note: (text) => (noted = text) });
  row[2] = 'green';
  if (noted) row[3] += ` (${noted})`;
}

// The majority is what all libraries know of; the third node is asked by hand.
let lone;
before(async () => {
  await cluster.bootstrap();
  if ((await leader()) === CUT) await transfer();
  await until('it does not lead', async () => (await leader()) !== CUT);
  lone = demo().nodes.pop();
});

// What is about to be lost: given while all was whole.
let given;
let person;
let rp;
test('before the cut all nodes serve', async () => {
  rp = await addClient({ name: 'region' });
  person = await addAccount({ name: 'region' });
  await until('the third has them', async () => (await get(lone, `/oauth/authorize?client_id=${rp.clientId}&response_type=code&scope=openid&redirect_uri=${encodeURIComponent(rp.redirectUri)}`)).status === 200, { timeout: 30000 });
  given = await tokens(lone, rp, person, { scope: 'openid offline_access' });
  assert.equal((await userinfo(lone, given.access_token)).status, 200);
  cut();
});

test('D11 the node that is cut off refuses: what was changed meanwhile is not believed there', { timeout: 120000 }, async () => {
  const [one] = demo().nodes;
  const { browser } = await signIn(one, rp, person);
  const page = await browser.get('/account/password');
  const password = secret(`changed ${word(12)} pass`);
  const { csrf } = formWith(page.body, 'csrf')?.fields ?? {};
  assert.ok(csrf, page.location ?? page.body.slice(0, 200));
  const done = await browser.post('/account/password', { csrf, password, password_again: password });
  assert.match(done.body, /パスワードを変更しました/);
  const began = Date.now();
  await until('it says that it is cut off', async () => (await get(lone, '/health')).status !== 200, { timeout: 30000 });
  rows.push(['D11', 'a region cut off', 'green', `the node that is cut off is not ready after ${Date.now() - began} ms`]);
  const refused = async (hooks) => {
    const { target, close } = await proxy(lone, hooks);
    try {
      const info = await userinfo(target, given.access_token);
      assert.equal(info.status, 503, `a token of before: ${info.status}`);
      const again = await new Browser(target).get(`/oauth/authorize?client_id=${rp.clientId}&response_type=code&scope=openid&redirect_uri=${encodeURIComponent(rp.redirectUri)}`);
      if (isLoginPage(again)) {
        const { fields } = formWith(again.body, 'login_state');
        const old = await new Browser(target, { jar: browser.jar.clone() }).post('/oauth/login', { ...fields, account_id: person.id, password: person.password });
        assert.ok(!old.location, 'the old password signs in');
      } else assert.equal(again.status, 503, `${again.status}`);
    } finally {
      close();
    }
  };
  await refused({});
  for (const node of demo().nodes) {
    assert.equal((await userinfo(node, given.access_token)).status, 401, node.name);
    await assert.rejects(signIn(node, rp, person), /sign-in refused/);
  }
  // A node that did not know that it is cut off would answer what it knows.
  const error = await refused({ response: (answer, m) => m.path.startsWith('/oauth/userinfo') && Object.assign(answer, { status: 200, body: Buffer.from('{"sub":"x"}') }) }).then(() => null, (wrong) => wrong);
  assert.equal(error?.code, 'ERR_ASSERTION', 'turns red when it answers what it knows');
  rows.push(['D11', 'weakened: it answers what it knows', 'red', error.message.split('\n')[0]]);
});

for (const one of registry) {
  if (ELSEWHERE.has(one.id) || one.options.targets === 'balancer' || !wanted(one.id)) continue;
  if (one.options.targets === 'once' && !/leader/.test(one.what)) continue;
  test(`${one.id} with a region cut off: ${one.what}`, { timeout: 300000 }, async () => {
    const [, target] = demo().nodes;
    await run(one, 'a region cut off', target, demo().nodes.filter((node) => node !== target));
  });
}

// Changes of leader, one after the other, while a check runs. A browser or a service tries
// again what was not answered.
for (const id of LEADER) {
  for (const one of registry.filter((check) => check.id === id && check.options.targets !== 'once')) {
    if (!wanted(id)) continue;
    test(`${id} while the leader changes: ${one.what}`, { timeout: 400000 }, async () => {
      const fronts = [];
      for (const node of demo().nodes)
        fronts.push(await proxy(node, {
          async request(message, _, send) {
            let answer;
            for (let tries = 0; tries < 60; tries++) {
              answer = await send(message);
              if (answer.status !== 503) break;
              await sleep(100);
            }
            return answer;
          },
        }));
      let moves = 0;
      let over = false;
      const moving = (async () => {
        while (!over) {
          await transfer().then(() => moves++, () => {});
          await sleep(700);
        }
      })();
      try {
        const [target, ...others] = fronts.map(({ target: front }) => front);
        await run(one, 'leader changes', target, others);
      } finally {
        over = true;
        await moving;
        fronts.forEach(({ close }) => close());
      }
      assert.ok(moves > 0, 'the leader has changed');
    });
  }
}

test('the region comes back, and agrees', { timeout: 120000 }, async () => {
  heal();
  await until('the third node is ready', async () => (await get(lone, '/health')).status === 200, { timeout: 60000 });
  demo().nodes.push(lone);
  await cluster.settled();
  assert.equal((await userinfo(lone, given.access_token)).status, 401, 'what ended meanwhile is dead there');
});
