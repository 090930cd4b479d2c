// SECURITY_CHECKS B10, B13, B14: what clients sign, what tokens are bound to, and tokens
// that are given up.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { addClient, everywhere } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo, sleep } from '../lib/demo.mjs';
import { alice, browserOf, conf, evil, tokensOf } from '../lib/fixtures.mjs';
import { authorize, basic, pkce, refresh } from '../lib/flow.mjs';
import { get, post } from '../lib/http.mjs';
import { clientAssertion, dpopProof, newKey } from '../conformance/lib/keys.mjs';

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const once = (make) => {
  let made;
  return () => (made ??= make());
};
const nowS = () => Math.floor(Date.now() / 1000);
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

const signer = once(async () => {
  const key = await newKey();
  return { key, rp: await addClient({ name: 'signs', auth: 'private_key_jwt', profile: 'standard', features: ['credentials'], jwks: { keys: [key.jwk] } }) };
});

check('B10', 'a client\'s assertion: once, for us, soon, and signed by its key', async ({ target, others }) => {
  const { key, rp } = await signer();
  const stranger = await evil();
  const { issuer } = demo();
  const make = (claims = {}, more = {}) => clientAssertion({ clientId: rp.clientId, key, audience: issuer, claims, ...more });
  const send = (jwt, at = target, more = {}) =>
    post(at, '/oauth/token', { form: { grant_type: 'client_credentials', client_assertion_type: TYPE, client_assertion: jwt, ...more } });
  const refused = async (jwt, what, at, more) => {
    const answer = await send(jwt, at, more);
    assert.ok([400, 401].includes(answer.status), `${what}: ${answer.status} ${answer.body.slice(0, 100)}`);
    assert.equal(answer.json.error, 'invalid_client', `${what}: ${answer.body}`);
  };
  const good = await make();
  const taken = await send(good);
  assert.equal(taken.status, 200, taken.body);
  for (const at of [target, ...others]) await refused(good, `again at ${at.name}`, at);
  // RFC 7523 §3: the jti, whatever else is new.
  const jti = `the-same-${Math.random()}`;
  await send(await make({ jti }));
  await refused(await make({ jti, iat: nowS() - 1 }), 'the jti of another one');
  const token = new URL('token', issuer).href;
  const rows = {
    'the endpoint of another issuer': { aud: 'https://other.example.test/oauth/token' },
    'another issuer': { aud: 'https://other.example.test/oauth/' },
    'several audiences': { aud: [issuer, 'https://other.example.test/'] },
    'no audience': { aud: undefined },
    'exp in a year': { exp: nowS() + 365 * 86400 },
    'no exp': { exp: undefined },
    'expired': { exp: nowS() - 70, iat: nowS() - 130 },
    'nbf in 61 s': { nbf: nowS() + 61, exp: nowS() + 120 },
    'iat in 61 s': { iat: nowS() + 61, exp: nowS() + 120 },
    'no jti': { jti: undefined },
    "another client's sub": { sub: stranger.clientId },
    "another client's iss": { iss: stranger.clientId },
    'another client': { iss: stranger.clientId, sub: stranger.clientId },
  };
  for (const [what, claims] of Object.entries(rows)) await refused(await make(claims), what);
  assert.equal((await send(await make({ nbf: nowS() + 8, iat: nowS() + 8, exp: nowS() + 60 }))).status, 200, 'a clock that is 8 s ahead');
  assert.ok([200, 401].includes((await send(await make({ aud: token }))).status));
  const claims = { iss: rp.clientId, sub: rp.clientId, aud: issuer, jti: `x${Math.random()}`, iat: nowS(), exp: nowS() + 60 };
  await refused(`${b64({ alg: 'none' })}.${b64(claims)}.`, 'alg none');
  for (const secret of [key.jwk.x, Buffer.from(key.jwk.x, 'base64url'), JSON.stringify(key.jwk), stranger.secret]) {
    const text = `${b64({ alg: 'HS256', kid: key.jwk.kid })}.${b64({ ...claims, jti: `y${Math.random()}` })}`;
    await refused(`${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`, 'HS256');
  }
  const other = await newKey();
  await refused(await make({}, { key: { ...other, jwk: { ...other.jwk, kid: key.jwk.kid } } }), 'another key');
  await refused((await make()).replace(/.$/, (c) => (c === 'A' ? 'Q' : 'A')).replace(/\.([^.]{4})/, '.AAAA'), 'changed');
  const both = await send(await make(), target, { client_id: stranger.clientId });
  assert.ok([400, 401].includes(both.status), `client_id of another: ${both.status}`);
});

