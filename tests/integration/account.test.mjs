// The account's pages: what their holder changes, on whatever node, and what ends by it on
// every node.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addAccount, addClient, everywhere, newPhone, operator, word } from '../lib/admin.mjs';
import { demo, until } from '../lib/demo.mjs';
import {
  authorizeParams, authorizePath, Browser, callback, codeForm, factorForms, isFactorPage, isLoginPage, notice, refresh, signIn, submitLogin,
  submitSecond, textOf, tokens, totp, userinfo,
} from '../lib/flow.mjs';
import { forms } from '../lib/html.mjs';
import { get } from '../lib/http.mjs';
import { allMail, allSms, codeOf, lastMail, lastSms, linkOf } from '../lib/messages.mjs';
import { note } from '../lib/secrets.mjs';

const { nodes } = demo();
const [one, two, three] = nodes;
const rp = await addClient({ name: 'self' });
const seen = async () => {
  for (const node of nodes) await everywhere(node.id);
};
const path = (location) => {
  const url = new URL(location, demo().issuer);
  return url.pathname + url.search;
};

// A browser at /account/PAGE, through the sign-in when it is asked for.
async function open(node, account, page = '', browser = new Browser(node)) {
  let answer = await browser.get(`/account${page}`);
  for (let hops = 0; hops < 6 && [302, 303].includes(answer.status); hops++) answer = await browser.get(path(answer.location));
  if (isLoginPage(answer)) {
    answer = await submitLogin(browser, answer, account);
    for (let hops = 0; hops < 6 && [302, 303].includes(answer.status); hops++) answer = await browser.get(path(answer.location));
  }
  assert.equal(answer.status, 200, answer.body.slice(0, 300));
  return { browser, answer };
}
const asking = (answer) => forms(answer.body).find(({ fields }) => 'account_id' in fields);
const csrfOf = (answer) => /name="csrf" value="([^"]+)"/.exec(answer.body)?.[1];
const send = (browser, page, fields, options) => browser.post(`/account/${page}`, fields, options);
const asksSignIn = (answer) => [302, 303].includes(answer.status) && answer.location.startsWith('/oauth/authorize?');
const newPassword = () => note(`another ${word(12)} pass`);

test('nobody sees an account without its sign-in, and a GET changes nothing', async () => {
  for (const page of ['', '/password', '/sessions', '/factors', '/id', '/activity', '/close']) {
    const answer = await get(two, `/account${page}`);
    assert.equal(answer.status, 302, page);
    assert.match(answer.location, /^\/oauth\/authorize\?/);
    assert.ok(!answer.body.includes('csrf'));
  }
  const account = await addAccount({ name: 'self' });
  const { answer } = await open(one, account);
  assert.ok(answer.body.includes(account.id));
  assert.match(answer.headers['cache-control'], /no-store/);
});

test('another password ends all other sessions and tokens on every node; the old one is refused', async () => {
  const account = await addAccount({ name: 'self' });
  const given = await tokens(two, rp, account);
  const { browser: elsewhere } = await open(three, account);
  const { browser, answer } = await open(one, account, '/password');
  const password = newPassword();
  const csrf = csrfOf(answer);
  const bad = async (fields, why) => {
    const refused = await send(browser, 'password', { csrf, ...fields });
    assert.equal(refused.status, 200);
    assert.match(refused.body, why);
  };
  await bad({ password: 'too short', password_again: 'too short' }, /使えません/);
  await bad({ password, password_again: `${password}.` }, /一致しません/);
  assert.equal((await send(browser, 'password', { csrf: 'x'.repeat(43), password, password_again: password })).status, 403);
  const began = Date.now();
  const done = await send(browser, 'password', { csrf, password, password_again: password });
  assert.equal(done.status, 200, done.body.slice(0, 200));
  assert.match(done.body, /パスワードを変更しました/);
  await seen();
  for (const node of nodes) {
    assert.equal((await userinfo(node, given.access_token)).status, 401, node.name);
    await assert.rejects(signIn(node, rp, account), /sign-in refused/, `${node.name}: the old password`);
  }
  assert.notEqual((await refresh(three, rp, given.refresh_token)).status, 200);
  assert.ok(asksSignIn(await elsewhere.get('/account')), 'the other session');
  assert.equal((await browser.get('/account')).status, 200, 'this one goes on');
  assert.ok((await signIn(two, rp, { ...account, password })).code);
  const mail = await lastMail(account.id, { after: began });
  assert.match(mail.text, /パスワード/);
});

