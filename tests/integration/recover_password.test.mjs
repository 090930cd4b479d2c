// A forgotten password: the link, what ends by it, and what it does not get around.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addAccount, addClient, newPhone, word } from '../lib/admin.mjs';
import { demo } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, Browser, isFactorPage, isLoginPage, notice, refresh, redeem, secondCode, signIn, submitLogin, submitSecond, textOf } from '../lib/flow.mjs';
import { formWith } from '../lib/html.mjs';
import { request } from '../lib/http.mjs';
import { allMail, lastMail, linkOf } from '../lib/messages.mjs';

const { nodes } = demo();
const rp = await addClient({ name: 'recover', profile: 'standard' });

async function ask(id, at = nodes[0]) {
  const browser = new Browser(at);
  const page = await browser.get('/oauth/recover');
  return browser.post('/oauth/recover', { ...formWith(page.body, 'account_id').fields, account_id: id });
}
const hasCode = (answer) => Boolean(answer.location) && new URL(answer.location).searchParams.has('code');
const pathOf = (link) => new URL(link).pathname + new URL(link).search;
async function set(link, password, at = nodes[1]) {
  const browser = new Browser(at);
  const page = await browser.get(pathOf(link));
  assert.equal(page.status, 200);
  return browser.post('/oauth/reset', { ...formWith(page.body, 'token').fields, password });
}

test('the link sets a password once, ends sessions and tokens, and signs nobody in (E06, E12, D11)', async () => {
  const account = await addAccount({ name: 'forgot', type: 'prime', phone: newPhone() });
  const { code, browser } = await signIn(nodes[0], rp, account, { params: { scope: 'openid offline_access' } });
  const tokens = (await redeem(nodes[0], rp, code)).json;
  const since = Date.now();
  assert.equal((await ask(account.id)).status, 200);
  const mail = await lastMail(account.id, { after: since, match: /reset/ });
  const link = linkOf(mail);
  assert.equal(new URL(link).origin, new URL(demo().issuer).origin, 'the configured origin (E07)');
  for (const method of ['HEAD', 'GET', 'GET']) assert.ok([200, 405].includes((await request(nodes[1], method, pathOf(link))).status), 'looking changes nothing (E08)');
  const weak = await set(link, 'password2026!!!');
  assert.match(textOf(weak), /推測されやすい/);
  const password = `new one ${word(10)}`;
  const done = await set(link, password);
  assert.match(textOf(done), /新しいパスワードを設定しました/, notice(done));
  assert.ok(!done.headers['set-cookie']?.some((line) => line.startsWith('__Host-tasuki_session=')), 'nobody is signed in by it');
  assert.equal((await set(link, `again ${word(10)}`)).status, 400, 'once');
  assert.equal((await refresh(nodes[2], rp, tokens.refresh_token)).json.error, 'invalid_grant');
  let page = await browser.get(authorizePath(authorizeParams(rp, { scope: 'openid' })), { at: nodes[2] });
  assert.ok(isLoginPage(page), 'the session has ended');
  page = await submitLogin(browser, page, account, { at: nodes[2], second: false });
  assert.ok(isLoginPage(page), 'the old password is none');
  page = await submitLogin(browser, page, { ...account, password }, { at: nodes[0], second: false });
  assert.ok(isFactorPage(page), 'and the new one is one factor of two');
  assert.ok(await lastMail(account.id, { after: since, match: /変更/ }), 'the holder is told');
});

// Who has the password can use up the day's wrong codes. The holder hears of it, sets
// another password, and goes on in any browser; that password's guesses are few.
test('who guesses codes with the password does not keep out its holder (E01)', async () => {
  const account = { ...(await addAccount({ name: 'silenced', type: 'prime', phone: newPhone() })) };
  const since = Date.now();
  const second = async (at, password) => {
    const browser = new Browser(at);
    const page = await browser.get(authorizePath(authorizeParams(rp, { scope: 'openid' })));
    const from = Date.now();
    return { browser, from, answer: await submitLogin(browser, page, { ...account, password }, { second: false }) };
  };
  const wrongFor = (code) => String((Number(code) + 1) % 1000000).padStart(6, '0');
  const stranger = await second(nodes[0], account.password);
  const code = await secondCode(account, stranger.from);
  for (let i = 0; i < 10; i++) {
    const said = await submitSecond(stranger.browser, stranger.answer, account, { at: nodes[i % 3], code: wrongFor(code) });
    assert.match(notice(said), i < 9 ? /認証コードが違います/ : /パスワードを再設定/, `guess ${i + 1}`);
  }
  const mail = await lastMail(account.id, { after: since, match: /認証コードの誤りが続きました/ });
  assert.match(mail.text ?? mail.body, /パスワードが他人に知られています/);
  const silenced = (await second(nodes[1], account.password)).answer;
  assert.match(notice(silenced), /パスワードを再設定/);
  assert.match(silenced.body, /<a href="\/oauth\/recover">/, 'the way on is a link');
  const after = Date.now();
  await ask(account.id);
  const password = `another ${word(10)}`;
  assert.equal((await set(linkOf(await lastMail(account.id, { after, match: /reset/ })), password)).status, 200);
  assert.ok(!hasCode(await submitSecond(stranger.browser, stranger.answer, account, { code })), 'what the stranger began is over');
  const holder = await second(nodes[2], password);
  assert.ok(isFactorPage(holder.answer));
  const right = await secondCode(account, holder.from);
  assert.match(notice(await submitSecond(holder.browser, holder.answer, account, { code: wrongFor(right) })), /認証コードが違います/);
  assert.ok(hasCode(await submitSecond(holder.browser, holder.answer, account, { at: nodes[1], code: right })), 'the holder signs in');
  const greedy = await second(nodes[0], password);
  const last = await secondCode(account, greedy.from);
  for (let i = 0; i < 4; i++) assert.match(notice(await submitSecond(greedy.browser, greedy.answer, account, { code: wrongFor(last) })), i < 3 ? /認証コードが違います/ : /入力が続いた/);
  assert.match(notice(await submitSecond(greedy.browser, greedy.answer, account, { code: last })), /入力が続いた/);
});

test('a newer link makes the older void; links that nobody made are refused (E06)', async () => {
  const account = await addAccount({ name: 'twice', type: 'entry' });
  let since = Date.now();
  await ask(account.id);
  const first = linkOf(await lastMail(account.id, { after: since, match: /reset/ }));
  since = Date.now();
  await ask(account.id, nodes[2]);
  const second = linkOf(await lastMail(account.id, { after: since, match: /reset/ }));
  assert.notEqual(first, second);
  assert.equal((await set(first, `first ${word(10)}`)).status, 400);
  assert.equal((await set(second, `second ${word(10)}`)).status, 200);
  assert.equal((await new Browser(nodes[0]).get(`/oauth/reset?token=${'A'.repeat(102)}`)).status, 400);
});

test('who has no account is answered alike, and sent nothing (D02)', async () => {
  const account = await addAccount({ name: 'known', type: 'entry' });
  const unknown = `nobody-${word()}@example.test`;
  const strip = (answer) => textOf(answer);
  const [a, b] = [await ask(account.id), await ask(unknown)];
  assert.equal(a.status, b.status);
  assert.equal(strip(a), strip(b));
  await lastMail(account.id, { match: /reset/ });
  assert.ok(!allMail().some(({ to }) => to.includes(unknown)));
});
