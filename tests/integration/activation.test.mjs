// The whole way of a Prime account over three nodes: the form, the mailed link, the papers,
// the desk, the approval's link, password and second step, the first sign-in at an RP. And
// an Entry account that becomes a Prime.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { addAccount, addClient, newPhone, operator, word } from '../lib/admin.mjs';
import { activate, activationCode, applicant } from '../lib/apply.mjs';
import { until } from '../lib/demo.mjs';
import { Center, decide } from '../lib/desk.mjs';
import { authorizeParams, authorizePath, Browser, callback, codeForm, isLoginPage, notice, pkce, redeem, sessionLives, submitLogin, textOf, tokens, userinfo } from '../lib/flow.mjs';
import { forms } from '../lib/html.mjs';
import { allMail, codeOf, lastMail, lastSms, linkOf } from '../lib/messages.mjs';
import { mannWhitney, quantile, SEPARATION_MAX } from '../lib/stats.mjs';

// What node 3 decides lapses at once.
const center = await Center.make('activation', ['login_limit_per_minute = 0', ...['address', 'source', 'site', 'all'].map((cap) => `mail_cap_${cap} = 1000000`)], { 3: ['activation_remind_s = 2', 'activation_lapse_s = 12'] });
after(() => center.close());
const { cluster, sinks } = center;
const reviewer = await center.person(['reviewer'], 1);
const hasty = await center.person(['reviewer'], 3);
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
async function approved(id, email, by = reviewer) {
  await center.papers([{ id }]);
  await center.read([{ id }]);
  assert.equal((await decide(by, id, 'approve')).location, `/staff/application?id=${id}&notice=approved`);
  return linkOf(await lastMail(email, { sinks, match: /activate/ }));
}

// Password, and the code that goes to the application's number; resolves with what the RP
// got.
async function firstSignIn(account, { at }) {
  const { verifier, challenge } = pkce();
  const sent = authorizeParams(rp, { code_challenge: challenge, code_challenge_method: 'S256', scope: 'openid profile user email' });
  const browser = new Browser(at), since = Date.now();
  const page = await submitLogin(browser, await browser.get(authorizePath(sent)), account, { second: false });
  const form = codeForm(page);
  assert.ok(form, `the number is the second step already: ${notice(page)}`);
  const code = codeOf(await lastSms(account.phone, { sinks, after: since }));
  const back = callback(await browser.post(form.path, { ...form.fields, code }), rp);
  const answer = await redeem(at, rp, back.code, { verifier });
  assert.equal(answer.status, 200, answer.body);
  return answer.json;
}

const post = (browser, token, fields) => browser.post('/apply/activate', { token, act: 'set', ...fields });

test('from the form to the first sign-in', { timeout: 240000 }, async () => {
  const email = `prime-${word()}@example.test`;
  const { id, typed } = await toNumber(email, { at: cluster.node(1) });
  const first = await approved(id, email);
  const before = await stocks();
  const password = `activate ${word(12)} pass`, account = { id: email, password, phone: typed.phone };

  // The link is lost; another is asked for: both are good until one is used.
  const asked = Date.now();
  const status = await new Browser(cluster.node(2)).post('/apply/status', { application_id: id, account_id: email, act: 'resend' });
  assert.equal(status.status, 200);
  const link = linkOf(await lastMail(email, { sinks, after: asked, match: /activate/ }));
  assert.notEqual(link, first);
  await cluster.settled();
  const token = new URL(link).searchParams.get('token');
  for (const at of [first, link]) {
    for (const { id: n } of cluster.nodes) {
      const page = await new Browser(cluster.node(n)).get(path(at));
      assert.equal(page.status, 200);
      assert.ok(textOf(page).includes(`*${typed.phone.slice(-4)}`), 'where a code would go');
      assert.ok(!page.body.includes(typed.phone), 'but not the number');
      assert.equal(page.headers['referrer-policy'], 'no-referrer');
    }
  }

  // The mailbox alone is not enough.
  const browser = new Browser(cluster.node(2));
  assert.equal((await post(browser, token, { code: '000000', password, password_again: password })).status, 400);
  const { code, page } = await activationCode(browser, token, typed.phone, { sinks });
  assert.ok(page.body.includes(email), 'whose account it will be');
  const wrong = String((Number(code) + 1) % 1000000).padStart(6, '0');
  for (const [why, digits, word1, word2] of [['code', wrong, password, password], ['short', code, 'short', 'short'], ['differs', code, password, `${password}x`], ['context', code, email, email]]) {
    const refused = await post(browser, token, { code: digits, password: word1, password_again: word2 });
    assert.equal(refused.status, 400, why);
  }
  assert.deepEqual((await stocks()).stocks, before.stocks, 'nothing has changed by looking and by what was refused');
  // The form that the first link opened, at another node.
  const old = new Browser(cluster.node(3)), oldToken = new URL(first).searchParams.get('token');
  const done = await post(old, oldToken, { code, password, password_again: password });
  assert.equal(done.status, 200, notice(done));
  for (const used of [token, oldToken]) assert.match(textOf(await post(browser, used, { code, password, password_again: password })), NO_LINK);

  const given = await firstSignIn(account, { at: cluster.node(3) });
  const claims = (await userinfo(cluster.node(1), given.access_token)).json;
  assert.equal(claims.account_type, 2, JSON.stringify(claims));
  assert.equal(claims.corp_type, 1);
  assert.equal(claims.email, email);
  assert.equal(claims.name, typed.company);
  assert.equal(claims.corporate_number, typed.corporate_number);
});

