// SECURITY_CHECKS E01, E02: one-time codes, guessed and used again. Guesses are made over
// all nodes, in new sign-ins, with new codes, and while the leader changes.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { addAccount, addClient, newPhone } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { sleep, until } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, Browser, codeForm, isFactorPage, isLoginPage, notice, secondCode, submitLogin, submitSecond, totp } from '../lib/flow.mjs';
import { transfer, whole } from '../lib/leader.mjs';
import { tally, volley } from '../lib/race.mjs';

const once = (make) => {
  let made;
  return () => (made ??= make());
};
const service = once(() => addClient({ name: 'factor', profile: 'standard' }));
const GUESSES_MAX = 10; // FSM_FACTOR_FAILURES_MAX, of one account in a day
const RESERVE = 5; // FSM_FACTOR_RESERVE: with a later password, once in that day
const DIGITS = 1e6;
const RIGHT_AT_ONCE = 3; // steps of an authenticator app

const seed = () => [...randomBytes(32)].map((b) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[b & 31]).join('');
const withPhone = async () => ({ ...(await addAccount({ name: 'codes', type: 'entry', phone: newPhone() })) });
const withApp = () => addAccount({ name: 'codes', type: 'entry', totp_seed: seed() });

// A new browser behind the password, and the page of the second step.
async function toSecond(account, at, browser = new Browser(at)) {
  for (;;) {
    const page = await browser.get(authorizePath(authorizeParams(await service(), { scope: 'openid', prompt: 'login' })), { at });
    const since = Date.now();
    const answer = isLoginPage(page) ? await submitLogin(browser, page, account, { at, second: false }) : page;
    if (answer.status === 503) await sleep(100);
    else return { browser, answer, since };
  }
}
const signedIn = (answer) => Boolean(answer.location) && new URL(answer.location).searchParams.has('code');
const isWrong = (answer) => /認証コードが違います/.test(notice(answer));
const isOver = (answer) => /誤った認証コードの入力が続いた/.test(notice(answer));
const wrongFor = (code) => String((Number(code) + 1 + Math.floor(Math.random() * 900000)) % 1000000).padStart(6, '0');

check('E01', 'wrong codes: a fixed number of an account in a day, whatever the session, node and code', async ({ target, others, note }) => {
  const account = await withApp();
  const places = [target, ...others];
  const moving = sleep(300).then(transfer); // a leader change in the midst
  let wrong = 0;
  let over = 0;
  let asked = 0;
  for (let session = 0; session < 6; session++) {
    const { browser, answer } = await toSecond(account, places[session % places.length]);
    if (!codeForm(answer)) { // the sign-in itself says no
      over++;
      continue;
    }
    for (let i = 0; i < 4; i++) {
      let said = await submitSecond(browser, answer, account, { at: places[(session + i) % places.length], code: wrongFor(totp(account.totp)) });
      for (let tries = 0; said.status === 503 && tries < 50; tries++) {
        await sleep(100);
        said = await submitSecond(browser, answer, account, { at: places[(session + i) % places.length], code: wrongFor(totp(account.totp)) });
      }
      assert.ok(!signedIn(said), 'a wrong code is taken');
      asked++;
      if (isWrong(said)) wrong++;
      else over++;
    }
  }
  await moving;
  await whole();
  assert.ok(wrong <= GUESSES_MAX, `${wrong} guesses of ${asked} were looked at`);
  assert.ok(over > 0, 'and then none');
  // The right one is as good as a wrong one now, where nobody is known.
  for (const at of places) {
    const { browser, answer } = await toSecond(account, at);
    if (!codeForm(answer)) continue;
    const last = await submitSecond(browser, answer, account, { at, code: totp(account.totp) });
    assert.ok(!signedIn(last) && isOver(last), `${at.name}: ${notice(last)}`);
  }
  const chance = (2 * (GUESSES_MAX + RESERVE) * RIGHT_AT_ONCE) / DIGITS; // two days of counting meet in 24 h
  assert.ok(chance <= 1e-4, `a success chance of ${chance} a day`);
  note(`${wrong} guesses, ${chance.toExponential(0)} a day`);
}, { targets: 'nodes', timeout: 180000 });

