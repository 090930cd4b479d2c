// Dynamic registration (RFC 7591, RFC 7592, OpenID Connect Registration 1.0) with an
// initial access token, which an operator gives out.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { demo, run } from '../../lib/demo.mjs';
import { note } from '../../lib/secrets.mjs';
import { assertJsonError } from './checks.mjs';
import { REDIRECT } from './clients.mjs';
import { newKey } from './keys.mjs';
import { notBuilt } from './outcome.mjs';

const EXIT_USAGE = 64;

async function initialAccessToken() {
  const { binDir, file } = demo();
  const result = await run(join(binDir, 'tasuki'), ['registration', 'token', '--json', '--env', file]);
  const said = `${result.stdout}${result.stderr}`.trim().split('\n')[0];
  if (result.code === EXIT_USAGE) notBuilt(`tasuki registration token: ${said}`);
  assert.equal(result.code, 0, said);
  return note(JSON.parse(result.stdout).token);
}

// Sent as it is, for what must be refused.
export async function submit(op, metadata) {
  const url = await op.endpoint('registration_endpoint');
  const headers = { authorization: `Bearer ${await initialAccessToken()}`, 'content-type': 'application/json' };
  return op.call('POST', url, { headers, body: JSON.stringify(metadata) });
}

export async function usualMetadata(changes = {}) {
  const keys = await newKey('RS256');
  const metadata = {
    client_name: '動的登録の試験',
    redirect_uris: [REDIRECT],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    contacts: ['rp@example.test'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [keys.jwk] },
    ...changes,
  };
  return { keys, metadata: Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined)) };
}

// A client as lib/code_flow.mjs wants it. What the provider registers is what was asked.
export async function register(op, changes) {
  const { keys, metadata } = await usualMetadata(changes);
  const answer = await submit(op, metadata);
  assert.equal(answer.status, 201, `registration: ${answer.status} ${answer.body.slice(0, 300)}`);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  assert.match(answer.headers['cache-control'] ?? '', /no-store/);
  const registered = answer.json;
  assert.match(registered.client_id ?? '', /^[\x20-\x7e]+$/, 'client_id');
  for (const name of ['redirect_uris', 'token_endpoint_auth_method', 'jwks_uri', 'initiate_login_uri', 'subject_type'])
    if (metadata[name] !== undefined) assert.deepEqual(registered[name], metadata[name], name);
  note(registered.client_secret);
  note(registered.registration_access_token);
  return {
    clientId: registered.client_id,
    auth: metadata.token_endpoint_auth_method,
    keys,
    alg: metadata.id_token_signed_response_alg ?? 'RS256',
    userinfoAlg: metadata.userinfo_signed_response_alg,
    redirectUri: metadata.redirect_uris[0],
    registered,
  };
}

// RFC 7591 §3.2.2.
export async function refuseRegistration(op, changes, errors) {
  const { metadata } = await usualMetadata(changes);
  return assertJsonError(await submit(op, metadata), errors, [400]);
}
