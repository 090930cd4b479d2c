// SECURITY_CHECKS D and E, as far as they are about what a holder changes of the own
// account.
import assert from 'node:assert/strict';
import { addAccount, everywhere, word } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo } from '../lib/demo.mjs';
import { conf } from '../lib/fixtures.mjs';
import { Browser, isLoginPage, refresh, signIn, submitLogin, textOf, tokens, userinfo } from '../lib/flow.mjs';
import { lastMail, linkOf } from '../lib/messages.mjs';
import { note as secret } from '../lib/secrets.mjs';

const seen = async () => {
  for (const node of demo().nodes) await everywhere(node.id);
};
const path = (location) => {
  const url = new URL(location, demo().issuer);
  return url.pathname + url.search;
};
const isRedirect = (answer) => [302, 303].includes(answer.status);
const asksSignIn = (answer) => isRedirect(answer) && path(answer.location).startsWith('/oauth/authorize?');
const csrfOf = (answer) => /name="csrf" value="([^"]+)"/.exec(answer.body)?.[1];

async function follow(browser, answer) {
  for (let hops = 0; hops < 6 && isRedirect(answer); hops++) answer = await browser.get(path(answer.location));
  return answer;
}
async function open(target, account, page = '') {
  const browser = new Browser(target);
  let answer = await follow(browser, await browser.get(`/account${page}`));
  if (isLoginPage(answer)) answer = await follow(browser, await submitLogin(browser, answer, account));
  assert.equal(answer.status, 200, textOf(answer).slice(0, 200));
  return { browser, answer };
}
async function ask(target, account, to) {
  const before = Date.now();
  const { browser, answer } = await open(target, account, '/id');
  const said = await browser.post('/account/id', { csrf: csrfOf(answer), account_id: to });
  assert.match(textOf(said), /確認のメールを送りました/, `${said.status} ${said.location ?? ''}`);
  return { before, said };
}
const tokenOf = async (to, before) => secret(new URL(linkOf(await lastMail(to, { after: before }))).searchParams.get('token'));

check('D02', 'asking for an account ID that somebody has looks like asking for a free one', async ({ target }) => {
  const mine = await addAccount({ name: 'ask' });
  const taken = await addAccount({ name: 'taken' });
  const free = `free-${word()}@example.test`;
  const views = [];
  for (const to of [free, taken.id]) {
    const { said } = await ask(target, mine, to);
    assert.equal(said.status, 200);
    await seen();
    const { answer } = await open(target, mine, '/id');
    views.push([said, answer].map((one) => textOf(one).replaceAll(to, '<id>')));
  }
  assert.match(views[0][0], /確認のメールを送りました/);
  assert.match(views[0][1], /<id>/, 'it is shown as waiting');
  // The first time nothing waited before; the second time the first one did.
  assert.equal(views[1][0], views[0][0]);
  assert.equal(views[1][1], views[0][1]);
});

check('D11', 'another password: other sessions, tokens and the old password are dead on every node', async ({ target, others }) => {
  const rp = await conf();
  const account = await addAccount({ name: 'changes' });
  const given = await tokens(target, rp, account);
  const { browser: elsewhere } = await open(target, account);
  const { browser, answer } = await open(target, account, '/password');
  const password = secret(`changed ${word(12)} pass`);
  const done = await browser.post('/account/password', { csrf: csrfOf(answer), password, password_again: password });
  assert.match(textOf(done), /パスワードを変更しました/);
  await seen();
  assert.ok(asksSignIn(await elsewhere.get('/account')), 'the other session is dead');
  for (const node of [target, ...others]) {
    assert.equal((await userinfo(node, given.access_token)).status, 401, node.name);
    await assert.rejects(signIn(node, rp, account), /sign-in refused/, `${node.name}: the old password`);
  }
  assert.notEqual((await refresh(target, rp, given.refresh_token)).status, 200);
  assert.ok((await lastMail(account.id)).text.length > 0, 'its holder is told');
}, { targets: 'nodes' });

