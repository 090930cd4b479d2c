// SECURITY_CHECKS E06, E07, E09, E12, D05: forgotten passwords, new accounts, and which
// passwords are taken.
import assert from 'node:assert/strict';
import { addAccount, addClient, everywhere, newPhone, word } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, Browser, callback, isFactorPage, isLoginPage, notice, redeem, refresh, sessionLives, signIn, submitLogin, textOf, userinfo } from '../lib/flow.mjs';
import { formWith } from '../lib/html.mjs';
import { get, post } from '../lib/http.mjs';
import { allMail, lastMail, linkOf } from '../lib/messages.mjs';
import { count, tally, volley } from '../lib/race.mjs';
import { note as secret } from '../lib/secrets.mjs';

// What a careless build would have sent, for weaken.mjs.
export const inbox = { text: (text) => text };

const once = (make) => {
  let made;
  return () => (made ??= make());
};
const service = once(() => addClient({ name: 'recovers', profile: 'standard' }));
const seen = async () => {
  for (const node of demo().nodes) await everywhere(node.id);
};
const newPassword = () => secret(`fresh words ${word(10)}`);

// A browser at the page of a forgotten password: asks for a link to the account ID.
async function ask(target, id, headers = {}) {
  const browser = new Browser(target);
  const page = await browser.get('/oauth/recover');
  const answer = await browser.post('/oauth/recover', { ...formWith(page.body, 'account_id').fields, account_id: id }, { headers });
  return answer;
}
const tokenOf = (link) => secret(new URL(link).searchParams.get('token'));
async function linkFor(target, account) {
  const after = Date.now();
  assert.equal((await ask(target, account.id)).status, 200);
  return linkOf(await lastMail(account.id, { after, match: /reset/ }));
}
const set = (target, token, password) => new Browser(target).post('/oauth/reset', { token, password });
const isDone = (answer) => answer.status === 200 && /新しいパスワードを設定しました/.test(textOf(answer));
const assertRefused = (answer, what) => assert.ok(!isDone(answer) && answer.status === 400, `${what}: ${answer.status} ${notice(answer)}`);

async function tryPassword(target, account, password, browser = new Browser(target)) {
  const page = await browser.get(authorizePath(authorizeParams(await service(), { scope: 'openid', prompt: 'login' })));
  return submitLogin(browser, page, { ...account, password }, { second: false });
}

check('E06', 'a link for a new password: once, the newest one, its own account\'s, unguessable', async ({ target, others }) => {
  const account = await addAccount({ name: 'forgot' });
  const other = await addAccount({ name: 'other' });
  const link = await linkFor(target, account);
  const token = tokenOf(link);
  assert.ok(Buffer.from(token, 'base64url').length >= 16 + 16, 'at least 128 bits');
  const page = await get(target, new URL(link).pathname + new URL(link).search);
  assert.equal(page.headers['referrer-policy'], 'no-referrer', 'not in a Referer');
  assert.ok(!/href="(?!\/)/.test(page.body), 'no link to elsewhere');
  // A newer one makes it void.
  const newer = tokenOf(await linkFor(others[0] ?? target, account));
  assert.notEqual(token, newer);
  for (const at of [target, ...others]) assertRefused(await set(at, token, newPassword()), `the older one at ${at.name}`);
  // Changed anywhere, made up, of another account.
  const bytes = Buffer.from(newer, 'base64url');
  const foreign = tokenOf(await linkFor(target, other));
  for (const at of [0, 5, 16, 20, bytes.length - 1]) {
    const bent = Buffer.from(bytes);
    bent[at] ^= 1;
    assertRefused(await set(target, bent.toString('base64url'), newPassword()), `byte ${at} is another one`);
  }
  const mixed = Buffer.concat([bytes.subarray(0, bytes.length / 2), Buffer.from(foreign, 'base64url').subarray(bytes.length / 2)]);
  for (const made of [mixed.toString('base64url'), 'A'.repeat(newer.length), '', newer.slice(0, -2), `${newer}AA`]) assertRefused(await set(target, made, newPassword()), 'made up');
  const twice = await post(target, '/oauth/reset', { form: [['token', newer], ['token', foreign], ['password', newPassword()]] });
  assert.ok(!isDone(twice), 'two tokens');
  // Raced over the nodes, it sets one password.
  const tries = Array.from({ length: 9 }, newPassword);
  let n = 0;
  const answers = await volley(9, [target, ...others], async (at) => {
    const password = tries[n++];
    return { status: isDone(await set(at, newer, password)) ? 1 : 2, password };
  });
  assert.equal(count(answers, 1), 1, tally(answers));
  await seen();
  for (const at of [target, ...others]) assertRefused(await set(at, newer, newPassword()), `again at ${at.name}`);
  const password = answers.find(({ status }) => status === 1).answer.password;
  for (const one of tries.filter((one) => one !== password).slice(0, 3)) assert.ok(isLoginPage(await tryPassword(target, account, one)), 'a loser of the race');
  assert.ok(callback(await tryPassword(target, account, password), await service()).code);
  assert.ok(callback(await tryPassword(target, other, other.password), await service()).code, 'nothing of the other account changed');
});

async function accountPage(target, account, page) {
  const browser = new Browser(target);
  let answer = await browser.get(`/account/${page}`);
  for (let hops = 0; hops < 8; hops++) {
    if ([302, 303].includes(answer.status)) {
      const url = new URL(answer.location, demo().issuer);
      answer = await browser.get(url.pathname + url.search);
    } else if (isLoginPage(answer)) answer = await submitLogin(browser, answer, account);
    else break;
  }
  assert.equal(answer.status, 200, notice(answer));
  return { browser, csrf: /name="csrf" value="([^"]+)"/.exec(answer.body)?.[1] };
}

