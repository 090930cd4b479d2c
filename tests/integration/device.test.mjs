// Passkeys and the smartphone app, over nodes: a question asked at one node, answered at
// another one, used at a third; answers that race; the leader killed in between; and
// whatever is not what it should be, refused.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Refused } from '../../ops/demo-app/device.mjs';
import { addAccount, addClient, everywhere, word } from '../lib/admin.mjs';
import { demo, node as control, until } from '../lib/demo.mjs';
import { Browser, authorizePath, isLoginPage, notice, textOf } from '../lib/flow.mjs';
import { leader, transfer, whole } from '../lib/leader.mjs';
import { dropConnections } from '../lib/http.mjs';
import { allPush } from '../lib/messages.mjs';
import { passkeyForm } from '../lib/passkey.mjs';
import * as steps from '../lib/second_step.mjs';

const { nodes, balancer } = demo();
const [one, two, three] = nodes;
const { TWO_FACTORS, finish, isCode, isRedirect, seen, through: from } = steps;
const again = (browser, answer, at = one) => steps.again(browser, answer, at);
const choose = (browser, answer, value) => steps.choose(browser, answer, value, one);
const begin = (browser, account, { at = one } = {}) => steps.begin(browser, rp, account, { at });
const finishPasskey = (browser, answer, fields, at = one) => steps.finishPasskey(browser, answer, fields, at);
const claimsOf = (answer, sent, at = one) => steps.claimsOf(rp, answer, sent, at);
const device = () => steps.device(one);
const request = (params) => steps.request(rp, params);

let rp;
before(async () => {
  rp = await addClient({ name: 'device', label: '襷試験サービス', profile: 'standard' });
  await everywhere(1);
});

async function withDevice(options) {
  const made = await steps.withDevice(rp, nodes, options);
  assert.deepEqual([made.claims.acr, made.claims.amr], [TWO_FACTORS, ['pwd', 'swk', 'mfa']]);
  return made;
}
async function withPasskey() {
  const made = await steps.withPasskey(rp, nodes);
  assert.deepEqual([made.claims.acr, made.claims.amr], [TWO_FACTORS, ['pwd', 'hwk', 'user', 'mfa']]);
  return made;
}
const refused = async (work, code) => {
  await assert.rejects(work, (error) => error instanceof Refused && (error.code === code || assert.fail(`${error.code}: ${error.message}`)));
};

// ---- the app

test('a device is registered in the first sign-in, and approves it: each step at another node', async () => {
  await withDevice({ platform: 'ios' });
});

test('a question asked at node 1 is answered at node 2 and used at node 3', async () => {
  const { account, it } = await withDevice();
  const browser = new Browser(one);
  const { answer, sent } = await begin(browser, account);
  const { number } = seen(answer);
  assert.match(number, /^[1-9]\d$/);
  assert.match(seen(await again(browser, answer, three)).alert, /承認されていません/);
  const waiting = await from(it, two).challenges();
  assert.equal(waiting.length, 1);
  assert.equal(waiting[0].service, '襷試験サービス');
  await it.answer(waiting[0], 'approve', number);
  assert.equal((await from(it, one).challenges()).length, 0);
  assert.equal((await claimsOf(await finish(browser, answer, three), sent, two)).acr, TWO_FACTORS);
});

test('a device is told that a question waits, at the address that it has, and asks by itself without one', async () => {
  const push = `fcm:${word(12)}`;
  const { account, it } = await withDevice({ push });
  const told = (to) => allPush().filter((one) => one.to === to);
  const { answer } = await begin(new Browser(one), account);
  // Of the sign-in in which it was registered, and of this one.
  const [first] = await until('two push messages', () => told(push).length === 2 && told(push));
  assert.match(first.text, /サインインの確認/);
  assert.ok(!first.text.includes(seen(answer).number), 'the number is the browser\'s alone');
  // Another address, by another node; then none.
  const moved = `fcm:${word(12)}`;
  assert.deepEqual(await from(it, three).moved(moved), { push: true });
  await begin(new Browser(three), account, { at: three });
  await until('the push message at the new address', () => told(moved).length === 1);
  assert.equal(told(push).length, 2);
  assert.deepEqual(await from(it, two).moved(''), { push: false });
  await until('both questions', async () => (await it.challenges()).length === 2);
  await refused(device().moved('fcm:none'), 'unknown_device');
});