// Whoever mistyped the number, or has another one by now, is helped by two people: neither
// alone, and nothing that went to the old number opens the account.
test('a telephone number is put right by the help desk and a second person', { timeout: 240000 }, async () => {
  const email = `phone-${word()}@example.test`;
  const { id, typed } = await toNumber(email, { at: cluster.node(2) });
  const token = new URL(await approved(id, email)).searchParams.get('token');
  const [clerk, approver] = [await center.person(['help-desk'], 1), await center.person(['approver'], 3)];
  const browser = new Browser(cluster.node(1)), password = `activate ${word(12)} pass`;
  const { code: old } = await activationCode(browser, token, typed.phone, { sinks });

  assert.equal((await clerk.post('/staff/help/find', { who: email })).location, `/staff/help?id=${id}`);
  assert.equal((await clerk.post('/staff/help/find', { who: ` ${id.toLowerCase()} ` })).location, `/staff/help?id=${id}`);
  const nobody = await clerk.post('/staff/help/find', { who: `nobody-${email}` });
  assert.equal(nobody.status, 422);
  assert.ok(nobody.body.includes(`value="nobody-${email}"`), 'what was typed is there to be mended');
  const shown = await clerk.get(`/staff/help?id=${id}`);
  assert.ok(shown.body.includes(typed.company) && shown.body.includes(email));
  assert.ok(shown.body.includes(`*${typed.phone.slice(-4)}`) && !shown.body.includes(typed.phone.replace(/^0/, '')), 'the number is told to nobody');
  const reviewing = await center.person(['reviewer', 'intake'], 2);
  assert.equal((await reviewing.get(`/staff/help?id=${id}`)).status, 403);

  const phone = newPhone();
  for (const [fields, why] of [[{ tel: '12', basis: 'written' }, /SMS/], [{ tel: phone }, /本人/], [{ tel: typed.phone, basis: 'written' }, /すでにその番号/]]) {
    const refused = await clerk.post('/staff/help/correct', { id, ...fields });
    assert.equal(refused.status, 422);
    assert.match(refused.body, why);
    if (fields.tel) assert.ok(refused.body.includes(`value="${fields.tel}"`), 'the number that was typed');
    if (fields.basis) assert.match(refused.body, new RegExp(`value="${fields.basis}" required checked`));
  }
  assert.equal((await clerk.post('/staff/help/correct', { id, tel: phone, basis: 'called_back' })).location, `/staff/help?id=${id}&notice=correction_asked`);
  assert.equal((await clerk.post('/staff/help/correct', { id, tel: newPhone(), basis: 'written' })).status, 409, 'one at a time');
  const name = (await approver.get(`/staff/help?id=${id}`)).body.match(/name="name" value="([0-9a-f]{32})"/)[1];
  for (const desk of center.consoles) {
    const own = await clerk.at(desk).post('/staff/help/settle', { id, name, decision: 'agree' });
    assert.equal(own.status, 409, desk.name);
    assert.match(own.body, /相互牽制/);
  }
  const before = Date.now();
  assert.equal((await approver.post('/staff/help/settle', { id, name, decision: 'agree' })).location, `/staff/help?id=${id}&notice=correction_done`);
  assert.equal((await approver.post('/staff/help/settle', { id, name, decision: 'agree' })).status, 404, 'once');
  assert.match((await lastMail(email, { sinks, after: before, match: /電話番号を変更/ })).text, new RegExp(`\\*${phone.slice(-4)}`));

  // The code that went to the old number is dead; on every node the next goes to the new one.
  await cluster.settled();
  for (const { id: n } of cluster.nodes) {
    const refused = await post(new Browser(cluster.node(n)), token, { code: old, password, password_again: password });
    assert.equal(refused.status, 400);
    assert.ok(textOf(refused).includes(`*${phone.slice(-4)}`));
  }
  await activate(new Browser(cluster.node(3)), token, { phone, password }, { sinks });
  await cluster.settled();
  await firstSignIn({ id: email, password, phone }, { at: cluster.node(2) });
  const events = async (event) => (await operator(1, 'POST', '/v1/audit', { event, limit: 100 })).json.records.filter(({ note }) => note.startsWith(id));
  assert.deepEqual((await events('application.phone_proposed')).map(({ note }) => note), [`${id} called_back`]);
  assert.equal((await events('application.phone_changed')).length, 1);
  assert.ok((await events('staff.read')).length >= 1, 'that it was looked at');
  assert.equal((await clerk.post('/staff/help/correct', { id, tel: newPhone(), basis: 'written' })).status, 409, 'it is an account by now');
});

