// FAPI 2.0 Security Profile §5.3.2.2: metadata, pushed requests, the authorization endpoint.
import assert from 'node:assert/strict';
import { sleep } from '../../lib/demo.mjs';
import { isLoginPage, random } from '../../lib/flow.mjs';
import { answered, assertErrorPage } from '../lib/agent.mjs';
import { assertAuthorizeError, assertIdToken, assertJsonError, nowS } from '../lib/checks.mjs';
import { newAgent } from '../lib/code_flow.mjs';
import { assertHttps, fetchKeys, fetchMetadata } from '../lib/discovery.mjs';
import {
  assertPushed,
  assertRefused,
  assertTokens,
  authorize,
  authorizeUrl,
  client,
  codeOf,
  exchange,
  flow,
  push,
  request,
  WITH_ASSERTION,
} from '../lib/fapi.mjs';
import { fapiModule } from '../lib/fapi_module.mjs';
import { happyFlow } from '../lib/fapi_client.mjs';
import { assertCallbackError, INVALID, refusedRequest } from '../lib/pushed.mjs';

const ALGS = ['PS256', 'ES256', 'EdDSA', 'Ed25519'];
const NO_AUTH = ['invalid_client', 'invalid_request'];
const REQUEST_ERRORS = ['invalid_request', 'invalid_request_object', 'invalid_request_uri', 'access_denied'];

async function discovery(op, rp, t) {
  const metadata = await fetchMetadata({ op });
  const has = (name, values) => assert.ok(values.some((value) => metadata[name]?.includes(value)), `${name}: ${values}`);
  has('response_types_supported', ['code']);
  assert.equal(metadata.authorization_response_iss_parameter_supported, true);
  assertHttps(metadata.pushed_authorization_request_endpoint, 'pushed_authorization_request_endpoint');
  has('code_challenge_methods_supported', ['S256']);
  has('scopes_supported', ['openid']);
  has('id_token_signing_alg_values_supported', ALGS);
  if (rp.sender === 'dpop') has('dpop_signing_alg_values_supported', ALGS);
  else assert.equal(metadata.tls_client_certificate_bound_access_tokens, true);
  if (rp.method === 'mtls') has('token_endpoint_auth_methods_supported', ['tls_client_auth', 'self_signed_tls_client_auth']);
  else {
    has('token_endpoint_auth_methods_supported', ['private_key_jwt']);
    has('token_endpoint_auth_signing_alg_values_supported', ALGS);
  }
  if (t.variant.includes('mtls')) assertHttps(metadata.mtls_endpoint_aliases?.token_endpoint ?? metadata.token_endpoint, 'token_endpoint');
  for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) assertHttps(metadata[name], name);
  const { keys } = await fetchKeys({ op });
  assert.ok(keys.some((key) => ALGS.includes(key.alg) || key.kty === 'EC'), 'a key for such signatures');
}

async function userRejects(op, _rp, t) {
  for (const number of [0, 1]) {
    const rp = await client(t.variant, number, { name: 'asking', government: false });
    const result = await authorize(op, rp, { params: { state: random(96) }, consent: 'deny' });
    assert.deepEqual(result.pages, ['login', 'consent']);
    assertAuthorizeError(answered(result, rp.redirectUri), result.sent, op.issuer, 'access_denied');
  }
}

// `length` characters: 3/4 of them are bytes.
const text = (length) => random(length).slice(0, length);

// Processed and brought back whole, or refused: never cut.
async function longValue(op, rp, params) {
  const { verifier, sent } = request(rp, params);
  const answer = await push(op, rp, sent);
  if (answer.status !== 201) return assertJsonError(answer, 'invalid_request');
  const result = { ...(await (await newAgent(op)).visit(await authorizeUrl(op, rp, assertPushed(answer).uri))), rp, sent };
  if (!result.location) return assertErrorPage(result);
  if (new URL(result.location).searchParams.has('error')) return assertCallbackError(result, rp.redirectUri, sent, op.issuer, ['invalid_request']);
  const tokens = assertTokens(rp, await exchange(op, rp, codeOf(op, result), verifier));
  return assertIdToken(op, tokens.id_token, { rp, sent, accessToken: tokens.access_token });
}

// Outside of a pushed request, parameters count for nothing (RFC 9126 §4, RFC 9101 §6.3).
async function outside(op, rp, { params, extra, errors = ['invalid_request'] }) {
  const result = await authorize(op, rp, { params, extra });
  if (!result.location) return assertErrorPage(result);
  if (new URL(result.location).searchParams.has('error')) return assertCallbackError(result, rp.redirectUri, result.sent, op.issuer, errors);
  const tokens = assertTokens(rp, await exchange(op, rp, codeOf(op, result), result.verifier));
  return assertIdToken(op, tokens.id_token, { rp, sent: result.sent, accessToken: tokens.access_token });
}