test('after "not me" nobody who has the password alone asks again that day; a known browser does', async () => {
  const { account, it, browser: home } = await withDevice(); // it is known from now on
  await begin(new Browser(one), account);
  const asked = (await until('the question', async () => {
    const list = await from(it, three).challenges();
    return list.length > 0 && list;
  }))[0];
  await it.answer(asked, 'not_me');
  for (const node of nodes) {
    const next = await begin(new Browser(node), account, { at: node });
    assert.match(textOf(next.answer), /誤った認証コードの入力が続いた/);
    assert.equal(seen(next.answer).number, undefined, 'no number, no question');
  }
  assert.equal((await it.challenges()).length, 0);
  home.jar.cookies.delete('__Host-tasuki_session');
  const { answer, sent } = await begin(home, account, { at: three });
  const { number } = seen(answer);
  assert.ok(number, notice(answer));
  await it.answer((await from(it, one).challenges())[0], 'approve', number);
  assert.equal((await claimsOf(await finish(home, answer, three), sent, one)).acr, TWO_FACTORS);
});

test('the wrong number is refused, and three of them end the sign-in', async () => {
  const { account, it } = await withDevice();
  const browser = new Browser(one);
  const { answer } = await begin(browser, account);
  const { number } = seen(answer);
  const [question] = await it.challenges();
  const wrong = number === '42' ? '43' : '42';
  for (let i = 0; i < 3; i++) await refused(from(it, nodes[i]).answer(question, 'approve', wrong), 'wrong_number');
  await refused(it.answer(question, 'approve', number), 'already_answered');
  const over = await again(browser, answer);
  assert.ok(isLoginPage(over), notice(over));
  assert.match(textOf(over), /承認されませんでした/);
});

test('a no, and "not me", end the sign-in', async () => {
  const { account, it } = await withDevice();
  for (const word of ['deny', 'not_me']) {
    const browser = new Browser(one);
    const { answer } = await begin(browser, account);
    const [question] = await it.challenges();
    assert.equal((await it.answer(question, word)).result, 'denied');
    const over = await until('the next page', async () => {
      const next = await again(browser, answer, two);
      return isLoginPage(next) && next;
    });
    assert.match(textOf(over), /承認されませんでした/);
  }
});

test('of answers that race on three nodes one counts', async () => {
  const { account, it } = await withDevice();
  const browser = new Browser(one);
  const { answer } = await begin(browser, account);
  const { number } = seen(answer);
  const [question] = await it.challenges();
  const racers = await Promise.all(
    nodes.flatMap((node) =>
      ['approve', 'deny'].map(async (word) => {
        const body = JSON.stringify({ challenge: question.challenge, service: question.service, answer: word, ...(word === 'approve' ? { number } : {}) });
        const sent = from(it, node).send('app/answer', body, it.proof('app/answer', body));
        return { word, ...(await sent) };
      }),
    ),
  );
  const won = racers.filter(({ status }) => status === 200);
  assert.equal(won.length, 1, JSON.stringify(racers));
  assert.ok(racers.filter(({ status }) => status !== 200).every(({ answer: told }) => told.error === 'already_answered'), JSON.stringify(racers));
  const next = await until('the next page', async () => {
    const now = await again(browser, answer, three);
    return (isLoginPage(now) || isRedirect(now)) && now;
  });
  assert.equal(isLoginPage(next), won[0].word === 'deny');
});

test('an approval outlives the leader that took it', async () => {
  const { account, it } = await withDevice();
  const browser = new Browser(balancer);
  const { answer, sent } = await begin(browser, account, { at: balancer });
  const [question] = await it.challenges();
  const before = await leader();
  await it.answer(question, 'approve', seen(answer).number);
  await transfer();
  assert.notEqual(await leader(), before);
  assert.equal((await claimsOf(await finish(browser, answer, balancer), sent, balancer)).acr, TWO_FACTORS);
});

