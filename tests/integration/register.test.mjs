// An Entry account that its holder registers: the mailed link, what it is good for, and
// who gets the account when several want it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addAccount, addClient, word } from '../lib/admin.mjs';
import { demo, until } from '../lib/demo.mjs';
import { Browser, isLoginPage, authorizeParams, authorizePath, loginForm, notice, redeem, signIn, textOf, userinfo } from '../lib/flow.mjs';
import { formWith } from '../lib/html.mjs';
import { request } from '../lib/http.mjs';
import { allMail, lastMail, linkOf } from '../lib/messages.mjs';
import { volley } from '../lib/race.mjs';
import { note } from '../lib/secrets.mjs';

const { nodes, balancer } = demo();
const rp = await addClient({ name: 'register', profile: 'standard', scopes: ['openid', 'user', 'email'] });
const address = () => `reg-${word()}@example.test`;
const person = (password = note(`let me in ${word(12)}`)) => ({
  last_name: '登録', first_name: '花子', last_kana: 'トウロク', first_kana: 'ハナコ', phone: '03-1234-5678', password, password_again: password,
});

async function ask(id, { at = balancer, language = 'ja' } = {}) {
  const browser = new Browser(at, { language });
  const form = formWith((await browser.get('/register')).body, 'account_id');
  assert.equal(form.action, '/register');
  return browser.post(form.action, { ...form.fields, account_id: id });
}
async function linkFor(id, { typed = id, ...options } = {}) {
  const after = Date.now();
  const answer = await ask(typed, options);
  assert.equal(answer.status, 200, notice(answer));
  const url = new URL(linkOf(await lastMail(id, { after })));
  assert.equal(url.origin, new URL(demo().issuer).origin);
  note(url.searchParams.get('token'));
  return url.pathname + url.search;
}
async function confirm(path, fields, { at = balancer } = {}) {
  const browser = new Browser(at);
  const form = formWith((await browser.get(path)).body, 'token');
  assert.ok(form, 'the link shows a form');
  return browser.post(form.action, { ...form.fields, ...fields });
}

test('address, mail, confirmation at another node, sign-in, userinfo', async () => {
  const id = address();
  const path = await linkFor(id, { typed: id.toUpperCase() });
  const fields = person();
  const done = await confirm(path, fields, { at: nodes[1] });
  assert.equal(done.status, 200, notice(done));
  assert.match(textOf(done), /登録が完了しました/);
  assert.equal(done.cookies?.length ?? 0, 0, 'nobody is signed in by it');
  const { code } = await signIn(nodes[2], rp, { id, password: fields.password }, { params: { scope: 'openid user email' } });
  const { json } = await redeem(nodes[0], rp, code);
  const info = await userinfo(nodes[1], json.access_token);
  assert.equal(info.status, 200, info.body);
  assert.equal(info.json.email, id);
  assert.equal(info.json.user_last_nm, '登録');
  assert.equal(info.json.user_first_nm_kana, 'ハナコ');
  assert.equal(info.json.user_tel_no_contact, '0312345678');
  for (const at of nodes) {
    const again = await new Browser(at).post('/register/confirm', { ...person(), token: new URLSearchParams(path.split('?')[1]).get('token') });
    assert.equal(again.status, 409, 'the link was used');
    assert.ok(isLoginPage(await tryPassword(id, 'let me in ' + 'x'.repeat(12))));
  }
  await signIn(nodes[0], rp, { id, password: fields.password }, { params: { scope: 'openid' } });
});

async function tryPassword(id, password, at = nodes[0]) {
  const browser = new Browser(at);
  const form = loginForm(await browser.get(authorizePath(authorizeParams(rp, { scope: 'openid' }))));
  return browser.post(form.path, { ...form.fields, account_id: id, password });
}

test('the answer is the same whether there is an account or not; the mail is not (D02)', async () => {
  const known = await addAccount({ name: 'known' });
  const fresh = address();
  const after = Date.now();
  for (const language of ['ja', 'en']) {
    const [one, other] = [await ask(known.id, { language }), await ask(fresh, { language })];
    assert.equal(one.status, 200);
    assert.equal(one.status, other.status);
    assert.equal(textOf(one), textOf(other));
    assert.deepEqual(Object.keys(one.headers).sort(), Object.keys(other.headers).sort());
  }
  await until('both were told, in both languages', () => [known.id, fresh].every((id) => allMail().filter(({ to, at }) => to.includes(id) && at >= after).length === 2));
  const mail = (id) => allMail().filter(({ to }) => to.includes(id)).map(({ text }) => text).join('\n');
  assert.match(mail(known.id), /すでに登録されています[^]*There is one already/);
  assert.doesNotMatch(mail(known.id), /register\/confirm/);
  assert.match(mail(fresh), /\/register\/confirm\?token=/);
  const bad = await ask('no address');
  assert.equal(bad.status, 400);
  assert.match(textOf(bad), /形式が正しくありません/);
});

