// The whole way of a Prime account over three nodes: the form, the mailed link, the papers,
// the desk, the approval's link, password and second step, the first sign-in at an RP. And
// an Entry account that becomes a Prime.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { addAccount, addClient, newPhone, operator, word } from '../lib/admin.mjs';
import { applicant } from '../lib/apply.mjs';
import { Center, decide } from '../lib/desk.mjs';
import { authorizeParams, authorizePath, Browser, callback, codeForm, factorForms, isLoginPage, notice, pkce, redeem, sessionLives, submitLogin, textOf, tokens, userinfo } from '../lib/flow.mjs';
import { forms } from '../lib/html.mjs';
import { codeOf, lastMail, lastSms, linkOf } from '../lib/messages.mjs';

const center = await Center.make('activation');
after(() => center.close());
const { cluster, sinks } = center;
const reviewer = await center.person(['reviewer'], 1);
const rp = await addClient({ name: 'activation' });
const stocks = async () => (await operator(1, 'GET', '/v1/applications')).json;
const NO_LINK = /このURLは使用済みか/;
const path = (link) => new URL(link).pathname + new URL(link).search;

async function toNumber(email, { at }) {
  const browser = new Browser(at);
  const typed = { ...applicant({ email }), kind: 'corporation' };
  const look = await browser.post('/apply', { ...typed, step: 'check' });
  const { fields } = forms(look.body).find(({ fields: f }) => f.corporate_number === typed.corporate_number && !('step' in f));
  assert.equal((await browser.post('/apply', { ...fields, step: 'send' })).status, 200);
  const mail = await lastMail(email, { sinks });
  const token = new URL(linkOf(mail)).searchParams.get('token');
  const done = await browser.post('/apply/confirm', { token }, { at: cluster.node(2) });
  const id = textOf(done).match(/P\d{11}/)?.[0];
  assert.ok(id, notice(done));
  return { id, typed };
}

// Its papers, and the desk that approves it; resolves with the link.
async function approved(id, email) {
  await center.papers([{ id }]);
  await center.read([{ id }]);
  assert.equal((await decide(reviewer, id, 'approve')).location, `/staff/application?id=${id}&notice=approved`);
  return linkOf(await lastMail(email, { sinks, match: /activate/ }));
}

// Password and number of a telephone; resolves with what the RP got.
async function firstSignIn(account, { at }) {
  const { verifier, challenge } = pkce();
  const sent = authorizeParams(rp, { code_challenge: challenge, code_challenge_method: 'S256', scope: 'openid profile user email' });
  const browser = new Browser(at);
  let page = await submitLogin(browser, await browser.get(authorizePath(sent)), account, { second: false });
  const sms = factorForms(page).find(({ buttons }) => buttons.some(({ value }) => value === 'sms'));
  assert.ok(sms, `a second step is to be set up: ${notice(page)}`);
  page = await browser.post(sms.path, { ...sms.fields, choice: 'sms' });
  const number = factorForms(page).find(({ fields }) => 'phone' in fields);
  const since = Date.now(), phone = newPhone();
  page = await browser.post(number.path, { ...number.fields, phone });
  const form = codeForm(page);
  assert.ok(form, notice(page));
  const code = codeOf(await lastSms(phone, { sinks, after: since }));
  const back = callback(await browser.post(form.path, { ...form.fields, code }), rp);
  const answer = await redeem(at, rp, back.code, { verifier });
  assert.equal(answer.status, 200, answer.body);
  return answer.json;
}

test('from the form to the first sign-in', { timeout: 240000 }, async () => {
  const email = `prime-${word()}@example.test`;
  const { id, typed } = await toNumber(email, { at: cluster.node(1) });
  const first = await approved(id, email);
  const before = await stocks();
  const account = { id: email, password: `activate ${word(12)} pass` };

  // The link is lost; another is asked for, and the first one counts no more.
  const asked = Date.now();
  const status = await new Browser(cluster.node(3)).post('/apply/status', { application_id: id, account_id: email, act: 'resend' });
  assert.equal(status.status, 200);
  const link = linkOf(await lastMail(email, { sinks, after: asked, match: /activate/ }));
  assert.notEqual(link, first);
  await cluster.settled();
  assert.match(textOf(await new Browser(cluster.node(1)).get(path(first))), NO_LINK);
  const token = new URL(link).searchParams.get('token');
  for (const { id: n } of cluster.nodes) {
    const page = await new Browser(cluster.node(n)).get(path(link));
    assert.equal(page.status, 200);
    assert.ok(page.body.includes(email), 'whose account it will be');
    assert.equal(page.headers['referrer-policy'], 'no-referrer');
  }
  const browser = new Browser(cluster.node(2));
  for (const [password, other] of [['short', 'short'], [account.password, `${account.password}x`], [email, email]]) {
    const refused = await browser.post('/apply/activate', { token, password, password_again: other });
    assert.equal(refused.status, 400, password);
  }
  assert.deepEqual((await stocks()).kinds, before.kinds, 'nothing has changed by looking and by what was refused');
  const done = await browser.post('/apply/activate', { token, password: account.password, password_again: account.password });
  assert.equal(done.status, 200, notice(done));
  assert.match(textOf(await browser.post('/apply/activate', { token, password: account.password, password_again: account.password })), NO_LINK);


  const given = await firstSignIn(account, { at: cluster.node(3) });
  const claims = (await userinfo(cluster.node(1), given.access_token)).json;
  assert.equal(claims.account_type, 2, JSON.stringify(claims));
  assert.equal(claims.corp_type, 1);
  assert.equal(claims.email, email);
  assert.equal(claims.name, typed.company);
  assert.equal(claims.corporate_number, typed.corporate_number);
});

test('an Entry account becomes the Prime and keeps its sub; its sessions end', { timeout: 240000 }, async () => {
  const entry = await addAccount({ name: 'becomes' });
  await cluster.settled();
  const old = await tokens(cluster.node(1), rp, entry, { scope: 'openid' });
  const { id } = await toNumber(entry.id, { at: cluster.node(3) });
  const token = new URL(await approved(id, entry.id)).searchParams.get('token');
  const password = `activate ${word(12)} pass`;
  const done = await new Browser(cluster.node(2)).post('/apply/activate', { token, password, password_again: password });
  assert.equal(done.status, 200, notice(done));
  await cluster.settled();
  for (const { id: n } of cluster.nodes) assert.equal(await sessionLives(cluster.node(n), old.browser.jar, rp), false, `node ${n}`);
  assert.equal((await userinfo(cluster.node(1), old.access_token)).status, 401);
  const refused = new Browser(cluster.node(1));
  assert.ok(isLoginPage(await submitLogin(refused, await refused.get(authorizePath(authorizeParams(rp, { scope: 'openid' }))), entry, { second: false })), 'the old password is no good');
  const given = await firstSignIn({ id: entry.id, password }, { at: cluster.node(2) });
  const claims = (await userinfo(cluster.node(3), given.access_token)).json;
  assert.equal(claims.sub, entry.sub);
  assert.equal(claims.account_type, 2);
});
