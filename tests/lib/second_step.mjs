// The second step as a browser without script walks it: pages and forms, for the tests of
// passkeys and of the smartphone app.
import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { Device } from '../../ops/demo-app/device.mjs';
import { addAccount, everywhere } from './admin.mjs';
import { demo, until } from './demo.mjs';
import { Browser, authorizeParams, authorizePath, callback, notice, pkce, redeem, submitLogin } from './flow.mjs';
import { forms } from './html.mjs';
import { post } from './http.mjs';
import { Passkey, passkeyForm } from './passkey.mjs';

export const TWO_FACTORS = 'urn:tasuki:acr:two-factors';

// What the RP sends; `verifier` is its own.
export function request(rp, params = {}) {
  const { verifier, challenge } = pkce();
  const sent = authorizeParams(rp, { code_challenge: challenge, code_challenge_method: 'S256', ...params });
  return Object.defineProperty(sent, 'verifier', { value: verifier, enumerable: false });
}

// What a page of the second step shows.
export const seen = (answer) => ({
  number: answer.body.match(/id="app_number"[^>]*>(\d\d)</)?.[1],
  code: answer.body.match(/id="app_code">([0-9A-Z-]+)</)?.[1],
  waiting: forms(answer.body).find((form) => 'quiet' in form.fields),
  alert: answer.body.match(/role="alert" id="notice">([\s\S]*?)<\/div>/)?.[1]?.replace(/<[^>]+>/g, ' '),
});

// From the RP to the page behind a right password.
export async function begin(browser, rp, account, { at } = {}) {
  const sent = request(rp, { acr_values: TWO_FACTORS });
  const login = await browser.get(authorizePath(sent), { at });
  return { sent, answer: await submitLogin(browser, login, account, { at, second: false }) };
}

export function choose(browser, answer, value, at) {
  const form = forms(answer.body).find(({ buttons }) => buttons.some((button) => button.name === 'choice' && button.value === value));
  assert.ok(form, `no choice ${value}: ${notice(answer)}`);
  return browser.post('/oauth/factor', { login_state: form.fields.login_state, choice: value }, { at });
}

// The page that waits for the app, once more.
export function again(browser, answer, at) {
  const { waiting } = seen(answer);
  assert.ok(waiting, `no form that waits: ${notice(answer)}`);
  return browser.post('/oauth/factor', waiting.fields, { at });
}

export const isRedirect = (answer) => [302, 303].includes(answer.status);
export const isCode = (answer) => isRedirect(answer) && new URL(answer.location).searchParams.has('code');
export const finish = (browser, answer, at) =>
  until('the app is believed', async () => {
    const next = await again(browser, answer, at);
    if (next.status === 503) return false; // a change of leader goes on
    answer = next;
    return isRedirect(answer) && answer;
  });

// What a passkey brought, in the form of the page that asked for it.
export function finishPasskey(browser, answer, fields, at) {
  const form = forms(answer.body).find(({ fields: found }) => 'client_data' in found);
  assert.ok(form, `no form for a passkey: ${notice(answer)}`);
  return browser.post(form.action, { ...form.fields, ...fields }, { at });
}

// The ID token that a finished sign-in gives.
export async function claimsOf(rp, answer, sent, at) {
  const { code } = callback(answer, rp);
  const answered = await redeem(at, rp, code, { verifier: sent.verifier });
  assert.equal(answered.status, 200, answered.body);
  return decodeJwt(answered.json.id_token);
}

const newAccount = async (name) => {
  const account = await addAccount({ name, type: 'entry' });
  await everywhere(1);
  return account;
};

// A device that talks to `it.target`, a node or a proxy before one.
export function device(target, options = {}) {
  const it = new Device({ server: demo().issuer, name: '試験の携帯', ...options });
  it.target = target;
  it.transport = async (path, headers, body) => {
    const answer = await post(it.target, `/oauth/${path}`, { headers: { ...headers, host: new URL(it.server).host }, body });
    return { status: answer.status, nonce: answer.headers['dpop-nonce'], answer: answer.json ?? {} };
  };
  return it;
}
export const through = (it, target) => Object.assign(it, { target });

// An account whose only factor is a device, registered in its first sign-in; each step
// at the next of the targets.
export async function withDevice(rp, targets, options) {
  const [one, two = one, three = one] = targets;
  const account = await newAccount('device');
  const it = device(two, options);
  const browser = new Browser(one);
  let { sent, answer } = await begin(browser, rp, account);
  answer = await choose(browser, answer, 'app');
  await it.register(seen(answer).code);
  answer = await until('the number', async () => {
    answer = await again(browser, answer, three);
    return seen(answer).number && answer;
  });
  const [question] = await through(it, three).challenges();
  await through(it, two).answer(question, 'approve', seen(answer).number);
  const claims = await claimsOf(rp, await finish(browser, answer, one), sent, one);
  return { account, it, browser, claims };
}

export async function withPasskey(rp, targets) {
  const [one, two = one, three = one] = targets;
  const account = await newAccount('passkey');
  const passkey = new Passkey({ origin: new URL(demo().issuer).origin });
  const browser = new Browser(one);
  let { sent, answer } = await begin(browser, rp, account);
  answer = await choose(browser, answer, 'passkey');
  const ended = await finishPasskey(browser, answer, passkey.create(passkeyForm(answer)), two);
  return { account, passkey, claims: await claimsOf(rp, ended, sent, three) };
}