test('looking at the link changes nothing, and before it is confirmed there is no account (E08, E09)', async () => {
  const id = address();
  const path = await linkFor(id);
  const fields = person();
  for (const at of [...nodes, balancer]) {
    for (const method of ['HEAD', 'GET', 'GET']) assert.equal((await request(at, method, path)).status, 200);
    assert.ok(isLoginPage(await tryPassword(id, fields.password, at.id ? at : nodes[0])));
  }
  // What is sealed is all there is: nothing of it can be changed.
  const token = new URLSearchParams(path.split('?')[1]).get('token');
  for (const bad of ['', 'x', token.slice(0, -1), token.slice(0, 40) + (token[40] === 'A' ? 'B' : 'A') + token.slice(41), token + 'A', 'A'.repeat(20000)]) {
    const answer = await new Browser(nodes[0]).post('/register/confirm', { ...fields, token: bad });
    assert.equal(answer.status, 400, `${bad.length} characters: ${answer.status}`);
  }
  assert.equal((await confirm(path, fields)).status, 200);
});

test('what is wrong is said, field by field, and nothing that was typed is lost but the passwords', async () => {
  const id = address();
  const path = await linkFor(id);
  const cases = [
    [{ last_name: '' }, /姓と名を/], [{ first_name: 'a\u202eb' }, /姓と名を/], [{ last_kana: 'とうろく' }, /全角カタカナ/], [{ phone: '12345' }, /9桁から15桁/],
    [{ password_again: 'another one altogether' }, /同じではありません/], [{ password: 'only 14 chars!', password_again: 'only 14 chars!' }, /短すぎます/],
    [{ password: 'passwordpassword', password_again: 'passwordpassword' }, /推測されやすい/],
  ];
  for (const [change, said] of cases) {
    const fields = { ...person(), ...change };
    const answer = await confirm(path, fields, { at: nodes[0] });
    assert.match(textOf(answer), said, JSON.stringify(change));
    const form = formWith(answer.body, 'token');
    assert.equal(form.fields.first_kana, 'ハナコ');
    assert.equal(form.fields.password, '');
    assert.ok(!answer.body.includes(fields.password), 'no password in the page');
  }
  const html = await confirm(path, { ...person(), last_name: '<img src=x onerror=alert(1)>', last_kana: 'x' });
  assert.ok(!html.body.includes('<img'), 'escaped');
  const cross = await new Browser(nodes[0]).post('/register/confirm', { ...person(), token: new URLSearchParams(path.split('?')[1]).get('token') }, { headers: { 'sec-fetch-site': 'cross-site' } });
  assert.equal(cross.status, 403);
  assert.equal((await confirm(path, person())).status, 200, 'the link was not used up by all that');
});

test('one address, several links and nodes at once: one account (E11)', async () => {
  const id = address();
  const paths = [await linkFor(id), await linkFor(id, { typed: id.replace('reg', 'ReG') })];
  const tokens = paths.map((path) => new URLSearchParams(path.split('?')[1]).get('token'));
  let n = 0;
  const tries = [];
  const answers = await volley(9, nodes, (at) => {
    const fields = person();
    const token = tokens[n++ % tokens.length];
    const sent = new Browser(at).post('/register/confirm', { ...fields, token });
    return sent.then((answer) => (tries.push({ answer, fields }), answer));
  });
  assert.ok(answers.every(({ status }) => [200, 400, 409].includes(status)), JSON.stringify(answers.map(({ status }) => status)));
  const won = tries.filter(({ answer }) => answer.status === 200);
  assert.equal(won.length, 1);
  await signIn(nodes[1], rp, { id, password: won[0].fields.password }, { params: { scope: 'openid' } });
  for (const { fields } of tries.filter((one) => one !== won[0]).slice(0, 2)) assert.ok(isLoginPage(await tryPassword(id, fields.password)));
});
