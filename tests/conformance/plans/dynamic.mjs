// OpenID Connect Dynamic Registration, with an initial access token. What needs the
// provider to call addresses that a client names is tested where the provider says that
// it does, and its refusal is tested where it says that it does not.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as openid from 'openid-client';
import { demo, run, sleep } from '../../lib/demo.mjs';
import { isLoginPage, random } from '../../lib/flow.mjs';
import { unescape } from '../../lib/html.mjs';
import { answered, assertErrorPage } from '../lib/agent.mjs';
import { assertJwks, headerOf, nowS } from '../lib/checks.mjs';
import { REDIRECT } from '../lib/clients.mjs';
import { authorize, authorizeUrl, codeFlow, configuration, exchange, newAgent, request } from '../lib/code_flow.mjs';
import { assertHttps, discoveryVerification } from '../lib/discovery.mjs';
import { newKey } from '../lib/keys.mjs';
import { skip } from '../lib/outcome.mjs';
import { refreshBehaviour } from '../lib/refresh.mjs';
import { refuseRegistration, register, submit, usualMetadata } from '../lib/registration.mjs';
import { byValue, signed, unsigned } from '../lib/request_object.mjs';
import { RpServer } from '../lib/rp_server.mjs';

const METADATA = 'invalid_client_metadata';
const JWKS_DELAY_MS = 60000;

async function idTokenRs256(t) {
  const rp = await register(t.op, { id_token_signed_response_alg: 'RS256' });
  assert.equal(headerOf((await codeFlow(t.op, { rp })).given.id_token).alg, 'RS256');
}

async function idTokenUnsigned(t) {
  const { id_token_signing_alg_values_supported: algs } = await t.op.metadata();
  assert.ok(!algs.includes('none'));
  await refuseRegistration(t.op, { id_token_signed_response_alg: 'none' }, METADATA);
  skip('the provider does not offer unsigned ID tokens, and refuses to register for them');
}

async function userinfoRs256(t) {
  const { userinfo_signing_alg_values_supported: algs = [] } = await t.op.metadata();
  assert.ok(algs.includes('RS256'), 'userinfo_signing_alg_values_supported');
  const rp = await register(t.op, { userinfo_signed_response_alg: 'RS256' });
  const result = await exchange(t.op, rp, await authorize(t.op, rp));
  const url = await t.op.endpoint('userinfo_endpoint');
  const answer = await t.op.call('GET', url, { headers: { authorization: `Bearer ${result.given.access_token}` } });
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^application\/jwt/);
  const { payload } = await t.op.verify(answer.body, { audience: rp.clientId, alg: 'RS256' });
  assert.equal(payload.sub, result.claims.sub);
  assert.equal(payload.nonce, undefined);
}

async function redirectUriMissing(t) {
  const rp = await register(t.op, { redirect_uris: [REDIRECT, `${REDIRECT}2`] });
  assertErrorPage(await authorize(t.op, rp, { params: { redirect_uri: undefined } }));
}

// Registered, and asked for.
const redirectUri = (registered, asked) => async (t) => {
  const rp = await register(t.op, { redirect_uris: [registered] });
  if (registered === asked) return codeFlow(t.op, { rp });
  return assertErrorPage(await authorize(t.op, rp, { params: { redirect_uri: asked } }));
};

async function discovery(t) {
  await discoveryVerification(t);
  assertHttps(await t.op.endpoint('registration_endpoint'), 'registration_endpoint');
}

async function server(t) {
  const flow = await codeFlow(t.op, { rp: await register(t.op) });
  const other = await codeFlow(t.op, { rp: await register(t.op) });
  assert.notEqual(flow.rp.clientId, other.rp.clientId);
}

// The sign-in page shows it, or leads there.
const shown = (name) => async (t) => {
  const uri = `https://rp.example.test/${name}`;
  const rp = await register(t.op, { [name]: uri });
  const { answer } = await (await newAgent(t.op)).open(await authorizeUrl(t.op, request(rp)));
  assert.ok(isLoginPage(answer));
  assert.ok(unescape(answer.body).includes(uri), `the sign-in page has ${name}`);
};