check('E06', 'a link is void once the password, or the account ID, is another one', async ({ target }) => {
  const account = await addAccount({ name: 'moves' });
  const byPassword = tokenOf(await linkFor(target, account));
  const password = newPassword();
  {
    const { browser, csrf } = await accountPage(target, account, 'password');
    assert.match(textOf(await browser.post('/account/password', { csrf, password, password_again: password })), /パスワードを変更しました/);
  }
  await seen();
  assertRefused(await set(target, byPassword, newPassword()), 'after another password');
  const changed = { ...account, password };
  const byId = tokenOf(await linkFor(target, changed));
  const to = `moved-${word()}@example.test`;
  const after = Date.now();
  {
    const { browser, csrf } = await accountPage(target, changed, 'id');
    await browser.post('/account/id', { csrf, account_id: to });
  }
  const confirm = secret(new URL(linkOf(await lastMail(to, { after }))).searchParams.get('token'));
  assert.match(textOf(await new Browser(target).post('/account/confirm', { token: confirm })), /アカウントIDを変更しました/);
  await seen();
  assertRefused(await set(target, byId, newPassword()), 'after another account ID');
}, { targets: 'nodes' });

check('E07', 'links of mail lead to the configured origin, whatever the request says', async ({ target }) => {
  const account = await addAccount({ name: 'hosts' });
  const { origin } = new URL(demo().issuer);
  const forged = [
    { 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'http', 'x-forwarded-port': '80' }, { forwarded: 'host=evil.test;proto=http' },
    { 'x-original-host': 'evil.test', 'x-host': 'evil.test', 'x-forwarded-server': 'evil.test' },
  ];
  let sent = 0;
  for (const headers of forged) {
    const after = Date.now();
    const answer = await ask(target, account.id, headers);
    if (answer.status !== 200) continue;
    const mail = await lastMail(account.id, { after, match: /reset/ });
    const text = inbox.text(mail.text, headers);
    for (const link of text.match(/https?:\/\/\S+/g)) assert.equal(new URL(link).origin, origin, link);
    assert.ok(!/evil/.test(`${mail.headers} ${text}`), 'nothing of it');
    sent++;
  }
  assert.ok(sent > 0, 'mail came');
  const before = allMail().length;
  const browser = new Browser(target);
  const page = await browser.get('/oauth/recover');
  const other = await browser.post('/oauth/recover', { ...formWith(page.body, 'account_id').fields, account_id: account.id }, { headers: { host: 'evil.test' } });
  assert.ok([400, 421].includes(other.status), `Host: evil.test: ${other.status}`);
  assert.equal(allMail().slice(before).filter(({ to, text }) => to.includes(account.id) && /evil/.test(text)).length, 0);
});