test('the help desk sends the mail of approval again, within the caps', { timeout: 120000 }, async () => {
  const email = `again-${word()}@example.test`;
  const { id, typed } = await toNumber(email, { at: cluster.node(3) });
  const clerk = await center.person(['help-desk'], 2);
  assert.equal((await clerk.post('/staff/help/resend', { id })).status, 409, 'there is none yet');
  await approved(id, email);
  const since = Date.now();
  assert.equal((await clerk.post('/staff/help/resend', { id })).location, `/staff/help?id=${id}&notice=help_resent`);
  const token = new URL(linkOf(await lastMail(email, { sinks, after: since, match: /activate/ }))).searchParams.get('token');
  await activate(new Browser(cluster.node(1)), token, { phone: typed.phone, password: `activate ${word(12)} pass` }, { sinks });
});

test('an Entry account becomes the Prime and keeps its sub; its sessions end', { timeout: 240000 }, async () => {
  const entry = await addAccount({ name: 'becomes' });
  await cluster.settled();
  const old = await tokens(cluster.node(1), rp, entry, { scope: 'openid' });
  const { id, typed } = await toNumber(entry.id, { at: cluster.node(3) });
  const token = new URL(await approved(id, entry.id)).searchParams.get('token');
  const password = `activate ${word(12)} pass`;
  await activate(new Browser(cluster.node(2)), token, { phone: typed.phone, password }, { sinks });
  await cluster.settled();
  for (const { id: n } of cluster.nodes) assert.equal(await sessionLives(cluster.node(n), old.browser.jar, rp), false, `node ${n}`);
  assert.equal((await userinfo(cluster.node(1), old.access_token)).status, 401);
  const refused = new Browser(cluster.node(1));
  assert.ok(isLoginPage(await submitLogin(refused, await refused.get(authorizePath(authorizeParams(rp, { scope: 'openid' }))), entry, { second: false })), 'the old password is no good');
  const given = await firstSignIn({ id: entry.id, password, phone: typed.phone }, { at: cluster.node(2) });
  const claims = (await userinfo(cluster.node(3), given.access_token)).json;
  assert.equal(claims.sub, entry.sub);
  assert.equal(claims.account_type, 2);
});