// Addresses that the provider would have to call. Undefined: it takes none.
async function takes(t, changes) {
  const { metadata, keys } = await usualMetadata(changes);
  const answer = await submit(t.op, metadata);
  if (answer.status === 201) return keys;
  assert.equal(answer.status, 400, answer.body);
  assert.equal(answer.json.error, METADATA);
  return undefined;
}

async function withJwksUri(changes = {}) {
  const keys = await newKey('RS256');
  const current = { keys };
  const jwks = () => ({ status: 200, type: 'application/json', body: JSON.stringify({ keys: [current.keys.jwk] }) });
  const rpServer = await RpServer.open({ '/jwks': jwks });
  return { current, metadata: { jwks: undefined, jwks_uri: `${rpServer.base}/jwks`, ...changes } };
}

async function jwksUri(t) {
  const { current, metadata } = await withJwksUri();
  if (!(await takes(t, metadata))) skip('the provider takes keys by value alone, and refuses jwks_uri');
  const rp = { ...(await register(t.op, metadata)), keys: current.keys };
  await codeFlow(t.op, { rp });
}

const REFRESH = { grant_types: ['authorization_code', 'refresh_token'] };

async function rotateClientKeys(t) {
  const { current, metadata } = await withJwksUri(REFRESH);
  if (!(await takes(t, metadata))) skip('the provider takes keys by value alone, and refuses jwks_uri');
  const rp = { ...(await register(t.op, metadata)), keys: current.keys };
  const flow = await codeFlow(t.op, { rp, params: { scope: 'openid offline_access', prompt: 'consent' } });
  current.keys = await newKey('RS256');
  await sleep(JWKS_DELAY_MS);
  const config = await configuration(t.op, { ...rp, keys: current.keys });
  assert.ok((await openid.refreshTokenGrant(config, flow.given.refresh_token)).access_token);
}

async function needsPairwise(t) {
  await t.op.endpoint('registration_endpoint');
  const { subject_types_supported: types } = await t.op.metadata();
  if (!types.includes('pairwise')) skip('subject_types_supported has no pairwise');
}

const sector = (uris) => async () => {
  const rpServer = await RpServer.open({ '/sector.json': () => ({ status: 200, type: 'application/json', body: JSON.stringify(uris) }) });
  return { subject_type: 'pairwise', sector_identifier_uri: `${rpServer.base}/sector.json` };
};

async function sectorUri(t) {
  await needsPairwise(t);
  const changes = await sector([REDIRECT])();
  if (!(await takes(t, changes))) skip('the provider does not call sector_identifier_uri, and refuses it');
  assert.equal((await register(t.op, changes)).registered.subject_type, 'pairwise');
}

async function sectorBad(t) {
  await needsPairwise(t);
  await refuseRegistration(t.op, await sector(['https://other.example.test/cb'])(), METADATA);
}

async function rotateServerKeys(t) {
  const before = (await t.op.jwks()).keys.map((key) => key.kid);
  const { binDir, file } = demo();
  const result = await run(join(binDir, 'tasuki'), ['key', 'rotate', 'RS256', '--env', file]);
  assert.equal(result.code, 0, result.stderr);
  let after;
  for (let i = 0; i < demo().nodes.length; i++) {
    after = await t.op.jwks();
    assertJwks(after);
  }
  const kids = after.keys.map((key) => key.kid);
  assert.ok(kids.some((kid) => !before.includes(kid)), 'a new key');
  for (const kid of before) assert.ok(kids.includes(kid), `the old key ${kid} is still there`);
}

async function refusedByReference(t, rp) {
  const result = await authorize(t.op, rp, { params: { request_uri: 'https://rp.example.test/request.jwt' } });
  if (!result.location) return assertErrorPage(result);
  return assert.equal(answered(result, rp.redirectUri).error, 'request_uri_not_supported');
}

