// The second step of a sign-in: text messages and authenticator apps, over nodes and a
// leader that is killed in between; what services are told of it; enrolment.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { addAccount, addClient, newPhone, word } from '../lib/admin.mjs';
import { demo, node as control, until } from '../lib/demo.mjs';
import {
  authorize, authorizeParams, authorizePath, Browser, callback, codeForm, factorForms, isFactorPage, isLoginPage,
  notice, redeem, secondCode, submitLogin, submitSecond, totp,
} from '../lib/flow.mjs';
import { leader, whole } from '../lib/leader.mjs';

const { nodes, password } = demo();
const PASSWORD_CLASS = 'urn:tasuki:acr:password';
const TWO = 'urn:tasuki:acr:two-factors';
const prime = { id: demo().prime, password };
const rp = await addClient({ name: 'second', profile: 'standard' });
const seed = () => [...randomBytes(32)].map((b) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[b & 31]).join('');

async function claimsOf(at, result) {
  const answer = await redeem(at, rp, result.code);
  assert.equal(answer.status, 200, answer.body);
  return decodeJwt(answer.json.id_token);
}

async function toSecond(account, { at = nodes[0], params = {}, browser = new Browser(at) } = {}) {
  const page = await browser.get(authorizePath(authorizeParams(rp, { scope: 'openid', ...params })));
  const since = Date.now();
  const answer = await submitLogin(browser, page, account, { second: false });
  return { browser, answer, since };
}

test('a Prime signs in with password and text message, each step at another node', async () => {
  const { browser, answer, since } = await toSecond(prime, { at: nodes[0] });
  assert.ok(isFactorPage(answer), notice(answer));
  assert.ok(!browser.jar.cookies.get('__Host-tasuki_session'), 'no session before the second step');
  assert.match(answer.body, /\+81\*+0001/, 'the number is shown masked');
  assert.ok(!answer.body.includes('9012340001'), 'and not otherwise');
  const done = await submitSecond(browser, answer, prime, { at: nodes[1], since });
  const claims = await claimsOf(nodes[2], callback(done, rp));
  assert.equal(claims.acr, TWO);
  assert.deepEqual(claims.amr, ['pwd', 'otp', 'sms', 'mfa']);
});

test('an authenticator app: a step once, at whichever node', async () => {
  const account = { ...(await addAccount({ name: 'totp', totp_seed: seed() })) };
  const first = await toSecond(account);
  const second = await toSecond(account, { at: nodes[1] });
  const code = totp(account.totp);
  const done = await submitSecond(first.browser, first.answer, account, { at: nodes[2], code });
  const claims = await claimsOf(nodes[0], callback(done, rp));
  assert.deepEqual(claims.amr, ['pwd', 'otp', 'mfa']);
  const again = await submitSecond(second.browser, second.answer, account, { at: nodes[2], code });
  assert.ok(isFactorPage(again), notice(again));
  assert.match(notice(again), /使用済み/);
});

test('an Entry account uses one factor, until a service asks for two', async () => {
  const account = { ...(await addAccount({ name: 'entry', type: 'entry' })), phone: newPhone() };
  const browser = new Browser(nodes[0]);
  const one = await authorize(browser, rp, { account, params: { scope: 'openid' } });
  const low = await claimsOf(nodes[1], one);
  assert.equal(low.acr, PASSWORD_CLASS);
  assert.deepEqual(low.amr, ['pwd']);
  // The same browser: no password again, a factor is enrolled on the way.
  let page = await browser.get(authorizePath(authorizeParams(rp, { scope: 'openid', acr_values: TWO })));
  assert.ok(isFactorPage(page), notice(page));
  assert.ok(!isLoginPage(page));
  const choose = factorForms(page).find(({ buttons }) => buttons.some(({ value }) => value === 'sms'));
  page = await browser.post(choose.path, { ...choose.fields, choice: 'sms' }, { at: nodes[1] });
  const number = factorForms(page).find(({ fields }) => 'phone' in fields);
  const bad = await browser.post(number.path, { ...number.fields, phone: '03-1234-5678' }, { at: nodes[2] });
  assert.match(notice(bad), /SMSを送れる携帯電話番号ではありません/);
  const since = Date.now();
  const session = browser.jar.cookies.get('__Host-tasuki_session');
  page = await browser.post(number.path, { ...number.fields, phone: account.phone.replace('+81', '0') }, { at: nodes[2] });
  assert.ok(codeForm(page), notice(page));
  const done = await submitSecond(browser, page, account, { at: nodes[0], since });
  const high = await claimsOf(nodes[1], callback(done, rp));
  assert.equal(high.acr, TWO);
  assert.deepEqual(high.amr, ['pwd', 'otp', 'sms', 'mfa']);
  assert.equal(high.sid, low.sid, 'the session is the same');
  assert.equal(high.auth_time, low.auth_time);
  assert.notEqual(browser.jar.cookies.get('__Host-tasuki_session'), session, 'under another secret (D08)');
  const stale = new Browser(nodes[1]);
  stale.jar.cookies.set('__Host-tasuki_session', session);
  assert.ok(isLoginPage(await stale.get(authorizePath(authorizeParams(rp, { scope: 'openid' })))), 'the old one is dead');
  // From now on it is asked at each sign-in, and prompt=none is told when it lacks.
  const next = await toSecond(account);
  assert.ok(codeForm(next.answer), 'a code was sent');
  const weak = new Browser(nodes[0]);
  const other = await addAccount({ name: 'entry', type: 'entry' });
  await authorize(weak, rp, { account: other, params: { scope: 'openid' } });
  const none = await weak.get(authorizePath(authorizeParams(rp, { scope: 'openid', acr_values: TWO, prompt: 'none' })));
  assert.equal(new URL(none.location).searchParams.get('error'), 'unmet_authentication_requirements');
});