test('the leader is killed between question, answer and use: nothing is lost, nothing counts twice', { timeout: 120000 }, async () => {
  const { account, it } = await withDevice();
  for (const killed of ['before the answer', 'after it']) {
    const first = await leader();
    const [here, there] = nodes.filter(({ id }) => id !== first);
    const browser = new Browser(here);
    const { answer, sent } = await begin(browser, account, { at: here });
    const [question] = await from(it, here).challenges();
    const { number } = seen(answer);
    try {
      if (killed === 'before the answer') await control(first, 'kill');
      await from(it, there).answer(question, 'approve', number);
      if (killed === 'after it') await control(first, 'kill');
      assert.equal((await claimsOf(await finish(browser, answer, here), sent, there)).acr, TWO_FACTORS, killed);
      await refused(from(it, here).answer(question, 'deny'), 'already_answered');
    } finally {
      dropConnections();
      await control(first, 'start');
      await whole();
    }
  }
});

test('a device answers for its own account alone, and nobody for a stranger', async () => {
  const { account } = await withDevice();
  const { it: other } = await withDevice();
  const { answer } = await begin(new Browser(one), account);
  const { number } = seen(answer);
  const id = Buffer.alloc(16).toString('hex');
  await refused(other.answer({ challenge: id, service: '襷試験サービス' }, 'approve', number), 'unknown_challenge');
  assert.deepEqual(await other.challenges(), []);
  await refused(device().challenges(), 'unknown_device');
  await refused(device().register('0000-0000-0000-0000-0000-0000-00'), 'invalid_code');
});

test('a request of a device is signed as it stands, for one URL, and serves once', async () => {
  const { account, it } = await withDevice();
  const { answer } = await begin(new Browser(one), account);
  const { number } = seen(answer);
  const [question] = await it.challenges();
  const body = JSON.stringify({ challenge: question.challenge, service: question.service, answer: 'approve', number });
  const path = 'app/answer';
  const told = async (sent, proof) => (await it.send(path, sent, proof)).answer.error;
  assert.equal(await told(body, it.proof(path, body.replace('approve', 'deny'))), 'invalid_dpop_proof');
  assert.equal(await told(body, it.proof('app/register', body)), 'invalid_dpop_proof');
  assert.equal(await told(body, it.proof(path, body, { iat: Math.floor(Date.now() / 1000) - 600 })), 'invalid_dpop_proof');
  assert.equal(await told(body, it.proof(path, body, { nonce: 'x' })), 'use_dpop_nonce');
  assert.equal(await told(body, device().proof(path, body, { nonce: it.nonce })), 'unknown_challenge');
  const other = body.replace('襷試験サービス', '別のサービス');
  assert.equal(await told(other, it.proof(path, other)), 'invalid_request');
  const list = it.proof('app/challenges', '{}');
  assert.equal((await from(it, one).send('app/challenges', '{}', list)).status, 200);
  assert.equal((await from(it, two).send('app/challenges', '{}', list)).answer.error, 'invalid_dpop_proof');
  const good = it.proof(path, body);
  assert.equal(await told(body, good), undefined);
  assert.equal(await told(body, good), 'invalid_dpop_proof'); // used up, before anything is looked at
});

test('a registration code serves once', async () => {
  const account = await addAccount({ name: 'device', type: 'entry' });
  await everywhere(1);
  const browser = new Browser(one);
  const { answer } = await begin(browser, account);
  const { code } = seen(await choose(browser, answer, 'app'));
  const results = await Promise.allSettled(nodes.map((node) => from(device(), node).register(code)));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.ok(results.filter(({ status }) => status === 'rejected').every(({ reason }) => ['invalid_code', 'already_registered'].includes(reason.code)));
});

test('an account is not flooded with questions', async () => {
  const { account, it } = await withDevice();
  const browser = new Browser(one);
  await begin(browser, account);
  await begin(browser, account);
  const { answer } = await begin(browser, account);
  assert.match(seen(answer).alert ?? '', /これ以上送れません/, notice(answer));
  assert.ok((await it.challenges()).length <= 2);
});

// ---- passkeys

