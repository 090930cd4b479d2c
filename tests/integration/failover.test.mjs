// The leader is killed (SIGKILL) while sign-ins run against the two other nodes.
//
// Two loads at once: whole sign-ins (authorize, password, session) at a fixed rate,
// and codes issued and redeemed with sessions that live already, which no password
// hash slows down. A request that breaks is not repeated: only what was answered
// counts as acknowledged.
//
// Fails on a lost write or a code redeemed twice alone; times are printed and written
// to JSON, never judged.
//
//   TASUKI_FAILOVER_ROUNDS  kills (default 20)
//   TASUKI_FAILOVER_RATE    sign-ins a second (default 50)
//   TASUKI_FAILOVER_CODES   codes issued and redeemed a second (default 50)
//   TASUKI_FAILOVER_OUT     the JSON file; none is written without it
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { addAccount, addClient } from '../lib/admin.mjs';
import { table } from '../lib/checks.mjs';
import { demo, node as control, nodePid, sleep, until } from '../lib/demo.mjs';
import {
  authorizeParams,
  authorizePath,
  Browser,
  callback,
  isLoginPage,
  redeem,
  sessionLives,
  signIn,
  submitLogin,
  userinfo,
} from '../lib/flow.mjs';
import { dropConnections, get, Jar } from '../lib/http.mjs';
import { digestsAgree, leader, whole } from '../lib/leader.mjs';
import { quantile } from '../lib/stats.mjs';

const number = (name, fallback) => Number(process.env[name] ?? fallback);
const ROUNDS = number('TASUKI_FAILOVER_ROUNDS', 20);
const RATE = number('TASUKI_FAILOVER_RATE', 50);
const CODES = number('TASUKI_FAILOVER_CODES', 50);
const BEFORE_MS = 1500;
const AFTER_MS = 4000;
const ANSWER_MS = 10000;
const { nodes } = demo();

const account = await addAccount({ name: 'failover' });
const rp = await addClient({ name: 'failover', alg: 'ES256' });

// Start `work(target)` at a steady rate, whether earlier ones are done or not.
function load(rate, targets, work) {
  const pending = new Set();
  const began = performance.now();
  let started = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1000) * rate);
    // After a pause of this process, do not make up for all of it at once.
    if (due - started > rate) started = due - rate;
    while (started < due) {
      const one = work(targets[started % targets.length]).finally(() => pending.delete(one));
      pending.add(one);
      started++;
    }
  }, 5);
  return async () => {
    clearInterval(timer);
    await Promise.all(pending);
  };
}

class Events {
  constructor() {
    this.list = [];
  }
  async note(kind, work) {
    const start = performance.now();
    let good = false;
    try {
      good = await work();
    } catch {
      good = false; // no answer: nothing was acknowledged
    }
    this.list.push({ kind, start, end: performance.now(), good });
  }
  // Until the first success of a request that began after the kill.
  firstSuccess(kind, killed) {
    const ends = this.list.filter((e) => e.good && e.start >= killed && (!kind || e.kind === kind)).map((e) => e.end - killed);
    return ends.length ? Math.min(...ends) : NaN;
  }
}

async function round(number, page) {
  const first = await leader();
  const live = nodes.filter((n) => n.id !== first);
  const events = new Events();
  const sessions = [];
  const access = [];
  const codes = new Map(); // code -> how many 200
  const ready = await Promise.all(live.map((node) => signIn(node, rp, account)));

  const signInOnce = (node) =>
    events.note('sign-in', async () => {
      // Each is a browser of its own; the page is one that was shown before.
      const browser = new Browser(node, { jar: page.jar.clone() });
      const answer = await submitLogin(browser, page.answer, account, { timeout: ANSWER_MS });
      if (answer.status !== 303) return false;
      assert.ok(callback(answer, rp).code);
      sessions.push(browser.jar);
      return true;
    });

  const redeemOnce = async (node, code) => {
    const answer = await redeem(node, rp, code, {}, { timeout: ANSWER_MS });
    if (answer.status === 200) codes.set(code, codes.get(code) + 1);
    return answer;
  };

  let turn = 0;
  const codeOnce = (node) =>
    events.note('code', async () => {
      const raced = ++turn % 3 === 0;
      const { browser } = ready[live.indexOf(node)];
      const sent = authorizeParams(rp, { prompt: 'none', scope: 'openid' });
      const issued = await get(node, authorizePath(sent), { jar: browser.jar, timeout: ANSWER_MS });
      if (issued.status === 503) return false;
      const { code } = callback(issued, rp);
      codes.set(code, 0);
      if (!raced) {
        const answer = await redeemOnce(node, code);
        if (answer.status === 200) access.push(answer.json.access_token);
        return answer.status === 200;
      }
      // Sent to both nodes at once and, where the answer is lost, again: the tokens of
      // such a code are revoked by the replay, so only the count of 200 matters.
      const tries = live.map(async (at) => {
        for (let i = 0; i < 4; i++) {
          const answer = await redeemOnce(at, code).catch(() => null);
          if (answer && answer.status !== 503) return answer.status;
          await sleep(50 + 100 * Math.random());
        }
        return 0;
      });
      return (await Promise.all(tries)).includes(200);
    });

  const stops = [load(RATE, live, signInOnce), load(CODES, live, codeOnce)];
  await sleep(BEFORE_MS);
  const pid = nodePid(first);
  const killed = performance.now();
  process.kill(pid, 'SIGKILL');
  await sleep(AFTER_MS);
  for (const stop of stops) await stop();

  const before = events.list.filter((e) => e.good && e.end < killed).length;
  assert.ok(before > 0, 'the load ran before the kill');
  const result = {
    round: number,
    leader: first,
    first_ms: events.firstSuccess(null, killed),
    sign_in_ms: events.firstSuccess('sign-in', killed),
    code_ms: events.firstSuccess('code', killed),
    sign_ins: sessions.length,
    codes: codes.size,
    redeemed: [...codes.values()].filter((n) => n > 0).length,
    failed: events.list.filter((e) => !e.good).length,
  };

  dropConnections();
  await control(first, 'start');
  await whole();
  result.twice = [...codes.values()].filter((n) => n > 1).length;
  result.lost = await lost(sessions, access);
  return result;
}