const IDENTITY = ['name', 'family_name', 'given_name', 'email', 'email_verified'];

async function identityClaims(op, rp) {
  const { claims_parameter_supported: supported, claims_supported: claims } = await op.metadata();
  assert.equal(supported, true, 'claims_parameter_supported');
  const wanted = IDENTITY.filter((name) => claims.includes(name));
  assert.ok(wanted.length > 0, 'claims_supported');
  const inToken = Object.fromEntries(wanted.slice(0, 1).map((name) => [name, null]));
  const inInfo = Object.fromEntries(wanted.slice(1).map((name) => [name, { essential: true }]));
  const got = await flow(op, rp, { params: { claims: JSON.stringify({ id_token: inToken, userinfo: inInfo }) } });
  for (const name of Object.keys(inToken)) assert.ok(got.claims[name] !== undefined, `${name} in the ID token`);
  for (const name of Object.keys(inInfo)) assert.ok(got.info[name] !== undefined, `${name} at the userinfo endpoint`);
  for (const name of Object.keys(inInfo)) assert.equal(got.claims[name], undefined, `${name} was asked of userinfo`);
}

async function withoutPar(op, rp) {
  const { sent } = request(rp);
  const url = new URL(await op.endpoint('authorization_endpoint'));
  for (const [name, value] of Object.entries(sent)) url.searchParams.set(name, value);
  const result = await (await newAgent(op)).visit(url);
  if (!result.location) return assertErrorPage(result);
  return assertCallbackError(result, rp.redirectUri, sent, op.issuer, ['invalid_request']);
}

const unregistered = (op, rp) => refusedRequest(op, rp, { params: { redirect_uri: `https://rp.example.test/cb/${random(12)}` } });

const responseType = (type) => (op, rp) =>
  refusedRequest(op, rp, {
    params: { response_type: type },
    atPar: ['unsupported_response_type', 'invalid_request', 'unauthorized_client'],
    atClient: ['unsupported_response_type', 'invalid_request'],
  });

// Looked at twice, used once (FAPI 2.0 §5.3.2.2, note on reloads).
async function twiceBeforeLogin(op, rp) {
  const { verifier, sent } = request(rp);
  const { uri } = assertPushed(await push(op, rp, sent));
  const agent = await newAgent(op);
  const url = await authorizeUrl(op, rp, uri);
  const first = await agent.open(url);
  assert.ok(isLoginPage(first.answer), 'the sign-in page at the first visit');
  const result = { ...(await agent.visit(url)), sent, rp };
  assertTokens(rp, await exchange(op, rp, codeOf(op, result), verifier));
}

async function assertUriRefused(op, rp, agent, uri, { sent = {}, errors = ['invalid_request_uri'] } = {}) {
  const result = await agent.visit(await authorizeUrl(op, rp, uri));
  if (!result.location) return assertErrorPage(result);
  return assertCallbackError(result, rp.redirectUri, sent, op.issuer, errors);
}

async function reusedUri(op, rp) {
  const result = await flow(op, rp);
  for (const agent of [result.agent, await newAgent(op)]) await assertUriRefused(op, rp, agent, result.pushed.uri, result);
}

async function expiredUri(op, rp) {
  const { sent } = request(rp);
  const { uri, seconds } = assertPushed(await push(op, rp, sent));
  await sleep((seconds + 1) * 1000);
  await assertUriRefused(op, rp, await newAgent(op), uri, { sent });
}

async function otherClientsUri(op, rp, t) {
  const other = await client(t.variant, 1);
  const { sent } = request(rp);
  const { uri } = assertPushed(await push(op, rp, sent));
  await assertUriRefused(op, other, await newAgent(op), uri, { sent, errors: [...INVALID, 'invalid_request_uri'] });
}

async function requestUriPushed(op, rp) {
  const { sent } = request(rp);
  const answer = await push(op, rp, sent, { form: { request_uri: `urn:ietf:params:oauth:request_uri:${random(24)}` } });
  assertJsonError(answer, [...INVALID, 'request_uri_not_supported']);
}

async function wrongMethod(op, rp) {
  const { sent } = request(rp);
  const answer = await push(op, rp, sent, { method: 'PUT' });
  assert.ok(answer.status >= 400 && answer.status < 500, `status ${answer.status}`);
}

// What the assertion at the PAR endpoint may and may not say (FAPI 2.0 §5.3.2.1).
const parAssertion = (claims) => async (op, rp) => {
  const { sent } = request(rp);
  assertRefused(await push(op, rp, sent, { assertion: { claims: await claims(op) } }), NO_AUTH);
};