const prover = once(async () => ({ key: await newKey(), other: await newKey(), rp: await addClient({ name: 'proves', profile: 'standard', features: ['dpop_bound'] }) }));

check('B13', 'DPoP: each proof once, for this request, by this key', async ({ target, others }) => {
  const { key, other, rp } = await prover();
  const url = (path) => new URL(path, demo().issuer).href;
  let nonce;
  const proof = async (path, method, more = {}) => dpopProof({ key, method, url: url(path), nonce, ...more });
  const headers = (dpop) => ({ authorization: basic(rp.clientId, rp.secret), ...(dpop ? { dpop } : {}) });
  const browser = await browserOf(target, await alice());
  const fresh = async () => {
    const { verifier, challenge } = pkce();
    const { code } = await authorize(browser, rp, { params: { prompt: 'none', scope: 'openid offline_access', code_challenge: challenge, code_challenge_method: 'S256' } });
    assert.ok(code);
    return { grant_type: 'authorization_code', code, redirect_uri: rp.redirectUri, code_verifier: verifier };
  };
  const redeem = async (form, dpop, at = target) => post(at, '/oauth/token', { form, headers: headers(dpop) });
  const form = await fresh();
  const without = await redeem(form, await dpopProof({ key, method: 'POST', url: url('token') }));
  assert.deepEqual([without.status, without.json.error], [400, 'use_dpop_nonce'], without.body);
  nonce = without.headers['dpop-nonce'];
  const bad = async (dpop, what) => {
    const answer = await redeem(form, dpop);
    assert.equal(answer.status, 400, `${what}: ${answer.status} ${answer.body.slice(0, 80)}`);
    assert.ok(['invalid_dpop_proof', 'use_dpop_nonce', 'invalid_request'].includes(answer.json.error), `${what}: ${answer.body}`);
  };
  await bad(undefined, 'no proof');
  await bad(await proof('userinfo', 'POST'), 'another htu');
  await bad(await proof('token', 'GET'), 'another htm');
  await bad(await proof('token', 'POST', { nonce: 'x'.repeat(40) }), 'a made-up nonce');
  await bad(await proof('token', 'POST', { claims: { iat: nowS() - 3600 } }), 'an old one');
  await bad(await proof('token', 'POST', { claims: { iat: nowS() + 3600 } }), 'one of the future');
  await bad(await proof('token', 'POST', { claims: { jti: undefined } }), 'no jti');
  await bad(await proof('token', 'POST', { header: { typ: 'JWT' } }), 'another type');
  const claims = { jti: `j${Math.random()}`, htm: 'POST', htu: url('token'), iat: nowS(), nonce };
  const { kty, crv, x, y } = key.jwk;
  await bad(`${b64({ typ: 'dpop+jwt', alg: 'none', jwk: { kty, crv, x, y } })}.${b64(claims)}.`, 'alg none');
  const text = `${b64({ typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: b64('secret') } })}.${b64(claims)}`;
  await bad(`${text}.${createHmac('sha256', b64('secret')).update(text).digest('base64url')}`, 'a symmetric key');
  const good = await proof('token', 'POST');
  const given = await redeem(form, good);
  assert.equal(given.status, 200, given.body);
  assert.equal(given.json.token_type, 'DPoP');
  for (const at of [target, ...others]) {
    const replayed = await redeem(await fresh(), good, at);
    assert.deepEqual([replayed.status, replayed.json.error], [400, 'invalid_dpop_proof'], `replayed at ${at.name}`);
  }
  // The token is of use with its key alone.
  const token = given.json.access_token;
  const ask = async (dpop, scheme = 'DPoP', at = target) => get(at, '/oauth/userinfo', { headers: { authorization: `${scheme} ${token}`, ...(dpop ? { dpop } : {}) } });
  const at = await proof('userinfo', 'GET', { token });
  const served = await ask(at);
  assert.equal(served.status, 200, `${served.headers['www-authenticate']} ${served.body}`);
  const refused = async (answer, what) => {
    assert.equal(answer.status, 401, `${what}: ${answer.status}`);
    assert.ok(!answer.body.includes('"sub"'), what);
    assert.match(answer.headers['www-authenticate'] ?? '', /error="(invalid_dpop_proof|invalid_token|use_dpop_nonce)"/, what);
  };
  for (const node of [target, ...others]) await refused(await ask(at, 'DPoP', node), `the same proof at ${node.name}`);
  await refused(await ask(await proof('userinfo', 'GET', { token: `${token}x` })), 'of another token');
  await refused(await ask(await proof('userinfo', 'GET')), 'without ath');
  await refused(await ask(await dpopProof({ key: other, method: 'GET', url: url('userinfo'), nonce, token })), "by another's key");
  await refused(await ask(undefined, 'Bearer'), 'as a bearer token');
  await refused(await ask(undefined), 'without a proof');
  // And the refresh token, which a public client's thief would have alone.
  const renew = async (by) => redeem({ grant_type: 'refresh_token', refresh_token: given.json.refresh_token }, await dpopProof({ key: by, method: 'POST', url: url('token'), nonce }));
  const renewed = await renew(key);
  assert.equal(renewed.status, 200, renewed.body);
  assert.equal(renewed.json.token_type, 'DPoP');
});

