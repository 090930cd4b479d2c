// Assertions of clients are used once, on whatever node, and whoever leads (RFC 7523 §3).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as jose from 'jose';
import { addClient, word } from '../lib/admin.mjs';
import { demo } from '../lib/demo.mjs';
import { post } from '../lib/http.mjs';
import { transfer, whole } from '../lib/leader.mjs';
import { volley } from '../lib/race.mjs';

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const { nodes, issuer } = demo();
const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
const rp = await addClient({ name: 'signs', auth: 'private_key_jwt', profile: 'standard', jwks: { keys: [jwk] } });

const assertion = () =>
  new jose.SignJWT({ iss: rp.clientId, sub: rp.clientId, aud: issuer, jti: word(16) })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuedAt()
    .setExpirationTime('9m')
    .sign(privateKey);

// 400 invalid_grant: the client was believed, and its refresh token is nobody's.
const send = (node, jwt) =>
  post(node, '/oauth/token', {
    form: { grant_type: 'refresh_token', refresh_token: word(16), client_assertion_type: TYPE, client_assertion: jwt },
  });
const errorOf = (answer) => `${answer.status} ${answer.json?.error}`;

test('an assertion sent 30 times at once over all nodes is believed once', async () => {
  for (let round = 0; round < 3; round++) {
    const jwt = await assertion();
    const answers = await volley(30, nodes, (node) => send(node, jwt));
    const errors = answers.map(({ answer }) => errorOf(answer)).sort();
    assert.equal(errors.filter((error) => error === '400 invalid_grant').length, 1, errors.join());
    assert.equal(errors.filter((error) => error === '401 invalid_client' || error === '400 invalid_client').length, 29, errors.join());
  }
});

test('a used assertion is refused on every node after the leader has changed', async () => {
  const jwt = await assertion();
  assert.equal(errorOf(await send(nodes[0], jwt)), '400 invalid_grant');
  await transfer();
  await whole();
  for (const node of nodes) {
    const answer = await send(node, jwt);
    assert.equal(answer.json?.error, 'invalid_client', `${node.name}: ${errorOf(answer)}`);
    assert.equal(errorOf(await send(node, await assertion())), '400 invalid_grant', node.name);
  }
});
