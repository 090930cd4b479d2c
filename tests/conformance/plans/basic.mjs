// OpenID Connect Core: the basic profile of a provider (response type `code`).
import assert from 'node:assert/strict';
import { demo, sleep } from '../../lib/demo.mjs';
import { everywhere } from '../../lib/admin.mjs';
import { random } from '../../lib/flow.mjs';
import { assertErrorPage, answered } from '../lib/agent.mjs';
import {
  assertAuthorizeError,
  assertJsonError,
  assertRandom,
  headerOf,
  NEEDS_PERSON,
  nowS,
} from '../lib/checks.mjs';
import { account, addClient, once, second, standard } from '../lib/clients.mjs';
import { authorize, codeFlow, exchange, newAgent, redeem, request, userinfo } from '../lib/code_flow.mjs';
import { skip } from '../lib/outcome.mjs';
import { byReference, byValue, unsigned } from '../lib/request_object.mjs';
import { refreshBehaviour } from '../lib/refresh.mjs';

const SCOPE_CLAIMS = {
  profile: ['name', 'family_name', 'given_name', 'preferred_username', 'updated_at'],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
};

const everything = () =>
  once('all-scopes', () => addClient({ scopes: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'] }));

// Every claim of the scope that the account can have, at the userinfo endpoint.
async function scopes(t, names) {
  const { scopes_supported: supported } = await t.op.metadata();
  for (const name of names) assert.ok(supported.includes(name), `scopes_supported lacks ${name}`);
  const flow = await codeFlow(t.op, { rp: await everything(), params: { scope: ['openid', ...names].join(' ') } });
  for (const name of names)
    for (const claim of SCOPE_CLAIMS[name]) assert.notEqual(flow.info[claim], undefined, `${name}: ${claim}`);
  for (const [name, claims] of Object.entries(SCOPE_CLAIMS))
    if (!names.includes(name)) for (const claim of claims) assert.equal(flow.info[claim], undefined, `${claim} was not asked for`);
  return flow;
}

// A parameter that must do no harm.
const succeedsWith = (params) => async (t) => codeFlow(t.op, { params: typeof params === 'function' ? await params(t) : params });

// Signed in once, and again with `params`: without a page, as the same person at the same time.
async function twice(t, first, second, change = () => ({})) {
  const agent = await newAgent(t.op);
  const one = await codeFlow(t.op, { agent, params: first });
  assert.ok(one.pages.includes('login'));
  const two = await codeFlow(t.op, { agent, params: { ...second, ...change(one) } });
  assert.deepEqual(two.pages, [], 'nothing is asked');
  assert.equal(two.claims.sub, one.claims.sub, 'sub');
  assert.equal(two.claims.auth_time, one.claims.auth_time, 'auth_time');
  return [one, two];
}

// Signed in once, and after a while asked to sign in again.
async function again(t, params, waitMs) {
  const agent = await newAgent(t.op);
  const one = await codeFlow(t.op, { agent });
  await sleep(waitMs);
  const two = await codeFlow(t.op, { agent, params });
  assert.deepEqual(two.pages, ['login'], 'the person signs in a second time');
  if (params.max_age) assert.ok(Number.isInteger(two.claims.auth_time), 'auth_time (OIDC Core §2)');
  if (one.claims.auth_time !== undefined) assert.ok(two.claims.auth_time > one.claims.auth_time, 'auth_time is later');
  if (two.claims.auth_time !== undefined) assert.ok(nowS() - two.claims.auth_time < 60, 'auth_time is recent');
  assert.equal(two.claims.sub, one.claims.sub);
  return two;
}

async function reuseCode(t, waitMs) {
  const flow = await codeFlow(t.op);
  await sleep(waitMs);
  assertJsonError(await redeem(t.op, flow.rp, flow.callback.code), 'invalid_grant');
  // The next node is asked: what one has applied reaches the others a moment later.
  for (const node of demo().nodes) await everywhere(node.id);
  const url = await t.op.endpoint('userinfo_endpoint');
  const answer = await t.op.call('GET', url, { headers: { authorization: `Bearer ${flow.given.access_token}` } });
  assert.equal(answer.status, 401, 'the tokens of the code are revoked (RFC 6749 §4.1.2)');
}

async function userinfoBy(t, call) {
  const flow = await codeFlow(t.op, { params: { scope: 'openid profile email' } });
  const answer = await call(await t.op.endpoint('userinfo_endpoint'), flow.given.access_token);
  assert.equal(answer.status, 200, answer.body);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.deepEqual(answer.json, flow.info);
}

async function server(t) {
  const flow = await codeFlow(t.op);
  assertRandom(flow.callback.code, 'code');
  assertRandom(flow.given.access_token, 'access token');
  assert.equal(flow.claims.name, undefined, 'no claims that were not asked for in the ID token (OIDC Core §5.4)');
  const other = await codeFlow(t.op, { rp: await second() });
  assert.notEqual(other.claims.aud, flow.claims.aud);
  // A code is of one client alone (RFC 6749 §4.1.3).
  const result = await authorize(t.op, flow.rp);
  const { code } = answered(result, flow.rp.redirectUri);
  assertJsonError(await redeem(t.op, { ...other.rp, redirectUri: flow.rp.redirectUri }, code), 'invalid_grant');
}

async function idTokenUnsigned(t) {
  const { id_token_signing_alg_values_supported: algs } = await t.op.metadata();
  assert.ok(!algs.includes('none'), 'none is not offered');
  const refused = await addClient({ alg: 'none' }).catch((error) => error);
  assert.ok(refused instanceof Error, 'a client that wants unsigned ID tokens is not registered');
  skip('the provider does not offer unsigned ID tokens');
}

async function responseTypeMissing(t) {
  const rp = await standard();
  const result = await authorize(t.op, rp, { params: { response_type: undefined } });
  if (!result.location) assertErrorPage(result);
  else assertAuthorizeError(answered(result, rp.redirectUri), result.sent, t.op.issuer, ['invalid_request', 'unsupported_response_type']);
}

async function promptNoneNotLoggedIn(t) {
  const rp = await standard();
  const result = await authorize(t.op, rp, { params: { prompt: 'none', state: random(96) } });
  assert.deepEqual(result.pages, []);
  assertAuthorizeError(answered(result, rp.redirectUri), result.sent, t.op.issuer, NEEDS_PERSON);
}

async function acrValues(t) {
  const { acr_values_supported: values = [] } = await t.op.metadata();
  const flow = await codeFlow(t.op, { params: { acr_values: values.join(' ') || '1 2' } });
  if (values.length > 0) assert.ok(values.includes(flow.claims.acr), `acr ${flow.claims.acr}`);
}

async function loginHint(t) {
  const { id } = await account();
  let shown;
  const onPage = (name, page) => name === 'login' && (shown = page.body);
  await codeFlow(t.op, { params: { login_hint: id }, onPage });
  assert.ok(shown.includes(id), 'the sign-in page has the hint filled in');
}

async function registeredRedirectUri(t) {
  const rp = await standard();
  assertErrorPage(await authorize(t.op, rp, { params: { redirect_uri: `${rp.redirectUri}/${random(12)}` } }));
}

async function postRequest(t) {
  const rp = await standard();
  const agent = await newAgent(t.op);
  const sent = request(rp);
  const result = await agent.visit(await t.op.endpoint('authorization_endpoint'), { form: sent });
  await exchange(t.op, rp, { ...result, sent });
}

const secretPost = async (t) => codeFlow(t.op, { rp: await once('post', () => addClient({ auth: 'post' })) });

async function claimsEssential(t) {
  const { claims_parameter_supported: supported } = await t.op.metadata();
  assert.equal(supported, true, 'claims_parameter_supported');
  const flow = await codeFlow(t.op, { params: { claims: JSON.stringify({ userinfo: { name: { essential: true } } }) } });
  assert.ok(flow.info.name, 'name at the userinfo endpoint');
  assert.equal(flow.claims.name, undefined, 'and not in the ID token');
}

// A request object that is not signed: processed, or refused as the profile says.
async function unsignedRequest(t, place, refusal) {
  const { request_object_signing_alg_values_supported: algs = ['none'] } = await t.op.metadata();
  const rp = await standard();
  const sent = request(rp);
  const params = await place(unsigned(sent), sent);
  const agent = await newAgent(t.op);
  const url = new URL(await t.op.endpoint('authorization_endpoint'));
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const result = await agent.visit(url);
  if (result.location && !new URL(result.location).searchParams.get('error')) {
    assert.ok(algs.includes('none'), 'processed, though not offered');
    return exchange(t.op, rp, { ...result, sent });
  }
  if (result.location) assert.ok(refusal.includes(answered(result, rp.redirectUri).error), result.location);
  else assertErrorPage(result);
  return skip('refused: the provider does not take unsigned request objects');
}

async function requestObjectWithRedirectUri(t) {
  const rp = await standard();
  const sent = request(rp);
  const url = new URL(await t.op.endpoint('authorization_endpoint'));
  for (const [name, value] of Object.entries(byValue(unsigned(sent), sent))) url.searchParams.set(name, value);
  url.searchParams.set('redirect_uri', `${rp.redirectUri}/${random(12)}`);
  const agent = await newAgent(t.op);
  const result = await agent.visit(url);
  if (!result.location) return assertErrorPage(result);
  // Only the inner address may have been used; then all of the object was.
  return exchange(t.op, rp, { ...result, sent });
}

async function refreshToken(t) {
  await refreshBehaviour(t, await standard(), await second());
}

async function validPkce(t) {
  const { createHash } = await import('node:crypto');
  const verifier = random(32);
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  await codeFlow(t.op, { verifier, params: { code_challenge: challenge, code_challenge_method: 'S256' } });
}

async function alternateHappyFlow(t) {
  const rp = await everything();
  const sent = Object.fromEntries(Object.entries(request(rp, { scope: 'email openid' })).reverse());
  const agent = await newAgent(t.op);
  const url = new URL(await t.op.endpoint('authorization_endpoint'));
  for (const [name, value] of Object.entries(sent)) url.searchParams.append(name, value);
  const flow = await exchange(t.op, rp, { ...(await agent.visit(url)), sent });
  assert.ok((await userinfo(t.op, flow)).email);
}

async function withoutNonce(t) {
  const flow = await codeFlow(t.op, { params: { nonce: undefined } });
  assert.equal(flow.claims.nonce, undefined);
}

export const modules = [
  { name: 'oidcc-server', run: server },
  { name: 'oidcc-response-type-missing', run: responseTypeMissing },
  {
    name: 'oidcc-idtoken-signature',
    run: async (t) => assert.equal(headerOf((await codeFlow(t.op)).given.id_token).alg, 'RS256'),
  },
  { name: 'oidcc-idtoken-unsigned', run: idTokenUnsigned },
  {
    name: 'oidcc-userinfo-get',
    run: (t) => userinfoBy(t, (url, token) => t.op.call('GET', url, { headers: { authorization: `Bearer ${token}` } })),
  },
  {
    name: 'oidcc-userinfo-post-header',
    run: (t) => userinfoBy(t, (url, token) => t.op.call('POST', url, { headers: { authorization: `Bearer ${token}` }, body: '' })),
  },
  {
    name: 'oidcc-userinfo-post-body',
    run: (t) => userinfoBy(t, (url, token) => t.op.call('POST', url, { form: { access_token: token } })),
  },
  { name: 'oidcc-ensure-request-without-nonce-succeeds-for-code-flow', run: withoutNonce },
  { name: 'oidcc-scope-profile', run: (t) => scopes(t, ['profile']) },
  { name: 'oidcc-scope-email', run: (t) => scopes(t, ['email']) },
  { name: 'oidcc-scope-address', run: (t) => scopes(t, ['address']) },
  { name: 'oidcc-scope-phone', run: (t) => scopes(t, ['phone']) },
  { name: 'oidcc-scope-all', run: (t) => scopes(t, ['profile', 'email', 'address', 'phone']) },
  { name: 'oidcc-alternate-happy-flow', run: alternateHappyFlow },
  { name: 'oidcc-display-page', run: succeedsWith({ display: 'page' }) },
  { name: 'oidcc-display-popup', run: succeedsWith({ display: 'popup' }) },
  { name: 'oidcc-prompt-login', run: (t) => again(t, { prompt: 'login' }, 1100) },
  { name: 'oidcc-prompt-none-not-logged-in', run: promptNoneNotLoggedIn },
  { name: 'oidcc-prompt-none-logged-in', run: (t) => twice(t, {}, { prompt: 'none' }) },
  { name: 'oidcc-max-age-1', run: (t) => again(t, { max_age: '1' }, 2100) },
  {
    name: 'oidcc-max-age-10000',
    run: async (t) => {
      const flows = await twice(t, { max_age: '15000' }, { max_age: '10000' });
      for (const { claims } of flows) assert.ok(Number.isInteger(claims.auth_time), 'auth_time (OIDC Core §2)');
    },
  },
  { name: 'oidcc-ensure-request-with-unknown-parameter-succeeds', run: succeedsWith({ extra: 'foobar' }) },
  { name: 'oidcc-id-token-hint', run: (t) => twice(t, {}, { prompt: 'none' }, (one) => ({ id_token_hint: one.given.id_token })) },
  { name: 'oidcc-login-hint', run: loginHint },
  { name: 'oidcc-ui-locales', run: succeedsWith({ ui_locales: 'se' }) },
  { name: 'oidcc-claims-locales', run: succeedsWith({ claims_locales: 'se' }) },
  { name: 'oidcc-ensure-request-with-acr-values-succeeds', run: acrValues },
  { name: 'oidcc-codereuse', run: (t) => reuseCode(t, 0) },
  { name: 'oidcc-codereuse-30seconds', slow: true, run: (t) => reuseCode(t, 30000) },
  { name: 'oidcc-ensure-registered-redirect-uri', run: registeredRedirectUri },
  { name: 'oidcc-ensure-post-request-succeeds', run: postRequest },
  { name: 'oidcc-server-client-secret-post', run: secretPost },
  {
    name: 'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported',
    run: (t) => unsignedRequest(t, byReference, ['request_uri_not_supported']),
  },
  {
    name: 'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported',
    run: (t) => unsignedRequest(t, byValue, ['request_not_supported', 'invalid_request_object']),
  },
  { name: 'oidcc-claims-essential', run: claimsEssential },
  { name: 'oidcc-ensure-request-object-with-redirect-uri', run: requestObjectWithRedirectUri },
  { name: 'oidcc-refresh-token', run: refreshToken },
  { name: 'oidcc-ensure-request-with-valid-pkce-succeeds', run: validPkce },
];
