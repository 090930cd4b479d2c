// A client of FAPI 2.0 Security Profile, by plain HTTP, so that each message of it can be
// made wrong. Variants: how the client authenticates, and what its tokens are bound to.
import assert from 'node:assert/strict';
import * as jose from 'jose';
import { pkce, random } from '../../lib/flow.mjs';
import { note } from '../../lib/secrets.mjs';
import { answered } from './agent.mjs';
import { assertAuthorized, assertIdToken, assertJsonError, assertRandom, assertStandardClaims, assertTokenResponse, nowS } from './checks.mjs';
import { addClient, once } from './clients.mjs';
import { newAgent } from './code_flow.mjs';
import { certificateJwk, clientAssertion, dpopProof, newKey, selfSigned } from './keys.mjs';
import { signed } from './request_object.mjs';

export const VARIANTS = ['private_key_jwt dpop', 'private_key_jwt mtls', 'mtls dpop', 'mtls mtls'];
export const WITH_DPOP = VARIANTS.filter((variant) => variant.endsWith(' dpop'));
export const WITH_ASSERTION = VARIANTS.filter((variant) => variant.startsWith('private_key_jwt'));

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const REDIRECTS = ['https://rp.example.test/cb', 'https://second.example.test/cb?dummy1=lorem&dummy2=ipsum'];

// Client 0 or 1 of a variant; each has keys of its own.
async function makeClient(variant, number, options) {
  const [auth, sender] = variant.split(' ');
  const key = options.key ?? (await newKey(options.keyAlg));
  const pair = auth === 'mtls' || sender === 'mtls' ? await selfSigned(`conformance ${number}`) : undefined;
  const keys = auth === 'mtls' ? [key.jwk, await certificateJwk(pair)] : [key.jwk];
  const rp = await addClient({
    profile: 'fapi2',
    auth: auth === 'mtls' ? 'self_signed_tls' : 'private_key_jwt',
    alg: 'ES256',
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    redirectUris: [REDIRECTS[number]],
    jwks: { keys },
    features: [sender === 'mtls' ? 'tls_bound' : 'dpop_bound', ...(options.features ?? [])],
    government: options.government,
  });
  return { ...rp, method: auth, sender, key, tls: pair && { cert: pair.cert, key: pair.key }, dpop: await newKey() };
}

export const client = (variant, number = 0, options = {}) =>
  once(`fapi ${variant} ${number} ${options.name ?? ''}`, () => makeClient(variant, number, options));

// Fields and headers by which `rp` shows who it is. `assertion`: changes to its claims,
// or how it is signed; false: none at all.
async function authentication(op, rp, { assertion = {} } = {}) {
  const fields = { client_id: rp.clientId };
  if (rp.method === 'mtls' || assertion === false) return fields;
  const { key = rp.key, clientId = rp.clientId, ...more } = assertion;
  const jwt = await clientAssertion({ clientId, key, audience: op.issuer, ...more });
  return { ...fields, client_assertion_type: ASSERTION_TYPE, client_assertion: jwt };
}

const nonceAsked = (answer) => {
  const asks = answer.status === 400 || answer.status === 401 ? `${answer.body}${answer.headers['www-authenticate'] ?? ''}` : '';
  return asks.includes('use_dpop_nonce') ? answer.headers['dpop-nonce'] : undefined;
};

// POST to an endpoint as `rp`. `dpop`: changes to the proof; false: none. Another attempt
// is made when the server wants its nonce in the proof (RFC 9449 §8).
export async function post(op, rp, name, form, { dpop = false, assertion, tls = rp.tls, method = 'POST' } = {}) {
  const url = await op.endpoint(name, { alias: Boolean(tls) });
  let nonce;
  for (let attempt = 0; ; attempt++) {
    const headers = {};
    if (dpop) headers.dpop = await dpopProof({ key: rp.dpop, method, url, nonce, ...dpop });
    const fields = Object.entries({ ...(await authentication(op, rp, { assertion })), ...form }).filter(([, value]) => value !== undefined);
    const answer = await op.call(method, url, { form: fields, headers, tls });
    nonce = nonceAsked(answer);
    if (!dpop || !nonce || attempt > 0) return answer;
  }
}

// The parameters of a request, and the verifier of its challenge.
export function request(rp, changes = {}) {
  const { verifier, challenge } = pkce();
  const params = {
    response_type: 'code', client_id: rp.clientId, redirect_uri: rp.redirectUri, scope: 'openid',
    state: random(16), nonce: random(16), code_challenge: challenge, code_challenge_method: 'S256', ...changes,
  };
  return { verifier, sent: Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined)) };
}

// RFC 9126 §2.1; `object`: the request as a signed object (RFC 9101), with changes to it.
export async function push(op, rp, sent, { object, form = {}, ...options } = {}) {
  let fields = { ...sent };
  if (object) {
    const { claims, key = rp.key, encode, ...more } = object;
    const all = { iss: rp.clientId, aud: op.issuer, nbf: nowS(), iat: nowS(), exp: nowS() + 300, ...sent, ...claims };
    const kept = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    fields = { request: encode ? encode(kept) : await signed(kept, key, more) };
  }
  return post(op, rp, 'pushed_authorization_request_endpoint', { ...fields, ...form }, options);
}

