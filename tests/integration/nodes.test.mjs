// Nodes that are stopped, killed and started again. Leaves three ready nodes.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { addAccount, addClient, statusOf } from '../lib/admin.mjs';
import { demo, node as control, nodePid, ROOT, run, until } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, Browser, isLoginPage, redeem, sessionLives, signIn, tokens, userinfo } from '../lib/flow.mjs';
import { dropConnections, get } from '../lib/http.mjs';
import { digestsAgree, leader, ready, transfer, whole } from '../lib/leader.mjs';

const STALENESS_BOUND_MS = 3000;
const { nodes, balancer } = demo();
const down = new Set();

async function act(id, action) {
  await control(id, action);
  if (action === 'start') down.delete(id);
  else down.add(id);
  dropConnections();
}

async function demoCommand(...args) {
  const result = await run(join(ROOT, 'ops/demo'), [...args, '--dir', demo().dir], { timeout: 180000 });
  assert.equal(result.code, 0, `ops/demo ${args[0]}: ${result.stdout}${result.stderr}`);
  dropConnections();
}
const upAgain = () => demoCommand('up', '--keep', '--build-dir', demo().binDir);

// Also after a test that failed half-way: the tests that come use the same demo.
async function restore() {
  if (!existsSync(join(demo().dir, 'demo.env'))) {
    await upAgain();
    down.clear();
  }
  for (const id of [...down]) await act(id, 'start');
  await whole();
}
beforeEach(restore);
after(restore);

const rp = await addClient({ name: 'nodes' });
const account = await addAccount({ name: 'nodes' });

const settled = (target, path) => get(target, path, { timeout: 8000 }).catch(() => null);

test('leadership is handed over, and sign-ins go on', async () => {
  const seen = new Set([await leader()]);
  for (let i = 0; i < 3; i++) {
    const moving = transfer();
    const { code } = await signIn(nodes[i], rp, account);
    assert.ok(code);
    seen.add(await moving);
  }
  assert.ok(seen.size >= 2);
  const all = await Promise.all(nodes.map((n) => statusOf(n.id)));
  assert.equal(new Set(all.map((s) => s.leader_id)).size, 1, 'all name the same leader');
});

test('a follower killed and started again catches up by itself', async () => {
  const first = await leader();
  const victim = nodes.find((n) => n.id !== first);
  await act(victim.id, 'kill');
  const live = nodes.filter((n) => n !== victim);
  const given = [];
  for (let i = 0; i < 10; i++) given.push(await tokens(live[i % 2], rp, account));
  assert.equal((await get(balancer, '/oauth/jwks')).status, 200, 'the balancer goes on');
  await act(victim.id, 'start');
  for (const one of given) {
    assert.equal((await userinfo(victim, one.access_token)).status, 200, 'what it missed is there');
    assert.equal(await sessionLives(victim, one.browser.jar, rp), true);
  }
  await digestsAgree();
});

test('the leader killed: the others go on, it rejoins, and nothing is lost', async () => {
  const kept = await tokens(nodes[0], rp, account);
  const code = (await signIn(nodes[1], rp, account)).code;
  const old = await leader();
  const began = Date.now();
  await act(old, 'kill');
  const live = nodes.filter((n) => n.id !== old);
  const answer = await until('a redemption after the kill', async () => {
    const one = await redeem(live[0], rp, code);
    return one.status !== 503 && one;
  });
  assert.equal(answer.status, 200, answer.body);
  console.log(`first write after the leader's kill: ${Date.now() - began} ms after the command began`);
  for (const node of live) assert.equal((await userinfo(node, kept.access_token)).status, 200);
  assert.notEqual(await leader(), old);
  await act(old, 'start');
  await whole();
  const { index } = await digestsAgree();
  assert.ok(index > 0);
  const pids = nodes.map((n) => nodePid(n.id));
  assert.equal(new Set(pids).size, 3);
});

test('without a majority: 503 with Retry-After within the staleness bound, then recovery', async () => {
  const alive = await leader();
  const survivor = nodes.find((n) => n.id === alive);
  const lost = nodes.filter((n) => n !== survivor);
  const given = await tokens(survivor, rp, account);
  const page = await new Browser(survivor).get(authorizePath(authorizeParams(rp)));
  assert.ok(isLoginPage(page));
  for (const node of lost) await act(node.id, 'stop');
  const stopped = Date.now();
  let last = Date.now();
  await until(
    'userinfo refuses',
    async () => {
      const { status } = await userinfo(survivor, given.access_token);
      assert.ok([200, 503].includes(status), `userinfo: ${status}`);
      if (status === 200) last = Date.now();
      return status === 503;
    },
    { timeout: STALENESS_BOUND_MS + 3000, every: 20 },
  );
  assert.ok(last - stopped < STALENESS_BOUND_MS + 500, `last answer ${last - stopped} ms after the majority was gone`);
  const checks = {
    userinfo: () => userinfo(survivor, given.access_token),
    authorize: () => get(survivor, authorizePath(authorizeParams(rp)), { jar: given.browser.jar.clone() }),
    token: () => redeem(survivor, rp, 'A'.repeat(22)),
    health: () => get(survivor, '/health'),
    'health at the balancer': () => settled(balancer, '/oauth/userinfo'),
  };
  for (const [what, send] of Object.entries(checks)) {
    const answer = await send();
    if (what.includes('balancer')) {
      await until('the balancer says 503', async () => (await settled(balancer, '/oauth/jwks'))?.status === 503, { timeout: 8000 });
      continue;
    }
    assert.equal(answer.status, 503, `${what}: ${answer.status}`);
    if (what !== 'health') assert.match(answer.headers['retry-after'] ?? '', /^\d+$/, `${what}: Retry-After`);
    assert.match(answer.headers['cache-control'] ?? '', /no-store/, `${what}: no-store`);
  }
  const status = await statusOf(survivor.id);
  assert.equal(status.ready, false);
  assert.ok(status.why_not_ready.length > 0, 'it says why');
  await act(lost[0].id, 'start');
  await until('two nodes are ready again', () => ready(survivor), { timeout: 15000 });
  assert.equal((await userinfo(survivor, given.access_token)).status, 200, 'nothing was forgotten');
  assert.equal(await sessionLives(lost[0], given.browser.jar, rp), true);
  await act(lost[1].id, 'start');
  await whole();
  await digestsAgree();
});

test('all three killed at once come back with everything', async () => {
  const given = await tokens(nodes[2], rp, account);
  for (const node of nodes) await act(node.id, 'kill');
  // One node cannot be ready alone, so all are started together.
  const began = Date.now();
  await demoCommand('down');
  await upAgain();
  down.clear();
  console.log(`the whole demo is up ${Date.now() - began} ms after the last kill`);
  for (const node of nodes) {
    assert.equal((await userinfo(node, given.access_token)).status, 200, node.name);
    assert.equal(await sessionLives(node, given.browser.jar, rp), true, node.name);
  }
  await digestsAgree();
});