// Strangers who go on with wrong passwords lock strangers out. A change of password makes
// every browser one, but for that in which it was changed (D03).
test('who has set another password because of strangers is not locked out by them', { timeout: 120000 }, async () => {
  const account = await addAccount({ name: 'hounded', type: 'entry' });
  const params = { scope: 'openid', prompt: 'login' };
  const attempt = async (browser, password, at) => {
    const page = await browser.get(authorizePath(authorizeParams(rp, params)), { at });
    const answer = await submitLogin(browser, page, { ...account, password }, { at, second: false });
    return answer.location ? 'in' : notice(answer);
  };
  const hound = async () => {
    for (let i = 0; i < 11; i++) await attempt(new Browser(nodes[i % 3]), `wrong ${i}`, nodes[i % 3]);
    await seen();
  };
  // By the link of a mail, in a browser that was never seen.
  await hound();
  assert.match(await attempt(new Browser(one), account.password, one), /約1[45]分後に/, 'strangers are kept out, and told for how long');
  const since = Date.now();
  const browser = new Browser(two);
  let page = await browser.get('/oauth/recover');
  await browser.post('/oauth/recover', { ...asking(page).fields, account_id: account.id });
  page = await browser.get(path(linkOf(await lastMail(account.id, { after: since, match: /reset/ }))));
  const second = newPassword();
  page = await browser.post('/oauth/reset', { ...forms(page.body).find(({ fields }) => 'token' in fields).fields, password: second });
  assert.match(textOf(page), /新しいパスワードを設定しました/);
  await hound();
  assert.match(await attempt(new Browser(three), second, three), /一時的にログインを止めています/);
  assert.equal(await attempt(browser, second, one), 'in', 'where the link was opened');
  // On the account's page.
  const { answer } = await open(two, { ...account, password: second }, '/password', browser);
  const third = newPassword();
  assert.match((await send(browser, 'password', { csrf: csrfOf(answer), password: third, password_again: third })).body, /パスワードを変更しました/);
  await hound();
  assert.match(await attempt(new Browser(three), third, three), /一時的にログインを止めています/);
  assert.equal(await attempt(browser, third, three), 'in', 'where it was changed');
});

test('what is not fresh is asked again, whatever form is posted (D14)', { timeout: 60000 }, async () => {
  const account = await addAccount({ name: 'self' });
  const { browser, answer } = await open(one, account, '/sessions');
  const csrf = csrfOf(answer);
  // Another account's form, and another browser's.
  const other = await addAccount({ name: 'self-other' });
  const { browser: stranger } = await open(two, other);
  assert.equal((await send(stranger, 'sessions', { csrf, which: 'others' })).status, 403);
  assert.ok(asksSignIn(await send(new Browser(three), 'close', { csrf, account_id: account.id })));
  assert.equal((await browser.get('/account/close')).status, 200, 'it is fresh still');
});

// Who has the password alone had a session before the holder had a second step.
test('what is changed asks for the second step, once there is one', async () => {
  const account = { ...(await addAccount({ name: 'self', type: 'entry' })), phone: newPhone() };
  const { browser, answer } = await open(one, account, '/password');
  const csrf = csrfOf(answer);
  const holder = new Browser(two);
  const acr = 'urn:tasuki:acr:two-factors';
  let page = await holder.get(authorizePath(authorizeParams(rp, { scope: 'openid', acr_values: acr })));
  page = await submitLogin(holder, page, account, { second: false });
  const choice = factorForms(page).find(({ buttons }) => buttons.some(({ value }) => value === 'sms'));
  page = await holder.post(choice.path, { ...choice.fields, choice: 'sms' });
  const number = factorForms(page).find(({ fields }) => 'phone' in fields);
  let since = Date.now();
  page = await holder.post(number.path, { ...number.fields, phone: account.phone.replace('+81', '0') });
  assert.ok(callback(await submitSecond(holder, page, account, { since }), rp).code);
  assert.match((await lastMail(account.id, { after: since, match: /認証方法が追加/ })).text, /SMS受信用の電話番号 \+81\*/);
  await seen();
  assert.equal((await holder.get('/account/password')).status, 200, 'the session that has passed it');
  assert.equal((await browser.get('/account')).status, 200, 'the other is no less signed in');
  const password = newPassword();
  const refused = await send(browser, 'password', { csrf, password, password_again: password });
  assert.ok(asksSignIn(refused), refused.body.slice(0, 200));
  await seen();
  await assert.rejects(signIn(three, rp, { ...account, password }), /sign-in refused/, 'nothing is changed');
  for (const name of ['password', 'sessions', 'factors', 'id', 'close']) {
    const asked = await browser.get(`/account/${name}`);
    assert.ok(asksSignIn(asked), name);
    assert.equal(new URL(asked.location, demo().issuer).searchParams.get('acr_values'), acr);
  }
  since = Date.now();
  page = await browser.get(path((await browser.get('/account/factors')).location));
  assert.ok(isFactorPage(page), page.body.slice(0, 300));
  // Another site's page can cause that GET: it sends nothing, its button does.
  assert.ok(!codeForm(page), 'no code is asked for yet');
  const button = factorForms(page).find(({ buttons }) => buttons.some(({ name }) => name === 'choice'));
  page = await browser.post(button.path, { ...button.fields, choice: button.buttons[0].value });
  assert.ok(codeForm(page), notice(page));
  page = await submitSecond(browser, page, account, { since });
  assert.equal(allSms().filter(({ to, at }) => to === account.phone && at >= since).length, 1, 'one message for the button, none for the page');
  for (let hops = 0; hops < 6 && [302, 303].includes(page.status); hops++) page = await browser.get(path(page.location));
  assert.equal(page.status, 200);
  assert.match(page.body, /name="csrf"/);
});