async function requestUri(t, alg) {
  const { request_uri_parameter_supported: supported, request_object_signing_alg_values_supported: algs = [] } = await t.op.metadata();
  const object = {};
  const rpServer = await RpServer.open({ '/request.jwt': () => ({ status: 200, type: 'application/oauth-authz-req+jwt', body: object.jwt }) });
  const uri = `${rpServer.base}/request.jwt`;
  if (supported === false) {
    await refusedByReference(t, await register(t.op));
    skip('request_uri_parameter_supported is false, and request_uri is refused');
  }
  if (!algs.includes(alg)) skip(`request_object_signing_alg_values_supported has no ${alg}`);
  const rp = await register(t.op, { request_uris: [uri], request_object_signing_alg: alg });
  const sent = request(rp);
  const claims = { ...sent, iss: rp.clientId, aud: t.op.issuer, exp: nowS() + 300 };
  object.jwt = alg === 'none' ? unsigned(sent) : await signed(claims, rp.keys);
  const url = await authorizeUrl(t.op, { ...byValue(undefined, sent), request_uri: uri });
  url.searchParams.delete('request');
  await exchange(t.op, rp, { ...(await (await newAgent(t.op)).visit(url)), sent });
}

async function requestObjectRedirect(t) {
  const rp = await register(t.op);
  const sent = request(rp);
  const url = await authorizeUrl(t.op, { ...byValue(unsigned(sent), sent), redirect_uri: `${rp.redirectUri}_invalid` });
  const result = await (await newAgent(t.op)).visit(url);
  if (!result.location) return assertErrorPage(result);
  return exchange(t.op, rp, { ...result, sent });
}

async function refreshToken(t) {
  await refreshBehaviour(t, await register(t.op, REFRESH), await register(t.op, { ...REFRESH, redirect_uris: [`https://rp${random(6).toLowerCase().replace(/[^a-z0-9]/g, '0')}.example.test/cb`] }));
}

const NAMES = { logo_uri: 'oidcc-registration-logo-uri', policy_uri: 'oidcc-registration-policy-uri', tos_uri: 'oidcc-registration-tos-uri' };

export const modules = [
  { name: 'oidcc-idtoken-rs256', run: idTokenRs256 },
  { name: 'oidcc-idtoken-unsigned', run: idTokenUnsigned },
  { name: 'oidcc-userinfo-rs256', run: userinfoRs256 },
  { name: 'oidcc-ensure-redirect-uri-in-authorization-request', run: redirectUriMissing },
  { name: 'oidcc-redirect-uri-query-OK', run: redirectUri(`${REDIRECT}?foo=bar`, `${REDIRECT}?foo=bar`) },
  { name: 'oidcc-redirect-uri-query-mismatch', run: redirectUri(`${REDIRECT}?foo=bar`, `${REDIRECT}?bar=foo`) },
  { name: 'oidcc-redirect-uri-query-added', run: redirectUri(REDIRECT, `${REDIRECT}?foo=bar`) },
  {
    name: 'oidcc-redirect-uri-regfrag',
    run: (t) => refuseRegistration(t.op, { redirect_uris: [`${REDIRECT}#fragment`] }, ['invalid_redirect_uri', METADATA]),
  },
  { name: 'oidcc-discovery-endpoint-verification', run: discovery },
  { name: 'oidcc-server', run: server },
  ...Object.entries(NAMES).map(([member, name]) => ({ name, run: shown(member) })),
  { name: 'oidcc-registration-jwks-uri', run: jwksUri },
  { name: 'oidcc-registration-sector-uri', run: sectorUri },
  { name: 'oidcc-registration-sector-bad', run: sectorBad },
  { name: 'oidcc-server-rotate-keys', run: rotateServerKeys },
  { name: 'oidcc-refresh-token-rp-key-rotation', slow: true, run: rotateClientKeys },
  { name: 'oidcc-request-uri-unsigned', run: (t) => requestUri(t, 'none') },
  { name: 'oidcc-request-uri-signed-rs256', run: (t) => requestUri(t, 'RS256') },
  { name: 'oidcc-ensure-request-object-with-redirect-uri', run: requestObjectRedirect },
  { name: 'oidcc-refresh-token', run: refreshToken },
  // openid-client names the issuer in the assertion.
  { name: 'oidcc-ensure-client-assertion-with-iss-aud-succeeds', run: async (t) => codeFlow(t.op, { rp: await register(t.op) }) },
];
