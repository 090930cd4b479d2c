// The code flow of OpenID Connect Core §3.1, by openid-client over an agent.
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { basic, random } from '../../lib/flow.mjs';
import { note } from '../../lib/secrets.mjs';
import { Agent, answered } from './agent.mjs';
import { assertAuthorized, assertIdToken, assertStandardClaims, assertTokenResponse } from './checks.mjs';
import { account, standard } from './clients.mjs';
import { responseMode } from './response_mode.mjs';

const METHODS = {
  basic: (rp) => client.ClientSecretBasic(rp.secret),
  post: (rp) => client.ClientSecretPost(rp.secret),
  none: () => client.None(),
  private_key_jwt: (rp) => client.PrivateKeyJwt({ key: rp.keys.privateKey, kid: rp.keys.jwk.kid }),
  tls: () => client.TlsClientAuth(),
  self_signed_tls: () => client.TlsClientAuth(),
};

export async function configuration(op, rp, { tls, log } = {}) {
  const fetcher = op.fetcher({ tls: tls ?? rp.tls, log, redirectUri: rp.redirectUri });
  const metadata = {
    id_token_signed_response_alg: rp.alg,
    ...(rp.secret ? { client_secret: rp.secret } : {}),
    ...(rp.userinfoAlg ? { userinfo_signed_response_alg: rp.userinfoAlg } : {}),
    ...(tls ?? rp.tls ? { use_mtls_endpoint_aliases: true } : {}),
  };
  const config = await client.discovery(new URL(op.issuer), rp.clientId, metadata, METHODS[rp.auth](rp), {
    [client.customFetch]: fetcher,
    timeout: 30,
  });
  config[client.customFetch] = fetcher;
  client.enableNonRepudiationChecks(config);
  return config;
}

// `changes`: undefined leaves a parameter out.
export function request(rp, changes = {}) {
  const params = { response_type: 'code', client_id: rp.clientId, redirect_uri: rp.redirectUri, scope: 'openid', state: random(16), nonce: random(16), response_mode: responseMode(), ...changes };
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
}

export async function authorizeUrl(op, params) {
  const url = new URL(await op.endpoint('authorization_endpoint'));
  for (const [name, value] of Object.entries(params)) url.searchParams.append(name, value);
  return url;
}

export const newAgent = async (op, options) => new Agent(op, await account(), options);

// To the answer of the authorization endpoint, whatever it is.
export async function authorize(op, rp, { agent, params = {}, ...options } = {}) {
  const person = agent ?? (await newAgent(op));
  const sent = request(rp, params);
  const result = await person.visit(await authorizeUrl(op, sent), options);
  return { ...result, agent: person, sent };
}

// A request to the token endpoint by hand, with the client's secret.
export async function tokenRequest(op, rp, form) {
  const basicAuth = rp.auth === 'basic';
  const fields = basicAuth ? form : { ...form, client_id: rp.clientId, client_secret: rp.secret };
  const headers = basicAuth ? { authorization: basic(rp.clientId, rp.secret) } : {};
  return op.call('POST', await op.endpoint('token_endpoint'), { form: fields, headers });
}

export const redeem = (op, rp, code) => tokenRequest(op, rp, { grant_type: 'authorization_code', code, redirect_uri: rp.redirectUri });

// What the browser brings to the relying party.
function brought({ location, posted }) {
  const url = new URL(location);
  return posted ? new Request(url.origin + url.pathname, { method: 'POST', body: new URLSearchParams(posted) }) : url;
}

// The code is exchanged by openid-client, which verifies state, iss and the ID token.
export async function exchange(op, rp, result, { verifier } = {}) {
  const callback = answered(result, rp.redirectUri);
  assertAuthorized(callback, result.sent, op.issuer);
  const log = [];
  const config = await configuration(op, rp, { log });
  const checks = {
    expectedState: result.sent.state,
    expectedNonce: result.sent.nonce,
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
    ...(result.sent.max_age !== undefined ? { maxAge: Number(result.sent.max_age) } : {}),
  };
  const given = await client.authorizationCodeGrant(config, brought(result), checks);
  for (const name of ['access_token', 'refresh_token', 'id_token']) note(given[name]);
  const answer = log.find((one) => one.url.includes('/token')).answer;
  assertTokenResponse(answer);
  const claims = await assertIdToken(op, given.id_token, { rp, sent: result.sent, accessToken: given.access_token, code: callback.code });
  return { ...result, callback, config, given, claims, answer };
}

export async function userinfo(op, flow) {
  const info = await client.fetchUserInfo(flow.config, flow.given.access_token, flow.claims.sub);
  assertStandardClaims(info);
  assert.equal(info.sub, flow.claims.sub, 'sub (OIDC Core §5.3.2)');
  return info;
}

// All of it. `pages` of the result tells what the person was asked.
export async function codeFlow(op, { rp, verifier, ...options } = {}) {
  const party = rp ?? (await standard());
  const result = await authorize(op, party, options);
  const flow = await exchange(op, party, result, { verifier });
  return { ...flow, rp: party, info: await userinfo(op, flow) };
}
