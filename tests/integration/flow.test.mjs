// The whole flow with a certified client library, openid-client, through the balancer.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as jose from 'jose';
import * as client from 'openid-client';
import { addAccount, addClient, everywhere, PROFILE, statusOf } from '../lib/admin.mjs';
import { demo, targets } from '../lib/demo.mjs';
import {
  authorizeParams,
  authorizePath,
  Browser,
  callback,
  demoRp,
  isConsentPage,
  isLoginPage,
  logout,
  notice,
  sessionLives,
  signIn,
  submitConsent,
  submitLogin,
  tokens,
  userinfo,
} from '../lib/flow.mjs';
import { fetchVia, get } from '../lib/http.mjs';
import { note } from '../lib/secrets.mjs';

const { balancer, env, issuer, password } = demo();
const fetcher = fetchVia(balancer);
const method = { basic: client.ClientSecretBasic, post: client.ClientSecretPost, none: () => client.None() };

async function configuration(rp) {
  const config = await client.discovery(
    new URL(issuer),
    rp.clientId,
    { id_token_signed_response_alg: rp.alg ?? 'RS256', ...(rp.secret ? { client_secret: rp.secret } : {}) },
    method[rp.auth](rp.secret),
    { [client.customFetch]: fetcher, timeout: 30 },
  );
  config[client.customFetch] = fetcher;
  // The signature too, though TLS would do (OpenID Connect Core §3.1.3.7, 6).
  client.enableNonRepudiationChecks(config);
  return config;
}

// Sign in as `account`, and let openid-client check everything that comes back.
async function run(rp, account, { scope = 'openid profile user email', browser = new Browser(balancer), pkce = true } = {}) {
  const config = await configuration(rp);
  const checks = { expectedNonce: client.randomNonce(), expectedState: client.randomState(), idTokenExpected: true };
  const params = { redirect_uri: rp.redirectUri, scope, nonce: checks.expectedNonce, state: checks.expectedState };
  if (pkce) {
    checks.pkceCodeVerifier = note(client.randomPKCECodeVerifier());
    params.code_challenge = await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier);
    params.code_challenge_method = 'S256';
  }
  const url = client.buildAuthorizationUrl(config, params);
  assert.equal(url.origin, new URL(issuer).origin);
  let answer = await browser.get(url.pathname + url.search);
  const pages = [];
  if (isLoginPage(answer)) {
    pages.push('login');
    answer = await submitLogin(browser, answer, account);
    assert.ok(!isLoginPage(answer), notice(answer));
  }
  if (isConsentPage(answer)) {
    pages.push('consent');
    answer = await submitConsent(browser, answer, 'allow');
  }
  assert.ok([302, 303].includes(answer.status), `${answer.status} ${notice(answer)}`);
  note(callback(answer, rp).code);
  const given = await client.authorizationCodeGrant(config, new URL(answer.location), checks);
  for (const name of ['access_token', 'refresh_token', 'id_token']) note(given[name]);
  const claims = given.claims();
  const info = await client.fetchUserInfo(config, given.access_token, claims.sub);
  return { config, given, claims, info, browser, pages };
}

const prime = { id: demo().prime, password };

test('Prime: RS256, all claims of DOMAIN §2.1', async () => {
  const { claims, info, given } = await run(demoRp('TASUKI'), prime);
  assert.equal(jose.decodeProtectedHeader(given.id_token).alg, 'RS256');
  assert.equal(info.account_type, 2);
  assert.equal(info.corp_type, 1);
  assert.match(info.corporate_number, /^\d{13}$/);
  for (const name of ['name', 'prefecture_name', 'address1', 'rep_last_nm', 'rep_first_nm', 'rep_last_nm_kana', 'rep_first_nm_kana', 'user_last_nm', 'user_first_nm', 'user_post_code', 'user_tel_no_contact', 'email'])
    assert.ok(typeof info[name] === 'string' && info[name] !== '', name);
  assert.equal(info.email, prime.id);
  assert.equal(info.parent_id, undefined, 'only a Member has one');
  for (const name of ['name', 'email', 'corporate_number', 'account_type']) assert.equal(claims[name], undefined, `no personal data in the ID token: ${name}`);
  assert.equal(given.expires_in > 3500, true);
});