test('a passkey is enrolled at node 2, asked for at node 1, and passes at node 3', async () => {
  const { account, passkey } = await withPasskey();
  const browser = new Browser(one);
  const { answer, sent } = await begin(browser, account);
  const form = passkeyForm(answer);
  assert.equal(form.credential, passkey.id.toString('base64url'));
  const ended = await finishPasskey(browser, answer, passkey.get(form), three);
  assert.equal((await claimsOf(ended, sent, two)).acr, TWO_FACTORS);
});

test('a passkey alone signs in, once for each page', async () => {
  const { passkey } = await withPasskey();
  const browser = new Browser(one);
  const sent = request({ acr_values: TWO_FACTORS });
  const login = await browser.get(authorizePath(sent), { at: one });
  const fields = passkey.get(passkeyForm(login));
  const ended = await finishPasskey(browser, login, fields, two);
  const claims = await claimsOf(ended, sent, three);
  assert.deepEqual([claims.acr, claims.amr], [TWO_FACTORS, ['hwk', 'user', 'mfa']]);
  const replayed = await finishPasskey(browser, login, fields, three);
  assert.ok(isLoginPage(replayed), notice(replayed));
  const newer = passkey.get(passkeyForm(login)); // the same page's challenge, signed anew
  assert.ok(isLoginPage(await finishPasskey(browser, login, newer, one)));
});

test('what a passkey answers must be of this page, this place and this person', async () => {
  const { passkey } = await withPasskey();
  const { passkey: other } = await withPasskey();
  const wrong = [
    { challenge: Buffer.alloc(32).toString('base64url') },
    { origin: 'https://evil.example' },
    { crossOrigin: true },
    { rpId: 'evil.example' },
    { type: 'webauthn.create' },
    { flags: 1 }, // its holder was not verified
    { flags: 4 }, // nobody was there
    { user: other.user },
    { user: '' },
  ];
  for (const changes of wrong) {
    const browser = new Browser(one);
    const login = await browser.get(authorizePath(request()), { at: one });
    const answer = await finishPasskey(browser, login, passkey.get(passkeyForm(login), changes), one);
    assert.ok(isLoginPage(answer) && !isCode(answer), `${JSON.stringify(changes)}: ${notice(answer)}`);
  }
  // Another one's credential with this one's signature.
  const browser = new Browser(one);
  const login = await browser.get(authorizePath(request()), { at: one });
  const mixed = { ...passkey.get(passkeyForm(login)), credential: other.id.toString('base64url'), user_handle: other.user };
  assert.ok(isLoginPage(await finishPasskey(browser, login, mixed, one)));
  // And another browser's page.
  const stolen = await new Browser(one).get(authorizePath(request()), { at: one });
  const answer = await finishPasskey(browser, stolen, passkey.get(passkeyForm(stolen)), one);
  assert.equal(answer.status, 400);
});

test('at the second step: replays, other challenges, other accounts and fallen counters are refused', async () => {
  const { account, passkey } = await withPasskey();
  const { passkey: other } = await withPasskey();
  const browser = new Browser(one);
  let { answer } = await begin(browser, account);
  const told = (next) => seen(next).alert ?? notice(next);
  const first = passkey.get(passkeyForm(answer));
  for (const fields of [
    passkey.get({ ...passkeyForm(answer), challenge: Buffer.alloc(32).toString('base64url') }),
    passkey.get(passkeyForm(answer), { origin: 'https://evil.example' }),
    other.get(passkeyForm(answer)),
  ]) {
    answer = await finishPasskey(browser, answer, fields);
    assert.match(told(answer), /パスキーを確認できませんでした/);
  }
  answer = await finishPasskey(browser, answer, first);
  assert.ok(isCode(answer), notice(answer));
  // The same answer in a new sign-in: another challenge.
  ({ answer } = await begin(new Browser(one), account));
  const second = new Browser(one);
  ({ answer } = await begin(second, account));
  assert.match(told(await finishPasskey(second, answer, first)), /パスキーを確認できませんでした/);
  // A copy of the authenticator is behind.
  assert.match(told(await finishPasskey(second, answer, passkey.get(passkeyForm(answer), { count: 1 }))), /パスキーを確認できませんでした/);
  assert.ok(isCode(await finishPasskey(second, answer, passkey.get(passkeyForm(answer), { count: 20 }))));
});