const ahead = (seconds) => ({ iat: nowS() + seconds, nbf: nowS() + seconds, exp: nowS() + seconds + 60 });

export const modules = [
  fapiModule('discovery-end-point-verification', discovery),
  fapiModule('happy-flow', happyFlow),
  fapiModule('user-rejects-authentication', userRejects),
  fapiModule('ensure-authorization-request-without-state-success', async (op, rp) => {
    const result = await flow(op, rp, { params: { state: undefined } });
    assert.equal(new URL(result.location).searchParams.has('state'), false);
  }),
  fapiModule('ensure-authorization-request-without-nonce-success', async (op, rp) => {
    assert.equal((await flow(op, rp, { params: { nonce: undefined } })).claims.nonce, undefined);
  }),
  fapiModule('ensure-authorization-request-with-64-char-nonce-success', (op, rp) => flow(op, rp, { params: { nonce: text(64) } })),
  fapiModule('ensure-other-scope-order-succeeds', async (op, rp) => {
    assert.ok((await flow(op, rp, { params: { scope: 'email openid' } })).info.email);
  }),
  fapiModule('test-claims-parameter-identity-claims', identityClaims),
  fapiModule('ensure-different-nonce-inside-and-outside-request-object', (op, rp) => outside(op, rp, { extra: { nonce: random(16) } })),
  fapiModule('ensure-different-state-inside-and-outside-request-object', (op, rp) => outside(op, rp, { extra: { state: random(16) } })),
  fapiModule('ensure-authorization-request-with-long-nonce', (op, rp) => longValue(op, rp, { nonce: text(384) })),
  fapiModule('ensure-authorization-request-with-long-state', (op, rp) => longValue(op, rp, { state: text(1000) })),
  fapiModule('state-only-outside-request-object-not-used', (op, rp) =>
    outside(op, rp, { params: { state: undefined }, extra: { state: random(16) }, errors: REQUEST_ERRORS }),
  ),
  fapiModule('ensure-request-object-without-redirect-uri-fails', (op, rp) => refusedRequest(op, rp, { params: { redirect_uri: undefined } })),
  fapiModule('ensure-registered-redirect-uri', unregistered),
  fapiModule('plain-fapi-tolerate-unregistered-redirect-uri', unregistered),
  fapiModule('ensure-unsigned-authorization-request-without-using-par-fails', withoutPar),
  fapiModule('ensure-redirect-uri-in-authorization-request', (op, rp) => refusedRequest(op, rp, { params: { redirect_uri: undefined } })),
  fapiModule('ensure-response-type-code-idtoken-fails', responseType('code id_token')),
  fapiModule('ensure-response-type-token-fails', responseType('token')),
  fapiModule('par-ensure-reused-request-uri-prior-to-auth-completion-succeeds', twiceBeforeLogin),
  fapiModule('par-attempt-reuse-request_uri', reusedUri),
  fapiModule('par-attempt-to-use-expired-request_uri', expiredUri, { slow: true }),
  fapiModule(
    'par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted',
    (op, rp) => flow(op, rp, { par: { assertion: { claims: ahead(8) } } }),
    { variants: WITH_ASSERTION },
  ),
  fapiModule('par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails', parAssertion(() => ahead(75)), { variants: WITH_ASSERTION }),
  fapiModule('par-attempt-to-use-request_uri-for-different-client', otherClientsUri),
  fapiModule('par-authorization-request-containing-request_uri-form-param', requestUriPushed),
  fapiModule('par-attempt-invalid-http-method', wrongMethod),
  fapiModule('par-ensure-pkce-required', (op, rp) => refusedRequest(op, rp, { params: { code_challenge: undefined, code_challenge_method: undefined } })),
  fapiModule('par-plain-pkce-rejected', (op, rp) => refusedRequest(op, rp, { params: { code_challenge: random(32), code_challenge_method: 'plain' } })),
  fapiModule('par-without-duplicate-parameters', (op, rp) => flow(op, rp)),
  fapiModule('par-test-array-as-audience-fails', parAssertion((op) => ({ aud: [op.issuer, 'https://other1.example.test'] })), { variants: WITH_ASSERTION }),
  fapiModule(
    'par-test-par-endpoint-url-as-audience-fails',
    parAssertion(async (op) => ({ aud: await op.endpoint('pushed_authorization_request_endpoint') })),
    { variants: WITH_ASSERTION },
  ),
  fapiModule('par-test-token-endpoint-url-as-audience-fails', parAssertion(async (op) => ({ aud: await op.endpoint('token_endpoint') })), { variants: WITH_ASSERTION }),
];