// RFC 9126 §2.2.
export function assertPushed(answer) {
  assert.equal(answer.status, 201, `PAR: ${answer.status} ${answer.body.slice(0, 200)}`);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  assert.match(answer.headers['cache-control'] ?? '', /no-store/);
  const { request_uri: uri, expires_in: seconds } = answer.json;
  assert.match(uri ?? '', /^urn:ietf:params:oauth:request_uri:./);
  assertRandom(uri.replace(/^urn:ietf:params:oauth:request_uri:/, ''), 'request_uri');
  assert.ok(Number.isInteger(seconds) && seconds > 0 && seconds < 600, 'expires_in (FAPI 2.0 §5.3.2.2: less than 600)');
  return { uri: note(uri), seconds };
}

export async function authorizeUrl(op, rp, uri, extra = {}) {
  const url = new URL(await op.endpoint('authorization_endpoint'));
  for (const [name, value] of Object.entries({ client_id: rp.clientId, request_uri: uri, ...extra })) url.searchParams.set(name, value);
  return url;
}

// From nothing to the answer of the authorization endpoint. `par`: options of push.
export async function authorize(op, rp, { params, par, agent, extra, ...options } = {}) {
  const { verifier, sent } = request(rp, params);
  const pushed = assertPushed(await push(op, rp, sent, par));
  const person = agent ?? (await newAgent(op, options));
  const result = await person.visit(await authorizeUrl(op, rp, pushed.uri, extra));
  return { ...result, agent: person, sent, verifier, rp, pushed };
}

export function codeOf(op, result, sent = result.sent) {
  const params = answered(result, result.rp.redirectUri);
  assertAuthorized(params, sent, op.issuer);
  assertRandom(params.code, 'code');
  return params.code;
}

const usualProof = (rp) => (rp.sender === 'dpop' ? {} : false);

export const exchange = (op, rp, code, verifier, { form = {}, dpop = usualProof(rp), ...options } = {}) =>
  post(op, rp, 'token_endpoint', { grant_type: 'authorization_code', code, redirect_uri: rp.redirectUri, code_verifier: verifier, ...form }, { dpop, ...options });

export const renew = (op, rp, refreshToken, { dpop = usualProof(rp), ...options } = {}) =>
  post(op, rp, 'token_endpoint', { grant_type: 'refresh_token', refresh_token: refreshToken }, { dpop, ...options });

// RFC 9449 §5, RFC 8705 §3: what the answer says of the binding.
export function assertTokens(rp, answer) {
  const tokens = assertTokenResponse(answer, { type: rp.sender === 'dpop' ? 'dpop' : 'bearer' });
  for (const name of ['access_token', 'refresh_token', 'id_token']) note(tokens[name]);
  assertRandom(tokens.access_token, 'access token');
  return tokens;
}

// The userinfo endpoint as the protected resource. `dpop`: changes to the proof, false: none.
export async function resource(op, rp, token, { dpop = usualProof(rp), scheme, tls = rp.sender === 'mtls' ? rp.tls : undefined, method = 'GET', headers = {}, proofs } = {}) {
  const url = await op.endpoint('userinfo_endpoint', { alias: Boolean(tls) });
  let nonce;
  for (let attempt = 0; ; attempt++) {
    const all = { authorization: `${scheme ?? (rp.sender === 'dpop' ? 'DPoP' : 'Bearer')} ${token}`, ...headers };
    if (dpop) all.dpop = await dpopProof({ key: rp.dpop, method, url, token, nonce, ...dpop });
    if (proofs) all.dpop = await proofs({ key: rp.dpop, method, url, token, nonce });
    const answer = await op.call(method, url, { headers: all, tls });
    // With a nonce of the server, its own time counts and not the client's (RFC 9449 §8).
    answer.hadNonce = nonce !== undefined;
    nonce = nonceAsked(answer);
    if (!nonce || attempt > 0) return answer;
  }
}

export async function assertResource(op, rp, token, options) {
  const answer = await resource(op, rp, token, options);
  assert.equal(answer.status, 200, `userinfo: ${answer.status} ${answer.headers['www-authenticate'] ?? answer.body}`);
  assert.ok(answer.headers.date, 'Date');
  assertStandardClaims(answer.json);
  return answer.json;
}

// All of it: tokens, the claims of the ID token, and userinfo.
export async function flow(op, rp, { token, use, ...options } = {}) {
  const result = await authorize(op, rp, options);
  const code = codeOf(op, result);
  const tokens = assertTokens(rp, await exchange(op, rp, code, result.verifier, token));
  const claims = await assertIdToken(op, tokens.id_token, { rp, sent: result.sent, accessToken: tokens.access_token, code });
  const info = await assertResource(op, rp, tokens.access_token, use);
  assert.equal(info.sub, claims.sub, 'sub');
  return { ...result, code, tokens, claims, info };
}

// To a code, without its exchange.
export async function toCode(op, rp, options = {}) {
  const result = await authorize(op, rp, options);
  return { ...result, code: codeOf(op, result) };
}

// RFC 6749 §5.2: 401 goes with invalid_client alone.
export function assertRefused(answer, errors) {
  const body = assertJsonError(answer, errors, [400, 401]);
  if (answer.status === 401) assert.ok(['invalid_client', 'invalid_dpop_proof'].includes(body.error), `401 with ${body.error}`);
  return body;
}

export const decode = jose.decodeJwt;