test('sessions are listed with where they are, and ended one by one, or all others', async () => {
  const account = await addAccount({ name: 'self' });
  const first = await open(two, account);
  const second = await open(three, account);
  await seen();
  const { browser, answer } = await open(one, account, '/sessions');
  const ids = [...answer.body.matchAll(/name="id" value="([0-9a-f]{32})"/g)].map((m) => m[1]);
  assert.equal(ids.length, 2, 'the two others');
  assert.match(answer.body, /127\.0\.0\.1/);
  const csrf = csrfOf(answer);
  const began = Date.now();
  assert.match((await send(browser, 'sessions', { csrf, id: ids[0] })).body, /ログインを終了しました/);
  await lastMail(account.id, { after: began, match: /ほかの端末でのログインが終了/ });
  await seen();
  const alive = await Promise.all([first, second].map(async (s) => (await s.browser.get('/account')).status === 200));
  assert.deepEqual(alive.toSorted(), [false, true]);
  assert.match((await send(browser, 'sessions', { csrf, id: ids[0] })).body, /すでにありません/);
  assert.match((await send(browser, 'sessions', { csrf, which: 'others' })).body, /ログインを終了しました/);
  await seen();
  for (const { browser: gone } of [first, second]) assert.notEqual((await gone.get('/account')).status, 200);
  assert.equal((await browser.get('/account')).status, 200);
});