check('E01', '100 guesses at once over all nodes count like one after the other', async ({ target, others, note }) => {
  const account = await withApp();
  const places = [target, ...others];
  const sessions = [];
  for (let i = 0; i < 5; i++) sessions.push(await toSecond(account, places[i % places.length]));
  const wrong = wrongFor(totp(account.totp));
  let n = 0;
  const answers = await volley(100, places, async (at) => {
    const { browser, answer } = sessions[n++ % sessions.length];
    const said = await submitSecond(new Browser(at, { jar: browser.jar.clone() }), answer, account, { at, code: wrong });
    return { status: signedIn(said) ? 1 : isWrong(said) ? 2 : 3 };
  });
  assert.ok(answers.every(({ status }) => status !== 1), 'a wrong code is taken');
  const looked = answers.filter(({ status }) => status === 2).length;
  assert.ok(looked <= GUESSES_MAX, `${looked} were looked at: ${tally(answers)}`);
  note(tally(answers));
}, { targets: 'nodes', timeout: 120000 });

check('E01', 'a new code by text message gives no new guesses', async ({ target, others, note }) => {
  const account = await withPhone();
  const places = [target, ...others];
  let looked = 0;
  for (let session = 0; session < 6; session++) {
    const at = places[session % places.length];
    const { browser, answer, since } = await toSecond(account, at);
    if (!codeForm(answer)) continue;
    const code = await secondCode(account, since).catch(() => null);
    if (!code) continue;
    for (let i = 0; i < 3; i++) {
      const said = await submitSecond(browser, answer, account, { at: places[(session + i) % places.length], code: wrongFor(code) });
      assert.ok(!signedIn(said), 'a wrong code is taken');
      if (isWrong(said)) looked++;
    }
  }
  assert.ok(looked <= GUESSES_MAX, `${looked} were looked at`);
  note(`${looked} guesses`);
}, { targets: 'nodes', timeout: 180000 });

check('E02', 'a right code: once, in its own sign-in, of its own account', async ({ target, others }) => {
  const places = [target, ...others];
  const account = await withPhone();
  const other = await withPhone();
  const mine = await toSecond(account, target);
  const code = await secondCode(account, mine.since);
  // Another sign-in of the same account, which has a code of its own; and another account's.
  const second = await toSecond(account, others[0] ?? target);
  const later = await secondCode(account, second.since);
  if (later !== code) {
    const crossed = await submitSecond(second.browser, second.answer, account, { code });
    assert.ok(!signedIn(crossed), 'in another sign-in');
  }
  const theirs = await toSecond(other, target);
  const ofOther = await secondCode(other, theirs.since);
  if (ofOther !== code) assert.ok(!signedIn(await submitSecond(theirs.browser, theirs.answer, other, { code })), "another account's");
  const stolen = await submitSecond(new Browser(target), mine.answer, account, { code });
  assert.ok(!signedIn(stolen), 'in another browser');
  // At once over all nodes, and then again: one session.
  const form = codeForm(mine.answer);
  const jars = [];
  const answers = await volley(12, places, async (at) => {
    const browser = new Browser(at, { jar: mine.browser.jar.clone() });
    const said = await browser.post(form.path, { ...form.fields, code });
    jars.push(browser.jar);
    return { status: signedIn(said) ? 1 : 2 };
  });
  assert.equal(answers.filter(({ status }) => status === 1).length, 1, tally(answers));
  for (const at of places) {
    const again = await submitSecond(new Browser(at, { jar: mine.browser.jar.clone() }), mine.answer, account, { at, code });
    assert.ok(!signedIn(again), `again at ${at.name}`);
  }
  // An authenticator app's step likewise, in two sign-ins at once.
  const app = await withApp();
  const sessions = await Promise.all(places.map((at) => toSecond(app, at)));
  await until('a step that lasts', () => Date.now() % 30000 < 24000, { timeout: 40000 });
  const step = totp(app.totp);
  const tries = await Promise.all(sessions.map(({ browser, answer }) => submitSecond(browser, answer, app, { code: step })));
  assert.equal(tries.filter(signedIn).length, 1, tries.map(notice).join(' | '));
  const late = await toSecond(app, target);
  assert.ok(isFactorPage(late.answer));
  assert.ok(!signedIn(await submitSecond(late.browser, late.answer, app, { code: step })), 'a step that was used');
}, { targets: 'nodes', timeout: 120000 });