test('Entry: account_type 1', async () => {
  const { info } = await run(demoRp('TASUKI'), { id: env.TASUKI_ENTRY_ACCOUNT, password });
  assert.equal(info.account_type, 1);
  assert.equal(info.parent_id, undefined);
});

test('Member: account_type 3, and its Prime as parent_id', async () => {
  const { info } = await run(demoRp('TASUKI'), { id: env.TASUKI_MEMBER_ACCOUNT, password });
  const parent = await run(demoRp('TASUKI'), prime);
  assert.equal(info.account_type, 3);
  assert.equal(info.parent_id, parent.claims.sub);
  assert.notEqual(info.sub, info.parent_id);
});

test('every claim as it was registered, under its scope alone', async () => {
  const rp = await addClient({ name: 'claims' });
  const account = await addAccount({ name: 'claims' });
  const user = Object.keys(PROFILE).filter((name) => name.startsWith('user_'));
  const profile = Object.keys(PROFILE).filter((name) => !name.startsWith('user_'));
  const all = (await run(rp, account)).info;
  for (const [name, value] of Object.entries(PROFILE)) assert.equal(all[name], value, name);
  assert.equal(all.email, account.id);
  assert.equal(all.user_email, account.id, 'deprecated, but there');
  const by = {
    openid: [],
    'openid profile': [...profile, 'account_type'],
    'openid user': user,
    'openid email': ['email', 'user_email'],
  };
  for (const [scope, names] of Object.entries(by)) {
    const { info } = await run(rp, account, { scope });
    assert.deepEqual(Object.keys(info).sort(), ['sub', ...names].sort(), scope);
    assert.equal(info.sub, account.sub);
  }
});

test('ES256, client_secret_post, public client, no PKCE', async () => {
  const es256 = { ...demoRp('TASUKI_ES256', env.TASUKI_ES256_REDIRECT_URI), alg: 'ES256' };
  const { given } = await run(es256, prime);
  assert.equal(jose.decodeProtectedHeader(given.id_token).alg, 'ES256');
  await run(await addClient({ name: 'post', auth: 'post' }), prime);
  await run(await addClient({ name: 'std', profile: 'standard', alg: 'ES256' }), prime);
  await run(demoRp('TASUKI'), prime, { pkce: false });
  const open = {
    clientId: env.TASUKI_PUBLIC_CLIENT_ID,
    auth: 'none',
    redirectUri: env.TASUKI_PUBLIC_REDIRECT_URI?.replace('127.0.0.1', '127.0.0.1:5544') ?? 'http://127.0.0.1:5544/callback',
  };
  await run(open, prime, { scope: 'openid' });
});

test('refresh tokens are rotated, and asked for by offline_access', async () => {
  const rp = await addClient({ name: 'offline' });
  const { given: online } = await run(rp, prime);
  assert.equal(online.refresh_token, undefined, 'none without offline_access');
  const { config, given, claims } = await run(rp, prime, { scope: 'openid email offline_access' });
  let current = given;
  for (let i = 0; i < 4; i++) {
    const next = await client.refreshTokenGrant(config, current.refresh_token);
    note(next.refresh_token);
    note(next.access_token);
    assert.notEqual(next.refresh_token, current.refresh_token, 'rotated');
    assert.equal(next.claims().sub, claims.sub);
    assert.equal(next.claims().auth_time, claims.auth_time, 'OpenID Connect Core §12.2');
    assert.equal((await client.fetchUserInfo(config, next.access_token, claims.sub)).email, prime.id);
    current = next;
  }
  await assert.rejects(client.refreshTokenGrant(config, given.refresh_token), (error) => error.error === 'invalid_grant');
  await assert.rejects(client.refreshTokenGrant(config, current.refresh_token), (error) => error.error === 'invalid_grant', 'the family is over');
});

test('one sign-in for several services', async () => {
  const first = await addClient({ name: 'sso1' });
  const second = await addClient({ name: 'sso2', alg: 'ES256' });
  const one = await run(first, prime);
  assert.deepEqual(one.pages, ['login']);
  const two = await run(second, prime, { browser: one.browser });
  assert.deepEqual(two.pages, [], 'no page at all');
  assert.equal(two.claims.sub, one.claims.sub);
  assert.equal(two.claims.sid, one.claims.sid);
  assert.equal(two.claims.auth_time, one.claims.auth_time);
});