async function registration(target, id) {
  const after = Date.now();
  const browser = new Browser(target);
  const form = formWith((await browser.get('/register')).body, 'account_id');
  assert.equal((await browser.post(form.action, { ...form.fields, account_id: id })).status, 200);
  return secret(new URL(linkOf(await lastMail(id, { after }))).searchParams.get('token'));
}
const person = (password) => ({ last_name: '登録', first_name: '花子', last_kana: 'トウロク', first_kana: 'ハナコ', phone: '03-1234-5678', password, password_again: password });

check('E09', 'who was first without proof of the address has nothing when its holder comes', async ({ target, others }) => {
  // An attacker asks to register the victim's address, and can prove nothing.
  const id = `victim-${word()}@example.test`;
  const rp = await service();
  const attacker = new Browser(target);
  const form = formWith((await attacker.get('/register')).body, 'account_id');
  const asked = await attacker.post(form.action, { ...form.fields, account_id: id, ...person('attackers own words 1') });
  assert.equal(asked.status, 200);
  for (const at of [target, ...others]) {
    assert.ok(isLoginPage(await tryPassword(at, { id }, 'attackers own words 1')), 'no account before the proof');
    assert.ok(!/[\w-]{60,}/.test(textOf(asked)), 'the page does not tell what the mail does');
  }
  await lastMail(id);
  const token = await registration(others[0] ?? target, id);
  const password = newPassword();
  const done = await new Browser(target).post('/register/confirm', { ...person(password), token });
  assert.match(textOf(done), /登録が完了しました/, notice(done));
  await seen();
  assert.equal(await sessionLives(target, attacker.jar, rp), false, 'the attacker\'s browser is nobody');
  assert.ok(isLoginPage(await tryPassword(target, { id }, 'attackers own words 1')));
  // Someone had the account: what they left there is void once its holder resets it.
  const account = await addAccount({ name: 'taken' });
  const given = await signIn(target, rp, account, { params: { scope: 'openid offline_access' } });
  const tokens = (await redeem(target, rp, given.code)).json;
  assert.equal((await userinfo(target, tokens.access_token)).status, 200, 'all that lives before');
  const { browser, csrf } = await accountPage(target, account, 'id');
  const later = `attacker-${word()}@example.test`;
  const after = Date.now();
  await browser.post('/account/id', { csrf, account_id: later });
  const pending = secret(new URL(linkOf(await lastMail(later, { after }))).searchParams.get('token'));
  const old = tokenOf(await linkFor(target, account));
  const fresh = tokenOf(await linkFor(target, account));
  const mine = newPassword();
  assert.ok(isDone(await set(target, fresh, mine)));
  await seen();
  for (const at of [target, ...others]) {
    assert.equal(await sessionLives(at, given.browser.jar, rp), false, `${at.name}: the session`);
    assert.equal(await sessionLives(at, browser.jar, rp), false, `${at.name}: the account's page`);
    assert.equal((await userinfo(at, tokens.access_token)).status, 401, `${at.name}: the token`);
    assert.notEqual((await refresh(at, rp, tokens.refresh_token)).status, 200);
    assert.match(textOf(await new Browser(at).post('/account/confirm', { token: pending })), /このリンクは使えません/, `${at.name}: a change that waited`);
    assertRefused(await set(at, old, newPassword()), `${at.name}: another link`);
    assert.ok(isLoginPage(await tryPassword(at, account, account.password)), `${at.name}: the password`);
  }
  assert.ok(callback(await tryPassword(target, account, mine), rp).code);
}, { targets: 'nodes' });

