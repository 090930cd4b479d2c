// What the checks need to be registered first (head of SECURITY_CHECKS.md): made
// once per process, under names that no other run has.
import assert from 'node:assert/strict';
import { addAccount, addClient } from './admin.mjs';
import { demo } from './demo.mjs';
import { authorize, Browser, pkce, redeem, signIn } from './flow.mjs';

const made = new Map();
const once = (name, make) => () => {
  if (!made.has(name)) made.set(name, make());
  return made.get(name);
};

export const REDIRECT = 'https://rp.example.test/cb';
export const NATIVE_REDIRECT = 'http://127.0.0.1/cb';

export const conf = once('conf', () => addClient({ name: 'conf' }));
export const pub = once('pub', () => addClient({ name: 'pub', auth: 'none', native: true, redirect_uris: [NATIVE_REDIRECT] }));
export const evil = once('evil', () => addClient({ name: 'evil', redirect_uris: ['https://evil.example.test/cb'] }));
export const postRp = once('post', () => addClient({ name: 'post', auth: 'post', alg: 'ES256' }));
export const standard = once('std', () => addClient({ name: 'std', profile: 'standard', alg: 'ES256' }));
export const asking = once('ask', () => addClient({ name: 'ask', government: false, label: '民間サービス' }));
export const alice = once('alice', () => addAccount({ name: 'alice' }));
export const bob = once('bob', () => addAccount({ name: 'bob' }));

// A signed-in browser, at the price of one password hash per account and process.
const sessions = new Map();

export async function browserOf(target, account) {
  if (!sessions.has(account.id)) sessions.set(account.id, signIn(demo().nodes[0], await conf(), account));
  const { browser } = await sessions.get(account.id);
  return new Browser(target, { jar: browser.jar.clone() });
}

// A code by that session, without a page. Result as of `authorize`, with `verifier`.
export async function code(target, rp, account, params = {}) {
  const proof = pkce();
  const browser = await browserOf(target, account);
  const result = await authorize(browser, rp, {
    params: { prompt: 'none', code_challenge: proof.challenge, code_challenge_method: 'S256', ...params },
  });
  assert.ok(result.code, `no code: ${JSON.stringify(result)}`);
  return { ...result, verifier: proof.verifier };
}

export async function tokensOf(target, rp, account, params = {}) {
  const got = await code(target, rp, account, params);
  const answer = await redeem(target, rp, got.code, { verifier: got.verifier });
  assert.equal(answer.status, 200, answer.body);
  return { ...answer.json, ...got };
}