test('consent: asked of services that are not of the government, once per scope', async () => {
  const rp = await addClient({ name: 'consent', government: false, label: '襷会計 <株>&"' });
  const browser = new Browser(balancer, { language: 'en' });
  const first = await run(rp, prime, { browser, scope: 'openid email' });
  assert.deepEqual(first.pages, ['login', 'consent']);
  assert.deepEqual((await run(rp, prime, { browser, scope: 'openid email' })).pages, [], 'remembered');
  assert.deepEqual((await run(rp, prime, { browser, scope: 'openid email user' })).pages, ['consent'], 'more is asked again');
  assert.deepEqual((await run(rp, prime, { scope: 'openid' })).pages, ['login'], 'of the account, not of the browser');
  const page = await browser.get(authorizePath(authorizeParams(rp, { prompt: 'consent' })));
  assert.ok(isConsentPage(page));
  assert.ok(page.body.includes('襷会計 &lt;株&gt;&amp;'), 'the name is shown, escaped');
  assert.ok(page.body.includes(new URL(rp.redirectUri).host), 'and where it leads');
  const denied = callback(await submitConsent(browser, page, 'deny'), rp);
  assert.equal(denied.error, 'access_denied');
  assert.equal(denied.iss, issuer);
  const demoConsent = demoRp('TASUKI_CONSENT', env.TASUKI_CONSENT_REDIRECT_URI);
  const asked = await browser.get(authorizePath(authorizeParams(demoConsent, { prompt: 'consent', scope: 'openid' })));
  assert.ok(isConsentPage(asked), 'a service of the demo that asks');
});

test('a kind of account that a service does not take', async () => {
  const rp = await addClient({ name: 'primes', account_types: ['prime'] });
  const browser = new Browser(balancer);
  const page = await browser.get(authorizePath(authorizeParams(rp)));
  const answer = await submitLogin(browser, page, { id: env.TASUKI_ENTRY_ACCOUNT, password });
  if (isLoginPage(answer)) assert.ok(!answer.location);
  else assert.equal(callback(answer, rp).error, 'access_denied');
});

test('sign-out ends session and tokens on every node', async () => {
  const rp = await addClient({ name: 'logout' });
  const { browser, access_token: access } = await tokens(balancer, rp, prime);
  const kept = browser.jar.clone();
  for (const target of targets()) {
    assert.equal(await sessionLives(target, kept, rp), true, target.name);
    assert.equal((await userinfo(target, access)).status, 200, target.name);
  }
  const done = await logout(browser);
  assert.equal(done.status, 200);
  for (const node of demo().nodes) await everywhere(node.id);
  for (const target of targets()) {
    assert.equal(await sessionLives(target, kept, rp), false, target.name);
    assert.equal((await userinfo(target, access)).status, 401, target.name);
    const page = await get(target, '/oauth/logout', { jar: kept.clone() });
    assert.ok(!page.body.includes('name="csrf"'), `${target.name}: nobody is signed in`);
  }
});

test('a wrong password says so, and the right one then signs in', async () => {
  const rp = await addClient({ name: 'wrong' });
  for (const language of ['ja', 'en']) {
    const browser = new Browser(balancer, { language });
    const page = await browser.get(authorizePath(authorizeParams(rp)));
    assert.match(page.body, new RegExp(`<html lang="${language}"`));
    const again = await submitLogin(browser, page, { id: prime.id, password: 'not the right one' });
    assert.ok(isLoginPage(again));
    assert.match(again.body, /role="alert"/);
    assert.ok(!again.body.includes('not the right one'), 'the password is not sent back');
    const result = callback(await submitLogin(browser, again, prime), rp);
    assert.ok(result.code);
  }
});

test('the nodes show one leader and one state', async () => {
  const all = await Promise.all(demo().nodes.map((node) => statusOf(node.id)));
  assert.equal(new Set(all.map((s) => s.leader_id)).size, 1);
  assert.equal(new Set(all.map((s) => s.cluster_id)).size, 1);
  const given = await signIn(demo().nodes[0], await addClient({ name: 'last' }), prime);
  assert.ok(given.code);
});