check('E12', 'a new password by mail is one factor of two, and signs nobody in', async ({ target }) => {
  const account = await addAccount({ name: 'second', type: 'prime', phone: newPhone() });
  const rp = await service();
  const token = tokenOf(await linkFor(target, account));
  const password = newPassword();
  const browser = new Browser(target);
  const done = await browser.post('/oauth/reset', { token, password });
  assert.ok(isDone(done), notice(done));
  await seen();
  assert.equal(await sessionLives(target, browser.jar, rp), false, 'nobody is signed in by it');
  const page = await tryPassword(target, account, password, browser);
  assert.ok(isFactorPage(page), `the second step is asked for: ${page.status} ${notice(page)}`);
  assert.equal(await sessionLives(target, browser.jar, rp), false, 'and is not passed yet');
  const account_ = await browser.get('/account/factors');
  assert.ok([302, 303].includes(account_.status), 'no factor is changed meanwhile');
  for (const form of page.body.match(/name="choice" value="([^"]+)"/g) ?? []) assert.doesNotMatch(form, /mail|recover|skip|none/, 'no way around');
});

const HIRAGANA = 'ひらがなのとてもながいことば';
check('D05', 'which passwords are taken: by length, and not those that all try', async ({ target, note }) => {
  const account = await addAccount({ name: 'd05' });
  const twoFactors = await addAccount({ name: 'alice', type: 'prime', phone: newPhone() });
  const tag = word(4);
  const attempt = async (of, password) => {
    const token = tokenOf(await linkFor(target, of));
    return { token, answer: await set(target, token, password) };
  };
  let { token } = await attempt(account, 'x');
  const refused = async (password, what) => {
    const answer = await set(target, token, password);
    assert.ok(!isDone(answer), `${what} is taken`);
    assert.ok([200, 400].includes(answer.status), `${what}: ${answer.status}`);
  };
  // 15 where it is the only factor, 8 beside a second one.
  await refused(`s3 ${tag}`.slice(0, 7), '7 characters');
  await refused(`qz ${tag} kw`.slice(0, 14).padEnd(14, 'v'), '14 characters');
  await refused('passwordpassword', 'one of those that all try');
  await refused('Password12345678', 'the same with digits');
  await refused('123456789012345', 'digits in a row');
  await refused('qwertyuiopasdfgh', 'a row of the keyboard');
  await refused('aaaaaaaaaaaaaaaaaaa', 'one character');
  await refused(account.id, 'its own account ID');
  await refused(`${account.id}1`, 'and a digit');
  await refused(`nul\0inside the words ${tag}`, 'NUL');
  await refused('y'.repeat(600), '600 bytes');
  const second = await attempt(twoFactors, `7c ${word(2)}`);
  assert.ok(!isDone(second.answer), '7 characters beside a second factor');
  assert.ok(!isDone(await set(target, second.token, 'password')), 'password beside a second factor');
  assert.ok(!isDone(await set(target, second.token, 'alice2026!')), 'a name and a year');
  assert.ok(isDone(await set(target, second.token, secret(`zq ${word(3)}`.slice(0, 9)))), '9 characters beside a second factor');
  // Long ones, all of Unicode, blanks as they are; the same by another keyboard.
  const good = [
    `${tag} vkqzju wo`.slice(0, 15).padEnd(15, 'j'), `  leading blanks ${tag}  `, `🚃🍙🗻 three pictures ${tag}`, `${HIRAGANA}${tag}`, `onlylowercaseletters${'bcdfgh'[tag.charCodeAt(0) % 6]}`, `w${tag} `.repeat(8).slice(0, 64).padEnd(64, 'k'), `w${tag} `.repeat(20).slice(0, 128).padEnd(128, 'k'),
  ];
  for (const [i, password] of good.entries()) {
    if (i > 0) ({ token } = await attempt(account, 'x'));
    const answer = await set(target, token, secret(password));
    assert.ok(isDone(answer), `${[...password].length} characters: ${notice(answer)}`);
    await seen();
    assert.ok(callback(await tryPassword(target, account, password), await service()).code, 'it signs in');
  }
  await seen();
  const last = good.at(-1);
  assert.ok(isLoginPage(await tryPassword(target, account, last.slice(0, 72))), 'all of it counts');
  ({ token } = await attempt(account, 'x'));
  const nfd = `ガギグ café words ${tag}`.normalize('NFD');
  assert.ok(isDone(await set(target, token, nfd)));
  await seen();
  assert.ok(callback(await tryPassword(target, account, secret(nfd.normalize('NFC'))), await service()).code, 'normalised');
  note(`${good.length + 1} taken`);
}, { targets: 'nodes', timeout: 200000 });
