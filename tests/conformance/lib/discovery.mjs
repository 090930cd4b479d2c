// What the metadata must say (OpenID Connect Discovery 1.0 §3, §4; RFC 8414 §2).
import assert from 'node:assert/strict';
import { assertJwks } from './checks.mjs';

const RESPONSE_TYPES = ['none', 'code', 'id_token', 'id_token token', 'code id_token', 'code token', 'code id_token token'];
const LISTS = [
  'scopes_supported', 'response_types_supported', 'response_modes_supported', 'grant_types_supported', 'acr_values_supported',
  'subject_types_supported', 'id_token_signing_alg_values_supported', 'userinfo_signing_alg_values_supported',
  'request_object_signing_alg_values_supported', 'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported', 'display_values_supported', 'claim_types_supported', 'claims_supported',
  'claims_locales_supported', 'ui_locales_supported', 'code_challenge_methods_supported', 'revocation_endpoint_auth_methods_supported',
  'introspection_endpoint_auth_methods_supported', 'dpop_signing_alg_values_supported', 'prompt_values_supported',
];
const FLAGS = [
  'claims_parameter_supported', 'request_parameter_supported', 'request_uri_parameter_supported', 'require_request_uri_registration',
  'require_pushed_authorization_requests', 'require_signed_request_object', 'tls_client_certificate_bound_access_tokens',
  'authorization_response_iss_parameter_supported', 'backchannel_logout_supported', 'backchannel_logout_session_supported',
];

export function assertHttps(url, what) {
  const parsed = new URL(url);
  assert.equal(parsed.protocol, 'https:', `${what} is https`);
  assert.equal(parsed.hash, '', `${what} has no fragment`);
  return parsed;
}

export function assertEndpointsHttps(metadata) {
  for (const [name, value] of Object.entries(metadata)) {
    if (/_endpoint$|_uri$/.test(name)) assertHttps(value, name);
    if (name === 'mtls_endpoint_aliases') assertEndpointsHttps(value);
  }
}

const sorted = (type) => type.split(' ').sort().join(' ');

// Shapes and syntax, whatever the profile.
export async function fetchMetadata(t) {
  const answer = await t.op.discovery();
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  const metadata = answer.json;
  assert.equal(metadata.issuer, t.op.issuer, 'issuer');
  const issuer = assertHttps(metadata.issuer, 'issuer');
  assert.equal(issuer.search, '', 'issuer has no query');
  for (const name of LISTS) {
    if (metadata[name] === undefined) continue;
    assert.ok(Array.isArray(metadata[name]) && metadata[name].length > 0, `${name}: a list that is not empty`);
    for (const value of metadata[name]) assert.ok(typeof value === 'string' && value !== '', name);
    assert.equal(new Set(metadata[name]).size, metadata[name].length, `${name}: each once`);
  }
  for (const name of FLAGS) if (metadata[name] !== undefined) assert.equal(typeof metadata[name], 'boolean', name);
  for (const scope of metadata.scopes_supported ?? []) assert.match(scope, /^[\x21\x23-\x5b\x5d-\x7e]+$/, 'RFC 6749 §3.3');
  for (const name of ['ui_locales_supported', 'claims_locales_supported'])
    for (const tag of metadata[name] ?? []) assert.equal(Intl.getCanonicalLocales(tag)[0], tag, `${name}: RFC 5646`);
  assertEndpointsHttps(metadata);
  return metadata;
}

export async function fetchKeys(t) {
  const jwks = await t.op.jwks();
  assertJwks(jwks);
  return jwks;
}

export async function discoveryVerification(t) {
  const metadata = await fetchMetadata(t);
  assert.ok(metadata.response_types_supported.includes('code'), 'code');
  for (const type of metadata.response_types_supported) assert.ok(RESPONSE_TYPES.map(sorted).includes(sorted(type)), type);
  for (const type of metadata.subject_types_supported) assert.ok(['public', 'pairwise'].includes(type), type);
  assert.ok(metadata.id_token_signing_alg_values_supported.includes('RS256'), 'RS256 (OIDC Discovery §3)');
  for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri']) assertHttps(metadata[name], name);
  if (metadata.request_object_signing_alg_values_supported)
    assert.ok(metadata.request_object_signing_alg_values_supported.includes('RS256'), 'request_object_signing_alg_values_supported: RS256');
  assert.ok(metadata.claims_supported?.length > 0, 'claims_supported');
  assert.ok(metadata.scopes_supported?.includes('openid'), 'openid');
  assert.ok(Array.isArray(metadata.grant_types_supported), 'grant_types_supported: without it, implicit would be meant');
  await fetchKeys(t);
  // Each node says the same.
  const texts = [];
  for (let i = 0; i < 3; i++) texts.push((await t.op.discovery()).body);
  assert.equal(new Set(texts).size, 1, 'the nodes agree');
}