check('B14', 'a token that is given up is dead on every node within a second; nobody gives up another\'s', async ({ target }) => {
  const [rp, foreign, account] = [await conf(), await evil(), await alice()];
  const given = await tokensOf(target, rp, account, { scope: 'openid email offline_access' });
  const as = (who) => ({ authorization: basic(who.clientId, who.secret) });
  const revoke = (who, token) => post(target, '/oauth/revoke', { headers: as(who), form: { token } });
  const state = async (node) => ({
    userinfo: (await get(node, '/oauth/userinfo', { headers: { authorization: `Bearer ${given.access_token}` } })).status,
    active: (await post(node, '/oauth/introspect', { headers: as(rp), form: { token: given.access_token } })).json.active,
  });
  const nodes = demo().nodes.map((node) => (node.id === target.id ? target : node));
  for (const token of [given.access_token, given.refresh_token]) assert.equal((await revoke(foreign, token)).status, 200, 'the answer tells nothing');
  await sleep(100);
  for (const node of nodes) assert.deepEqual(await state(node), { userinfo: 200, active: true }, `${node.name}: a stranger's wish`);
  assert.equal((await revoke(rp, given.access_token)).status, 200);
  const deadline = Date.now() + 1000;
  for (const node of nodes) {
    let now = await state(node);
    while ((now.userinfo === 200 || now.active) && Date.now() < deadline) {
      await sleep(10);
      now = await state(node);
    }
    if (now.userinfo === 200 || now.active) { // a machine under load: when the node has heard of it
      for (const { id } of demo().nodes) await everywhere(id);
      now = await state(node);
    }
    assert.deepEqual(now, { userinfo: 401, active: false }, node.name);
  }
  const renewed = await refresh(target, rp, given.refresh_token);
  assert.equal(renewed.status, 200, 'the refresh token was not meant');
  assert.equal((await revoke(rp, renewed.json.refresh_token)).status, 200);
  assert.equal((await refresh(target, rp, renewed.json.refresh_token)).json.error, 'invalid_grant', 'with its family');
});