// Whatever was acknowledged must be there on every node.
async function lost(sessions, access) {
  let missing = 0;
  for (const node of nodes) {
    for (let i = 0; i < sessions.length; i += 16) {
      const alive = await Promise.all(sessions.slice(i, i + 16).map((jar) => sessionLives(node, new Jar(jar), rp)));
      missing += alive.filter((a) => !a).length;
    }
    for (let i = 0; i < access.length; i += 16) {
      const statuses = await Promise.all(access.slice(i, i + 16).map(async (token) => (await userinfo(node, token)).status));
      missing += statuses.filter((s) => s !== 200).length;
    }
  }
  return missing;
}

function report(results) {
  const spread = (name) => {
    const values = results.map((r) => r[name]).filter((v) => !Number.isNaN(v));
    return { min: quantile(values, 0), median: quantile(values, 0.5), p90: quantile(values, 0.9), max: quantile(values, 1) };
  };
  const ms = (value) => (Number.isNaN(value) ? 'none' : value.toFixed(0));
  console.log(`\nfrom the kill to the first success of a request that began after it, in ms (${RATE} sign-ins/s, ${CODES} codes/s)`);
  console.log(
    table([
      ['round', 'leader', 'first', 'sign-in', 'code', 'sign-ins', 'codes', 'redeemed', 'failed', 'lost', 'twice'],
      ...results.map((r) => [r.round, r.leader, ms(r.first_ms), ms(r.sign_in_ms), ms(r.code_ms), r.sign_ins, r.codes, r.redeemed, r.failed, r.lost, r.twice]),
    ]),
  );
  const summary = { first_ms: spread('first_ms'), sign_in_ms: spread('sign_in_ms'), code_ms: spread('code_ms') };
  console.log(
    table([
      ['', 'min', 'median', 'p90', 'max'],
      ...Object.entries(summary).map(([name, s]) => [name, ms(s.min), ms(s.median), ms(s.p90), ms(s.max)]),
    ]),
  );
  if (process.env.TASUKI_FAILOVER_OUT)
    writeFileSync(process.env.TASUKI_FAILOVER_OUT, `${JSON.stringify({ rate: RATE, codes: CODES, summary, rounds: results }, null, 2)}\n`);
}

test(`kill -9 of the leader, ${ROUNDS} times: nothing lost, no code redeemed twice`, { timeout: ROUNDS * 120000 }, async () => {
  await whole();
  const results = [];
  try {
    for (let i = 1; i <= ROUNDS; i++) {
      const browser = new Browser(nodes[0]);
      const answer = await browser.get(authorizePath(authorizeParams(rp)));
      assert.ok(isLoginPage(answer));
      results.push(await round(i, { jar: browser.jar, answer }));
    }
  } finally {
    report(results);
    for (const one of nodes) {
      const up = await get(one, '/health', { timeout: 3000 }).catch(() => null);
      if (!up) await control(one.id, 'start').catch((error) => console.log(error.message));
    }
    await until('all nodes', () => whole().then(() => true), { timeout: 60000 });
  }
  const { digest } = await digestsAgree();
  assert.ok(digest);
  assert.equal(results.reduce((sum, r) => sum + r.lost, 0), 0, 'acknowledged writes are lost');
  assert.equal(results.reduce((sum, r) => sum + r.twice, 0), 0, 'codes were redeemed twice');
});
