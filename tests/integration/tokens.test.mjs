// Tokens of clients themselves, JWT access tokens, introspection and revocation, by
// openid-client and jose, each call at another node.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as jose from 'jose';
import * as client from 'openid-client';
import { addAccount, addClient, everywhere } from '../lib/admin.mjs';
import { demo } from '../lib/demo.mjs';
import { tokens, userinfo } from '../lib/flow.mjs';
import { fetchVia, get, post } from '../lib/http.mjs';

const { issuer, nodes } = demo();
const AUDIENCE = 'https://api.example.test/';
const [one, two, three] = nodes;

async function configuration(rp, target, metadata = {}) {
  const fetcher = fetchVia(target);
  const options = { [client.customFetch]: fetcher, timeout: 30, ...metadata.options };
  const config = await client.discovery(new URL(issuer), rp.clientId, { client_secret: rp.secret, id_token_signed_response_alg: rp.alg }, client.ClientSecretBasic(rp.secret), options);
  config[client.customFetch] = fetcher;
  return config;
}

async function keys(target) {
  return jose.createLocalJWKSet((await get(target, '/oauth/jwks')).json);
}

async function seen() {
  for (const node of nodes) await everywhere(node.id);
}

const machine = () => addClient({ name: 'machine', profile: 'standard', alg: 'ES256', features: ['credentials'], audience: AUDIENCE });

test('a client has a JWT for itself, and gives it up', async () => {
  const rp = await machine();
  await seen();
  const config = await configuration(rp, one);
  const given = await client.clientCredentialsGrant(config);
  assert.equal(given.token_type, 'bearer');
  assert.ok(given.expires_in > 0 && given.expires_in <= 600);
  assert.equal(given.refresh_token, undefined);
  const { payload, protectedHeader } = await jose.jwtVerify(given.access_token, await keys(two), { issuer, audience: AUDIENCE, typ: 'at+jwt' });
  assert.equal(protectedHeader.alg, 'ES256');
  assert.equal(payload.sub, rp.clientId);
  assert.equal(payload.client_id, rp.clientId);
  const elsewhere = await configuration(rp, two);
  assert.equal((await client.tokenIntrospection(elsewhere, given.access_token)).active, true);
  await client.tokenRevocation(await configuration(rp, three), given.access_token);
  await seen();
  assert.deepEqual(await client.tokenIntrospection(elsewhere, given.access_token), { active: false });
  // Nobody has signed in: there is nothing to know.
  assert.equal((await userinfo(one, given.access_token)).status, 401);
});

test('who was not told to may not', async () => {
  const plain = await addClient({ name: 'plain', profile: 'standard' });
  const rp = await machine();
  await seen();
  await assert.rejects(client.clientCredentialsGrant(await configuration(plain, one)), (error) => error.error === 'unauthorized_client');
  await assert.rejects(client.clientCredentialsGrant(await configuration(rp, one), { scope: 'openid' }), (error) => error.error === 'invalid_scope');
  const { access_token: token } = await client.clientCredentialsGrant(await configuration(rp, one));
  // Another client neither sees nor revokes it.
  const other = await configuration(plain, two);
  assert.deepEqual(await client.tokenIntrospection(other, token), { active: false });
  await client.tokenRevocation(other, token);
  assert.equal((await client.tokenIntrospection(await configuration(rp, three), token)).active, true);
});

test('introspection of a person\'s tokens, by a resource server, and signed', async () => {
  const account = await addAccount({ name: 'tokens' });
  const rp = await addClient({ name: 'rp', profile: 'standard' });
  const server = await addClient({ name: 'api', profile: 'standard', features: ['introspection'] });
  await seen();
  const given = await tokens(one, rp, account, { scope: 'openid email offline_access' });
  const config = await configuration(server, two);
  for (const token of [given.access_token, given.refresh_token]) {
    await seen();
    const said = await client.tokenIntrospection(config, token);
    assert.equal(said.active, true);
    assert.equal(said.client_id, rp.clientId);
    assert.equal(said.iss, issuer);
    assert.match(said.scope, /email/);
    assert.ok(said.exp > said.auth_time);
  }
  const signed = await post(three, '/oauth/introspect', {
    form: { token: given.access_token },
    headers: { authorization: `Basic ${Buffer.from(`${server.clientId}:${server.secret}`).toString('base64')}`, accept: 'application/token-introspection+jwt' },
  });
  assert.equal(signed.status, 200, signed.body);
  assert.match(signed.headers['content-type'], /^application\/token-introspection\+jwt/);
  const { payload } = await jose.jwtVerify(signed.body, await keys(one), { issuer, audience: server.clientId, typ: 'token-introspection+jwt' });
  assert.equal(payload.token_introspection.active, true);
});

test('a revoked access token ends alone, a refresh token with its family', async () => {
  const account = await addAccount({ name: 'revoked' });
  const rp = await addClient({ name: 'rp', profile: 'standard' });
  await seen();
  const config = await configuration(rp, one);
  const first = await tokens(one, rp, account, { scope: 'openid offline_access' });
  await client.tokenRevocation(config, first.access_token);
  await seen();
  for (const node of nodes) assert.equal((await userinfo(node, first.access_token)).status, 401, node.name);
  const renewed = await client.refreshTokenGrant(await configuration(rp, two), first.refresh_token);
  assert.equal((await userinfo(three, renewed.access_token)).status, 200);
  await client.tokenRevocation(config, renewed.refresh_token);
  await seen();
  for (const node of nodes) assert.equal((await userinfo(node, renewed.access_token)).status, 401, node.name);
  await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token), (error) => error.error === 'invalid_grant');
  // RFC 7009 §2.2: what is not there is revoked.
  await client.tokenRevocation(config, 'nothing');
});

test('access tokens as JWTs end with their rows', async () => {
  const account = await addAccount({ name: 'jwt' });
  const rp = await addClient({ name: 'rp', profile: 'standard', alg: 'ES256', features: ['jwt_access'], audience: AUDIENCE });
  await seen();
  const given = await tokens(one, rp, account, { scope: 'openid email' });
  const { payload } = await jose.jwtVerify(given.access_token, await keys(two), { issuer, audience: AUDIENCE, typ: 'at+jwt' });
  assert.equal(payload.scope, 'openid email');
  const answer = await userinfo(two, given.access_token);
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.json.sub, payload.sub);
  // An ID token is none, though the same key has signed it.
  assert.equal((await userinfo(three, given.id_token)).status, 401);
  await client.tokenRevocation(await configuration(rp, three), given.access_token);
  await seen();
  assert.equal((await userinfo(two, given.access_token)).status, 401);
});

test('the metadata of RFC 8414 stand where it says', async () => {
  const answer = await get(one, '/.well-known/oauth-authorization-server/oauth');
  assert.equal(answer.status, 200);
  assert.equal(answer.json.issuer, issuer);
  assert.equal(answer.json.revocation_endpoint, `${issuer}revoke`);
  assert.equal(answer.body, (await get(two, '/oauth/.well-known/openid-configuration')).body);
});
