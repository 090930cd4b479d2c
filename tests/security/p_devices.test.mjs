// Passkeys and the smartphone app: checks of our own, beside those of SECURITY_CHECKS.
// Each first shows that the good answer is taken, so that a refusal means something.
import assert from 'node:assert/strict';
import { Refused } from '../../ops/demo-app/device.mjs';
import { addClient, everywhere } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { Browser, authorizePath, notice } from '../lib/flow.mjs';
import { passkeyForm } from '../lib/passkey.mjs';
import { again, begin, finishPasskey, isCode, isRedirect, request, seen, through, withDevice, withPasskey } from '../lib/second_step.mjs';

let client;
const rp = async () => {
  client ??= addClient({ name: 'p-devices', profile: 'standard' }).then(async (made) => {
    await everywhere(1);
    return made;
  });
  return client;
};

// A login page of a new browser, and what the passkey answers to it.
async function alone(target, passkey, changes) {
  const browser = new Browser(target);
  const login = await browser.get(authorizePath(request(await rp())));
  return finishPasskey(browser, login, passkey.get(passkeyForm(login), changes));
}
const refusedAt = (answer, what) => assert.ok(!isCode(answer) && !isRedirect(answer), `${what}: ${answer.status} ${notice(answer)}`);
const code = async (work) => {
  try {
    await work;
    return 'taken';
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
};

check('P01', 'a passkey answers one page, once', async ({ target, others }) => {
  const { passkey } = await withPasskey(await rp(), [target]);
  const browser = new Browser(target);
  const login = await browser.get(authorizePath(request(await rp())));
  const fields = passkey.get(passkeyForm(login));
  assert.ok(isCode(await finishPasskey(browser, login, fields)));
  refusedAt(await finishPasskey(browser, login, fields), 'the same answer again');
  refusedAt(await finishPasskey(browser, login, passkey.get(passkeyForm(login))), 'the same challenge, signed anew');
  for (const other of others) refusedAt(await finishPasskey(browser, login, fields, other), `at ${other.name}`);
  refusedAt(await alone(target, passkey, { challenge: Buffer.alloc(32).toString('base64url') }), 'another challenge');
});

check('P02', 'a passkey answers for this place, by a person who was verified', async ({ target }) => {
  const { passkey } = await withPasskey(await rp(), [target]);
  assert.ok(isCode(await alone(target, passkey)));
  refusedAt(await alone(target, passkey, { origin: 'https://evil.example' }), 'another origin');
  refusedAt(await alone(target, passkey, { rpId: 'evil.example' }), 'another relying party');
  refusedAt(await alone(target, passkey, { crossOrigin: true }), 'in a frame');
  refusedAt(await alone(target, passkey, { type: 'webauthn.create' }), 'another ceremony');
  refusedAt(await alone(target, passkey, { flags: 1 }), 'not verified');
  refusedAt(await alone(target, passkey, { flags: 4 }), 'not present');
});

check('P03', "another account's passkey serves nobody else", async ({ target }) => {
  const { account, passkey } = await withPasskey(await rp(), [target]);
  const { passkey: other } = await withPasskey(await rp(), [target]);
  const browser = new Browser(target);
  let { answer } = await begin(browser, await rp(), account);
  answer = await finishPasskey(browser, answer, other.get(passkeyForm(answer)));
  refusedAt(answer, "another account's passkey at the second step");
  assert.ok(isCode(await finishPasskey(browser, answer, passkey.get(passkeyForm(answer)))));
  const login = await browser.get(authorizePath(request(await rp(), { prompt: 'login' })));
  const mixed = { ...passkey.get(passkeyForm(login)), credential: other.id.toString('base64url'), user_handle: other.user };
  refusedAt(await finishPasskey(browser, login, mixed), "one's signature with another's name");
  refusedAt(await alone(target, passkey, { user: other.user }), "another's user handle");
});

check('P04', 'a counter that falls back is a copy', async ({ target }) => {
  const { passkey } = await withPasskey(await rp(), [target]);
  assert.ok(isCode(await alone(target, passkey, { count: 9 })));
  refusedAt(await alone(target, passkey, { count: 9 }), 'equal');
  refusedAt(await alone(target, passkey, { count: 3 }), 'lower');
  refusedAt(await alone(target, passkey, { count: 0 }), 'none any more');
  assert.ok(isCode(await alone(target, passkey, { count: 10 })));
});

check('P05', "the app's answer is its account's, with the browser's number, and counts once", async ({ target, others }) => {
  const { account, it } = await withDevice(await rp(), [target]);
  const { it: stranger } = await withDevice(await rp(), [target]);
  const browser = new Browser(target);
  const { answer } = await begin(browser, await rp(), account);
  const { number } = seen(answer);
  const [question] = await it.challenges();
  assert.equal(await code(stranger.answer(question, 'approve', number)), 'unknown_challenge');
  assert.equal(await code(it.answer(question, 'approve', number === '42' ? '43' : '42')), 'wrong_number');
  refusedAt(await again(browser, answer), 'not approved yet');
  assert.equal(await code(it.answer(question, 'approve', number)), 'taken');
  assert.equal(await code(it.answer(question, 'approve', number)), 'already_answered');
  for (const other of others) assert.equal(await code(through(it, other).answer(question, 'deny')), 'already_answered');
  through(it, target);
  assert.ok(isCode(await again(browser, answer)), 'used once');
  refusedAt(await again(browser, answer), 'used twice');
});

check('P06', "a device's request is signed for its body and URL, is fresh, and serves once", async ({ target, others }) => {
  const { it } = await withDevice(await rp(), [target]);
  const send = async (body, proof, at = target) => (await through(it, at).send('app/challenges', body, proof)).answer.error ?? 'taken';
  const good = it.proof('app/challenges', '{}');
  assert.equal(await send('{}', good), 'taken');
  assert.equal(await send('{}', good), 'invalid_dpop_proof');
  for (const other of others) assert.equal(await send('{}', good, other), 'invalid_dpop_proof');
  assert.equal(await send('{ }', it.proof('app/challenges', '{}')), 'invalid_dpop_proof');
  assert.equal(await send('{}', it.proof('app/answer', '{}')), 'invalid_dpop_proof');
  assert.equal(await send('{}', it.proof('app/challenges', '{}', { iat: 1 })), 'invalid_dpop_proof');
  assert.equal(await send('{}', it.proof('app/challenges', '{}', { nonce: 'x' })), 'use_dpop_nonce');
});