test('an essential acr of `claims` is a second step too', async () => {
  const account = await addAccount({ name: 'essential', type: 'entry', phone: newPhone() });
  const claims = JSON.stringify({ id_token: { acr: { essential: true, values: [TWO] } } });
  const { browser, ...result } = await (async () => {
    const browser = new Browser(nodes[1]);
    return { browser, ...(await authorize(browser, rp, { account, params: { scope: 'openid', claims } })) };
  })();
  assert.equal((await claimsOf(nodes[0], result)).acr, TWO);
});

// The guess limit is the account's: cookies of sign-ins with the password alone, hoarded
// before there was a factor, give no guesses of their own; a browser that has passed a
// second step has its own counter (E01).
test('hoarded sign-ins with a password give no further guesses', async () => {
  const account = { ...(await addAccount({ name: 'hoard', type: 'entry' })), phone: newPhone() };
  const hoard = [new Browser(nodes[0]), new Browser(nodes[1])];
  for (const browser of hoard) await authorize(browser, rp, { account, params: { scope: 'openid' } });
  const holder = new Browser(nodes[2]);
  let page = (await toSecond(account, { params: { acr_values: TWO }, browser: holder })).answer;
  const choice = factorForms(page).find(({ buttons }) => buttons.some(({ value }) => value === 'sms'));
  page = await holder.post(choice.path, { ...choice.fields, choice: 'sms' });
  const number = factorForms(page).find(({ fields }) => 'phone' in fields);
  const since = Date.now();
  page = await holder.post(number.path, { ...number.fields, phone: account.phone.replace('+81', '0') });
  assert.ok(callback(await submitSecond(holder, page, account, { since }), rp).code);
  const guess = async ({ browser, answer, since: sent }) => {
    const right = await secondCode(account, sent);
    const wrong = String((Number(right) + 1) % 1000000).padStart(6, '0');
    return submitSecond(browser, answer, account, { code: wrong });
  };
  const again = { prompt: 'login' };
  const guesses = await toSecond(account, { params: again, browser: hoard[0] });
  for (let i = 0; i < 9; i++) assert.match(notice(await guess(guesses)), /認証コードが違います/, `guess ${i + 1}`);
  assert.match(notice(await guess(guesses)), /誤った認証コードの入力が続いた/, 'the last one says what it has done');
  for (const browser of hoard) {
    const next = await toSecond(account, { params: again, browser });
    assert.match(notice(next.answer), /誤った認証コードの入力が続いた/, 'nobody is sent a code that would not be taken');
    assert.ok(!codeForm(next.answer), 'nor asked for one');
  }
  assert.match(notice(await submitSecond(guesses.browser, guesses.answer, account, { code: '123456' })), /誤った認証コードの入力が続いた/);
  const known = await toSecond(account, { params: again, browser: holder });
  assert.ok(callback(await submitSecond(holder, known.answer, account, { since: known.since }), rp).code, 'the holder signs in');
});

test('the leader dies between the steps', async () => {
  const account = await addAccount({ name: 'killed', type: 'entry', phone: newPhone() });
  const dead = await leader();
  const [a, b] = nodes.filter(({ id }) => id !== dead);
  const { browser, answer, since } = await toSecond(account, { at: a });
  assert.ok(codeForm(answer), notice(answer));
  await control(dead, 'kill');
  try {
    const code = await secondCode(account, since);
    const done = await until('a node answers', async () => {
      const tried = await submitSecond(browser, answer, account, { at: b, code });
      return tried.status !== 503 && tried;
    });
    assert.equal((await claimsOf(a, callback(done, rp))).acr, TWO);
  } finally {
    await control(dead, 'start');
    await whole();
  }
});

test('the second step stands in the browser that began', async () => {
  const { answer, since } = await toSecond(prime);
  const code = await secondCode(prime, since);
  const other = new Browser(nodes[0]);
  const refused = await submitSecond(other, answer, prime, { code });
  assert.equal(refused.status, 400);
  const word16 = word(16);
  const forged = codeForm(answer);
  const bent = await new Browser(nodes[0]).post(forged.path, { ...forged.fields, login_state: word16, code });
  assert.equal(bent.status, 400);
});