test('an application is given up by the mailed link alone', { timeout: 120000 }, async () => {
  const email = `given-up-${word()}@example.test`;
  const { id } = await toNumber(email, { at: cluster.node(2) });
  const browser = new Browser(cluster.node(1)), since = Date.now();
  const state = async () => (await browser.post('/apply/status', { application_id: id, account_id: email })).body.match(/data-state="(\w+)"/)?.[1];
  assert.equal((await browser.post('/apply/status', { application_id: id, account_id: email, act: 'withdraw' })).status, 200);
  assert.equal(await state(), 'awaiting', 'number and address stand on the envelope');
  const link = linkOf(await lastMail(email, { sinks, after: since, match: /withdraw/ }));
  const token = new URL(link).searchParams.get('token');
  for (const { id: n } of cluster.nodes) assert.equal((await new Browser(cluster.node(n)).get(path(link))).status, 200);
  assert.equal(await state(), 'awaiting', 'nor by looking at the link');
  assert.equal((await browser.post('/apply/withdraw', { token: `${token.slice(0, -4)}AAAA` })).status, 400);
  assert.equal((await browser.post('/apply/withdraw', { token }, { at: cluster.node(3) })).status, 200);
  await cluster.settled();
  assert.equal(await state(), 'withdrawn');
  assert.equal((await browser.post('/apply/withdraw', { token })).status, 409);
  await lastMail(email, { sinks, after: since, match: /取り下げられました/ });
});

test('an approval that nobody uses lapses: the applicant is told, and it is counted', { timeout: 180000 }, async () => {
  const email = `lapses-${word()}@example.test`;
  const { id, typed } = await toNumber(email, { at: cluster.node(1) });
  const token = new URL(await approved(id, email, hasty)).searchParams.get('token');
  const browser = new Browser(cluster.node(1));
  const reminder = await lastMail(email, { sinks, match: /完了していません/, timeout: 60000 });
  const fresh = new URL(linkOf(reminder)).searchParams.get('token');
  assert.notEqual(fresh, token, 'a reminder brings a link of its own');
  await lastMail(email, { sinks, match: /失効しました/, timeout: 90000 });
  await until('it has lapsed', async () => (await browser.post('/apply/status', { application_id: id, account_id: email })).body.includes('data-state="lapsed"'));
  assert.match(textOf(await browser.post('/apply/activate', { token: fresh, act: 'send' })), NO_LINK);
  assert.ok((await stocks()).stocks.some(({ state, count }) => state === 'lapsed' && count === 1));
  // A lapsed one stands in nobody's way: the same person applies anew.
  const again = new Browser(cluster.node(2)), since = Date.now();
  assert.equal((await again.post('/apply', { ...typed, step: 'send' })).status, 200);
  assert.match(linkOf(await lastMail(email, { sinks, after: since })), /confirm/);
});

// D02: one command and no read, whether somebody has applied or not (test_svc_apply counts
// them); so the times are the same, too.
test('applying takes as long whether the person is known or not', { timeout: 240000 }, async (t) => {
  const email = `known-${word()}@example.test`, node = cluster.node(2);
  const { typed } = await toNumber(email, { at: node });
  await cluster.settled();
  const forms = {
    known: () => ({ ...applicant({ email }), kind: 'corporation' }),
    person: () => ({ ...typed, email: `other-${word()}@example.test` }),
    fresh: () => ({ ...applicant({ email: `fresh-${word()}@example.test` }), kind: 'corporation' }),
  };
  const samples = { known: [], person: [], fresh: [] };
  const browser = new Browser(node), pages = new Set();
  for (let i = 0; i < 140; i++) {
    for (const kind of Object.keys(forms).sort(() => Math.random() - 0.5)) {
      const form = forms[kind]();
      const answer = await browser.post('/apply', { ...form, step: 'send' });
      assert.equal(answer.status, 200);
      pages.add(textOf(answer).replaceAll(form.email, '<address>'));
      if (i >= 20) samples[kind].push(answer.ms);
    }
  }
  assert.equal(pages.size, 1, 'and one page');
  for (const kind of ['known', 'person']) {
    const { auc, separation, z } = mannWhitney(samples.fresh, samples[kind]);
    const numbers = `${kind}: AUC ${auc.toFixed(3)}, medians ${quantile(samples.fresh, 0.5).toFixed(2)} and ${quantile(samples[kind], 0.5).toFixed(2)} ms, z ${z.toFixed(2)}`;
    t.diagnostic(numbers);
    // Beyond the bound, and beyond what chance gives with so few samples.
    assert.ok(separation < SEPARATION_MAX || Math.abs(z) < 3.3, numbers);
  }
  await until('who is known was written to', () => allMail(sinks).filter(({ to }) => to.includes(email)).length >= 140, { timeout: 60000 });
});