check('D14', 'no change without a session of one\'s own that was signed in to just now', async ({ target }) => {
  const account = await addAccount({ name: 'fresh' });
  const { answer } = await open(target, account, '/password');
  const password = secret(`forged ${word(12)} pass`);
  const form = { csrf: csrfOf(answer), password, password_again: password };
  assert.ok(asksSignIn(await new Browser(target).post('/account/password', form)), 'without a session');
  const other = await open(target, await addAccount({ name: 'stranger' }));
  assert.equal((await other.browser.post('/account/password', form)).status, 403, "with another one's form");
  for (const page of ['password', 'factors', 'sessions', 'id', 'close'])
    assert.ok(asksSignIn(await new Browser(target).get(`/account/${page}`)), page);
});

check('D16', 'a closed account: session, tokens and a link that waits are refused at once, on every node', async ({ target, others }) => {
  const rp = await conf();
  const account = await addAccount({ name: 'closes' });
  const to = `closing-${word()}@example.test`;
  const { before } = await ask(target, account, to);
  const token = await tokenOf(to, before);
  const given = await tokens(target, rp, account);
  const { browser: elsewhere } = await open(target, account);
  const { browser, answer } = await open(target, account, '/close');
  const done = await browser.post('/account/close', { csrf: csrfOf(answer), account_id: account.id });
  assert.match(textOf(done), /退会しました/);
  await seen();
  for (const node of [target, ...others]) {
    assert.equal((await userinfo(node, given.access_token)).status, 401, node.name);
    await assert.rejects(signIn(node, rp, account), /sign-in refused/, node.name);
    assert.match(textOf(await new Browser(node).post('/account/confirm', { token })), /このリンクは使えません/);
  }
  assert.ok(asksSignIn(await elsewhere.get('/account')));
}, { targets: 'nodes' });

check('E08', 'a mailed link that is only opened changes nothing', async ({ target, others }) => {
  const account = await addAccount({ name: 'scanned' });
  const to = `scanned-${word()}@example.test`;
  const { before } = await ask(target, account, to);
  const token = await tokenOf(to, before);
  for (const node of [target, ...others]) {
    assert.equal((await new Browser(node).get(`/account/confirm?token=${token}`)).status, 200);
    assert.equal((await new Browser(node).get(`/account/confirm?token=${token}`, { method: 'HEAD' })).status, 200);
  }
  await seen();
  assert.ok((await signIn(target, await conf(), account)).code, 'the old ID is good');
  const done = await new Browser(target).post('/account/confirm', { token });
  assert.match(textOf(done), /アカウントIDを変更しました/);
});

check('E10', 'a change of the account ID that waits is void when another password was set', async ({ target }) => {
  const account = await addAccount({ name: 'hijack' });
  const to = `attacker-${word()}@example.test`;
  const { before } = await ask(target, account, to);
  const token = await tokenOf(to, before);
  const { browser, answer } = await open(target, account, '/password');
  const password = secret(`victim ${word(12)} pass`);
  await browser.post('/account/password', { csrf: csrfOf(answer), password, password_again: password });
  await seen();
  const refused = textOf(await new Browser(target).post('/account/confirm', { token }));
  assert.match(refused, /このリンクは使えません/);
  assert.ok((await signIn(target, await conf(), { ...account, password })).code);
});

check('E11', 'two confirm one account ID, in other cases and at once on two nodes: one has it', async ({ target, others }) => {
  const wanted = `wanted-${word()}@example.test`;
  const tokensOf = [];
  for (const to of [wanted, wanted.toUpperCase()]) {
    const account = await addAccount({ name: 'twin' });
    const { before } = await ask(target, account, to);
    tokensOf.push(await tokenOf(wanted, before));
  }
  const places = [target, others[0] ?? target];
  const answers = await Promise.all(tokensOf.map((token, i) => new Browser(places[i]).post('/account/confirm', { token })));
  const said = answers.map(textOf);
  assert.equal(said.filter((text) => /アカウントIDを変更しました/.test(text)).length, 1, said.join('\n'));
  assert.equal(said.filter((text) => /すでに使われています|このリンクは使えません/.test(text)).length, 1);
  const loser = said.findIndex((text) => !/アカウントIDを変更しました/.test(text));
  const again = textOf(await new Browser(target).post('/account/confirm', { token: tokensOf[loser] }));
  assert.doesNotMatch(again, /アカウントIDを変更しました/, 'whoever lost at one node does not win at the other');
}, { targets: 'nodes' });