test('another account ID: asked for, mailed, confirmed by a form alone; the sub stays, the old address is told', async () => {
  const account = await addAccount({ name: 'self' });
  const rename = `renamed-${word()}@example.test`;
  const before = Date.now();
  const { browser, answer } = await open(one, account, '/id');
  const asked = await send(browser, 'id', { csrf: csrfOf(answer), account_id: ` ${rename.toUpperCase()} ` });
  assert.match(asked.body, /確認のメールを送りました/);
  const link = linkOf(await lastMail(rename, { after: before }));
  // The address that the account has hears of it while it is no more than a wish.
  assert.ok((await lastMail(account.id, { after: before, match: /変更が申し込まれました/ })).text.includes(rename));
  const token = new URL(link).searchParams.get('token');
  assert.ok(token.length >= 64);
  const page = await get(three, path(link)); // as a scanner of mail would (E08)
  assert.equal(page.status, 200);
  await seen();
  assert.ok((await signIn(two, rp, account)).code, 'the old ID is good until it is confirmed');
  const confirm = (node, value) => new Browser(node).post('/account/confirm', { token: value });
  const wrong = `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
  assert.match((await confirm(two, wrong)).body, /使えません/);
  assert.match((await confirm(two, token)).body, /アカウントIDを変更しました/);
  await seen();
  assert.match((await confirm(one, token)).body, /使えません/, 'once');
  await assert.rejects(signIn(one, rp, account), /sign-in refused/);
  const given = await tokens(three, rp, { ...account, id: rename });
  assert.equal((await userinfo(one, given.access_token)).json.sub, account.sub, 'the same sub');
  assert.equal((await userinfo(one, given.access_token)).json.email ?? rename, rename);
  const told = await lastMail(account.id, { after: before, match: /アカウントIDが変更されました/ });
  assert.ok(told.text.includes(rename));
});

test('a change of the account ID is void after another password, and when somebody has the ID (E09, E10, E11)', async () => {
  const account = await addAccount({ name: 'self' });
  const other = await addAccount({ name: 'self-other' });
  const ask = async (node, who, to) => {
    const before = Date.now();
    const { browser, answer } = await open(node, who, '/id');
    assert.match((await send(browser, 'id', { csrf: csrfOf(answer), account_id: to })).body, /確認のメールを送りました/);
    return { before, browser };
  };
  const wanted = `wanted-${word()}@example.test`;
  const { before } = await ask(one, account, wanted);
  const mine = new URL(linkOf(await lastMail(wanted, { after: before }))).searchParams.get('token');
  const { browser, answer } = await open(two, account, '/password');
  const password = newPassword();
  await send(browser, 'password', { csrf: csrfOf(answer), password, password_again: password });
  await seen();
  assert.match((await new Browser(three).post('/account/confirm', { token: mine })).body, /使えません/);

  const changed = { ...account, password };
  const a = await ask(one, changed, wanted);
  const first = new URL(linkOf(await lastMail(wanted, { after: a.before }))).searchParams.get('token');
  const b = await ask(two, other, wanted.toUpperCase());
  const second = new URL(linkOf(await lastMail(wanted, { after: b.before, match: /./ }))).searchParams.get('token');
  const answers = await Promise.all([new Browser(one).post('/account/confirm', { token: first }), new Browser(two).post('/account/confirm', { token: second })]);
  const good = answers.filter(({ body }) => /変更しました/.test(body));
  assert.equal(good.length, first === second ? 2 : 1, answers.map(({ body }) => body.slice(0, 2000)).join('\n'));
  await seen();
  // Nobody is told that an ID is had: no mail, and the same words (D02).
  const third = await addAccount({ name: 'self-third' });
  const quiet = Date.now();
  await ask(three, third, wanted);
  await new Promise((done) => setTimeout(done, 1500));
  assert.equal(allMail().filter(({ to, at }) => to.includes(wanted) && at >= quiet).length, 0);
});

test('a closed account is closed on every node, its sub is never given again', async () => {
  const account = await addAccount({ name: 'self' });
  const given = await tokens(two, rp, account);
  const { browser, answer } = await open(one, account, '/close');
  const csrf = csrfOf(answer);
  assert.match((await send(browser, 'close', { csrf, account_id: 'somebody@example.test' })).body, /一致しません/);
  const done = await send(browser, 'close', { csrf, account_id: account.id });
  assert.match(done.body, /退会しました/);
  await seen();
  for (const node of nodes) {
    assert.equal((await userinfo(node, given.access_token)).status, 401, node.name);
    await assert.rejects(signIn(node, rp, account), /sign-in refused/);
  }
  assert.notEqual((await browser.get('/account')).status, 200);
  const again = await addAccount({ account_id: account.id });
  assert.notEqual(again.sub, account.sub);
  await lastMail(account.id, { match: /退会|削除/ });
});

test('what happened is shown to its holder, and is in the audit with who did it', async () => {
  const account = await addAccount({ name: 'self' });
  const { answer } = await open(one, account, '/activity');
  assert.match(answer.body, /ログイン/);
  assert.match(answer.body, /アカウントの作成/);
  const { json } = await operator(2, 'POST', '/v1/audit', { account: account.id });
  assert.ok(json.records.some(({ event }) => event === 'signin'));
});

// ---- ways to confirm, added and changed in place

const enrolForm = (answer, action) => forms(answer.body).find(({ fields }) => fields.action === action);
const follow = async (browser, answer) => {
  for (let hops = 0; hops < 6 && [302, 303].includes(answer.status); hops++) answer = await browser.get(path(answer.location));
  return answer;
};
const local = (phone) => phone.replace('+81', '0');

// From the factors page through the second step that it asks for, which presses a button.
async function raised(browser, account, answer) {
  const since = Date.now();
  let page = await follow(browser, answer);
  const button = factorForms(page).find(({ buttons }) => buttons.some(({ name }) => name === 'choice'));
  if (!codeForm(page)) page = await browser.post(button.path, { ...button.fields, choice: button.buttons[0].value });
  return follow(browser, await submitSecond(browser, page, account, { since }));
}

test('a telephone is added, and changed in place: other sessions end, the holder is told', async () => {
  const account = { ...(await addAccount({ name: 'self', type: 'entry' })), phone: newPhone() };
  const { browser } = await open(one, account, '/factors');
  let since = Date.now();
  let page = await browser.get('/account/enrol');
  const bad = await browser.post('/account/enrol', { ...enrolForm(page, 'sms').fields, phone: '03-1234-5678' });
  assert.match(notice(bad), /SMSを送れる携帯電話番号ではありません/);
  page = await browser.post('/account/enrol', { ...enrolForm(bad, 'sms').fields, phone: local(account.phone) }, { at: two });
  const code = codeOf(await lastSms(account.phone, { after: since }));
  const form = enrolForm(page, 'sms_code');
  const wrong = String((Number(code) + 1) % 1000000).padStart(6, '0');
  page = await browser.post('/account/enrol', { ...form.fields, code: wrong }, { at: three });
  assert.match(notice(page), /認証コードが違います/);
  page = await browser.post('/account/enrol', { ...enrolForm(page, 'sms_code').fields, code }, { at: two });
  assert.match(textOf(page), /認証方法を登録しました/);
  await lastMail(account.id, { after: since, match: /認証方法が追加/ });
  await seen();
  // The session was begun with the password alone: from now on that is not enough.
  assert.ok([302, 303].includes((await browser.post('/account/enrol', { ...form.fields, code }, { at: two })).status));
  assert.equal((await browser.get('/account/enrol')).status, 302);
  page = await raised(browser, account, await browser.get('/account/factors'));
  const id = /replaces=([0-9a-f]{32})/.exec(page.body)?.[1];
  assert.ok(id, 'the number can be changed');
  const elsewhere = new Browser(three);
  const login = await elsewhere.get(authorizePath(authorizeParams(rp, { scope: 'openid' })));
  const asked = Date.now();
  assert.ok(callback(await submitSecond(elsewhere, await submitLogin(elsewhere, login, account, { second: false }), account, { since: asked }), rp).code);
  const old = account.phone;
  account.phone = newPhone();
  since = Date.now();
  page = await browser.get(`/account/enrol?replaces=${id}`, { at: two });
  assert.ok(enrolForm(page, 'sms').fields.replaces, 'which one is to go');
  page = await browser.post('/account/enrol', { ...enrolForm(page, 'sms').fields, phone: local(account.phone) }, { at: one });
  page = await browser.post('/account/enrol', { ...enrolForm(page, 'sms_code').fields, code: codeOf(await lastSms(account.phone, { after: since })) }, { at: one });
  assert.match(textOf(page), /電話番号を変更しました/);
  const told = await lastMail(account.id, { after: since, match: /SMS受信用電話番号が変更/ });
  assert.ok(!told.text.includes(account.phone) && told.text.includes(account.phone.slice(-4)), 'masked');
  await seen();
  assert.equal((await elsewhere.get('/account')).status, 302, 'another session ended');
  page = await browser.get('/account/factors', { at: three });
  assert.equal(page.status, 200, 'this one goes on');
  assert.ok(!page.body.includes(old.slice(-4)) && page.body.includes(account.phone.slice(-4)));
});

test('an authenticator app is added in place, and good at the next sign-in', async () => {
  const account = { ...(await addAccount({ name: 'self', type: 'entry', phone: newPhone() })) };
  const { browser } = await open(two, account);
  const since = Date.now();
  let page = await browser.get('/account/enrol');
  page = await browser.post('/account/enrol', enrolForm(page, 'totp').fields, { at: three });
  const secret = /id="seed">([A-Z2-7]{32})</.exec(page.body)?.[1];
  assert.ok(secret, notice(page));
  note(secret);
  page = await browser.post('/account/enrol', { ...enrolForm(page, 'totp_code').fields, code: '000000' }, { at: three });
  assert.match(notice(page), /認証コードが違います/);
  assert.ok(page.body.includes(secret), 'the same key is shown again');
  page = await browser.post('/account/enrol', { ...enrolForm(page, 'totp_code').fields, code: totp(secret) }, { at: one });
  assert.match(textOf(page), /認証方法を登録しました/);
  assert.match((await lastMail(account.id, { after: since, match: /認証方法が追加/ })).text, /認証アプリ/);
  await seen();
  page = await browser.get('/account/factors');
  assert.match(textOf(page), /認証アプリ/);
});
