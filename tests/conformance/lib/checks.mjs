// What several modules ask of an answer, each with the section that says so.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as jose from 'jose';

const HASH = { '256': 'sha256', '384': 'sha384', '512': 'sha512' };
const SKEW_S = 30;
export const nowS = () => Math.floor(Date.now() / 1000);

// Bits per the frequency of characters: a bound that a random value of 128 bits passes.
export function entropyBits(text) {
  const counts = new Map();
  for (const c of text) counts.set(c, (counts.get(c) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / text.length);
  return bits;
}

// 128 bits of randomness, measured with some slack (RFC 6749 §10.10, FAPI 2.0 §5.4.1).
export function assertRandom(value, what) {
  assert.ok(typeof value === 'string' && value.length * 8 >= 128, `${what}: 128 bits long`);
  assert.ok(entropyBits(value) >= 96, `${what}: ${entropyBits(value).toFixed(1)} bits of entropy`);
}

// RFC 6749 §4.1.2, §4.1.2.1, RFC 9207: nothing beside what is defined.
export function assertAuthorized(params, sent, issuer) {
  assert.equal(params.error, undefined, `${params.error}: ${params.error_description}`);
  assert.equal(params.state, sent.state, 'state');
  assert.equal(params.iss, issuer, 'iss');
  assert.ok(params.code, 'code');
  const known = ['code', 'state', 'iss', 'session_state'];
  assert.deepEqual(Object.keys(params).filter((name) => !known.includes(name)), [], 'parameters that nobody expects');
  assert.match(params.code, /^[\x20-\x7e]+$/);
}

const ERROR_TEXT = /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/;

export function assertErrorText({ error, error_description: description, error_uri: uri }) {
  assert.match(error ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, 'error');
  if (description !== undefined) assert.match(description, ERROR_TEXT, 'error_description');
  if (uri !== undefined) assert.match(uri, /^[\x21\x23-\x5b\x5d-\x7e]*$/, 'error_uri');
}

export function assertAuthorizeError(params, sent, issuer, errors) {
  assertErrorText(params);
  assert.ok([errors].flat().includes(params.error), `error ${params.error} (${params.error_description}), expected ${errors}`);
  assert.equal(params.code, undefined, 'no code with an error');
  assert.equal(params.state, sent.state, 'state');
  assert.equal(params.iss, issuer, 'iss');
  const known = ['error', 'error_description', 'error_uri', 'state', 'iss'];
  assert.deepEqual(Object.keys(params).filter((name) => !known.includes(name)), [], 'parameters that nobody expects');
}

// OIDC Core §3.1.2.6: errors that say a person would have to be asked.
export const NEEDS_PERSON = ['interaction_required', 'login_required', 'account_selection_required', 'consent_required'];

const isJson = (answer) => /^application\/json\b/.test(answer.headers['content-type'] ?? '');

// RFC 6749 §5.2, also as RFC 9126 §2.3 and RFC 7591 §3.2.2 take it over.
export function assertJsonError(answer, errors, statuses = [400]) {
  assert.ok([statuses].flat().includes(answer.status), `status ${answer.status} ${answer.body.slice(0, 200)}`);
  assert.ok(isJson(answer), 'JSON');
  assertErrorText(answer.json);
  assert.ok([errors].flat().includes(answer.json.error), `error ${answer.json.error} (${answer.json.error_description}), expected ${errors}`);
  return answer.json;
}

// RFC 6749 §5.1.
export function assertTokenResponse(answer, { type = 'bearer' } = {}) {
  assert.equal(answer.status, 200, `token endpoint: ${answer.status} ${answer.body.slice(0, 200)}`);
  assert.ok(isJson(answer), 'JSON');
  assert.match(answer.headers['cache-control'] ?? '', /no-store/);
  const body = answer.json;
  assert.equal(body.token_type?.toLowerCase(), type, 'token_type');
  assert.match(body.access_token ?? '', /^[\x20-\x7e]+$/, 'access_token');
  assert.ok(Number.isInteger(body.expires_in) && body.expires_in > 0, 'expires_in');
  if (body.refresh_token !== undefined) {
    assert.match(body.refresh_token, /^[\x20-\x7e]+$/, 'refresh_token');
    assertRandom(body.refresh_token, 'refresh token');
  }
  return body;
}

const STANDARD = {
  name: 'string', given_name: 'string', family_name: 'string', middle_name: 'string', nickname: 'string',
  preferred_username: 'string', profile: 'string', picture: 'string', website: 'string', email: 'string',
  email_verified: 'boolean', gender: 'string', birthdate: 'string', zoneinfo: 'string', locale: 'string',
  phone_number: 'string', phone_number_verified: 'boolean', updated_at: 'number', address: 'object',
};
const ADDRESS = ['formatted', 'street_address', 'locality', 'region', 'postal_code', 'country'];

// OIDC Core §5.1: each claim that is there has its type, and is not empty.
export function assertStandardClaims(claims) {
  for (const [name, type] of Object.entries(STANDARD)) {
    if (claims[name] === undefined) continue;
    assert.equal(typeof claims[name], type, name);
    assert.notEqual(claims[name], '', `${name} is empty`);
    assert.notEqual(claims[name], null, `${name} is null`);
  }
  for (const [name, value] of Object.entries(claims.address ?? {})) {
    assert.ok(ADDRESS.includes(name), `address.${name}`);
    assert.ok(typeof value === 'string' && value !== '', `address.${name}`);
  }
  if (claims.updated_at !== undefined) assert.ok(claims.updated_at > 0 && claims.updated_at <= nowS() + SKEW_S, 'updated_at');
  if (claims.birthdate !== undefined) assert.match(claims.birthdate, /^(\d{4}|0000)(-\d\d-\d\d)?$/, 'birthdate');
  if (claims.email !== undefined) assert.match(claims.email, /^[^@\s]+@[^@\s]+$/, 'email');
}

// OIDC Core §3.1.3.6: left half of the hash that the algorithm names.
export function leftHash(value, alg) {
  const digest = createHash(HASH[alg.slice(2)]).update(value, 'ascii').digest();
  return digest.subarray(0, digest.length / 2).toString('base64url');
}

// OIDC Core §2, §3.1.3.7. Returns the claims.
export async function assertIdToken(op, jwt, { rp, sent = {}, accessToken, code, alg = rp.alg } = {}) {
  const { payload, protectedHeader } = await op.verify(jwt, { audience: rp.clientId, alg });
  assert.ok(protectedHeader.kid, 'kid (OIDC Core §10.1)');
  assert.match(payload.sub ?? '', /^[\x20-\x7e]{1,255}$/, 'sub');
  assert.ok(Number.isInteger(payload.exp) && payload.exp > nowS(), 'exp');
  assert.ok(Number.isInteger(payload.iat) && Math.abs(payload.iat - nowS()) <= SKEW_S, 'iat');
  if (payload.nbf !== undefined) assert.ok(payload.nbf <= nowS() + SKEW_S, 'nbf');
  if (payload.azp !== undefined) assert.equal(payload.azp, rp.clientId, 'azp');
  if (payload.auth_time !== undefined) assert.ok(payload.auth_time <= nowS() + SKEW_S, 'auth_time');
  assert.equal(payload.nonce, sent.nonce, 'nonce');
  if (payload.at_hash !== undefined && accessToken) assert.equal(payload.at_hash, leftHash(accessToken, protectedHeader.alg), 'at_hash');
  if (payload.c_hash !== undefined && code) assert.equal(payload.c_hash, leftHash(code, protectedHeader.alg), 'c_hash');
  assertStandardClaims(payload);
  return payload;
}

// RFC 7517, RFC 7518 §6: public keys alone, each with an id of its own.
export function assertJwks(jwks) {
  assert.ok(Array.isArray(jwks.keys) && jwks.keys.length > 0, 'keys');
  const secret = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'];
  for (const key of jwks.keys) {
    assert.ok(['RSA', 'EC', 'OKP'].includes(key.kty), `kty ${key.kty}`);
    assert.ok(typeof key.kid === 'string' && key.kid !== '', 'kid');
    for (const name of secret) assert.equal(key[name], undefined, `private part ${name}`);
    if (key.use !== undefined) assert.ok(['sig', 'enc'].includes(key.use), `use ${key.use}`);
    const parts = key.kty === 'RSA' ? ['n', 'e'] : key.kty === 'EC' ? ['crv', 'x', 'y'] : ['crv', 'x'];
    for (const name of parts) assert.match(key[name] ?? '', /^[A-Za-z0-9_-]+$/, `${key.kid}: ${name}`);
    if (key.kty === 'RSA') assert.ok(Buffer.from(key.n, 'base64url').length >= 256, `${key.kid}: 2048 bits`);
  }
  const kids = jwks.keys.map((key) => key.kid);
  assert.equal(new Set(kids).size, kids.length, 'each kid once');
}

export const headerOf = (jwt) => jose.decodeProtectedHeader(jwt);
