// SECURITY_CHECKS C: ID tokens, keys, discovery.
import assert from 'node:assert/strict';
import { createHash, createPublicKey, createSign, generateKeyPairSync, createHmac } from 'node:crypto';
import http from 'node:http';
import * as jose from 'jose';
import { operator } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo } from '../lib/demo.mjs';
import { alice, browserOf, code, conf, postRp, tokensOf } from '../lib/fixtures.mjs';
import { authorizeParams, authorizePath, callback, redeem, userinfo } from '../lib/flow.mjs';
import { get, post, request } from '../lib/http.mjs';
import { note } from '../lib/secrets.mjs';

const jwksOf = async (target) => (await get(target, '/oauth/jwks')).json;

check('C01', 'ID token: every claim and the signature, RS256 and ES256', async ({ target }) => {
  const account = await alice();
  const keys = jose.createLocalJWKSet(await jwksOf(target));
  const advertised = (await get(target, '/oauth/.well-known/openid-configuration')).json.id_token_signing_alg_values_supported;
  for (const rp of [await conf(), await postRp()]) {
    const nonce = `n "ö" %20+/=<>'\\ ${'x'.repeat(20)}`;
    const began = Math.floor(Date.now() / 1000);
    const got = await code(target, rp, account, { nonce, scope: 'openid profile email' });
    const answer = (await redeem(target, rp, got.code, { verifier: got.verifier })).json;
    const { payload, protectedHeader } = await jose.jwtVerify(answer.id_token, keys, {
      issuer: demo().issuer,
      audience: rp.clientId,
      algorithms: [rp.alg],
      clockTolerance: 2,
    });
    assert.ok(advertised.includes(protectedHeader.alg));
    assert.ok(protectedHeader.kid, 'kid');
    assert.equal(payload.aud, rp.clientId, 'aud is this client alone');
    assert.ok(payload.azp === undefined || payload.azp === rp.clientId, 'azp');
    assert.equal(payload.nonce, nonce, 'nonce, byte for byte');
    assert.equal(payload.sub, account.sub);
    assert.ok(Math.abs(payload.iat - began) <= 5, `iat ${payload.iat}, now ${began}`);
    assert.ok(payload.exp > payload.iat && payload.exp - payload.iat <= 3600, 'exp');
    assert.ok(payload.auth_time <= payload.iat && payload.auth_time > began - 7200, 'auth_time');
    const half = createHash('sha256').update(answer.access_token).digest().subarray(0, 16).toString('base64url');
    assert.equal(payload.at_hash, half, 'at_hash');
    assert.ok(payload.jti, 'jti');
    for (const name of Object.keys(payload))
      assert.ok(['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'jti', 'at_hash', 'sid', 'azp', 'acr', 'amr'].includes(name), `no personal data: ${name}`);
    assert.equal((await userinfo(target, answer.access_token)).json.sub, payload.sub, 'userinfo is of the same sub');
    const plain = await code(target, rp, account, { nonce: null });
    const without = (await redeem(target, rp, plain.code, { verifier: plain.verifier })).json;
    assert.equal(jose.decodeJwt(without.id_token).nonce, undefined, 'no nonce unasked');
    assert.notEqual(jose.decodeJwt(without.id_token).jti, payload.jti);
  }
});

const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

// Hostile tokens, made from a good one. `canary` is a URL that nobody may fetch.
function hostile(good, jwk, canary) {
  const [head, body, signature] = good.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url'));
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const ours = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const oursEc = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const hmac = (secret, extra = {}) => {
    const text = `${b64({ ...header, alg: 'HS256', ...extra })}.${body}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const signed = (extra, payload = body) => {
    const text = `${b64({ ...header, alg: 'RS256', ...extra })}.${payload}`;
    return `${text}.${createSign('sha256').update(text).sign(ours.privateKey).toString('base64url')}`;
  };
  const ourJwk = ours.publicKey.export({ format: 'jwk' });
  const ecText = `${b64({ ...header, alg: 'ES256' })}.${body}`;
  const der = createSign('sha256').update(ecText).sign(oursEc.privateKey).toString('base64url');
  const resign = (extra) => `${b64({ ...header, ...extra })}.${body}.${signature}`;
  return {
    'alg none': `${b64({ ...header, alg: 'none' })}.${body}.`,
    'alg none, signature kept': `${b64({ ...header, alg: 'none' })}.${body}.${signature}`,
    'alg nOnE': `${b64({ ...header, alg: 'nOnE' })}.${body}.`,
    'alg empty': `${b64({ ...header, alg: '' })}.${body}.`,
    'no alg': `${b64({ kid: header.kid })}.${body}.${signature}`,
    'HS256 by PEM': hmac(key.export({ type: 'spki', format: 'pem' })),
    'HS256 by DER': hmac(key.export({ type: 'spki', format: 'der' })),
    'HS256 by n or x': hmac(Buffer.from(jwk.n ?? jwk.x, 'base64url')),
    'HS256 by the JWK text': hmac(JSON.stringify(jwk)),
    'HS256, no kid': hmac(key.export({ type: 'spki', format: 'pem' }), { kid: undefined }),
    'own key in jwk': signed({ jwk: ourJwk }),
    'own key in jwk, no kid': signed({ jwk: ourJwk, kid: undefined }),
    jku: signed({ jku: `${canary}jku` }),
    x5u: signed({ x5u: `${canary}x5u` }),
    'kid is a path': signed({ kid: '../../../../dev/null' }),
    'kid is SQL': signed({ kid: `x' OR '1'='1` }),
    'kid is a URL': signed({ kid: `${canary}kid` }),
    'kid of 6 KiB': signed({ kid: 'k'.repeat(6000) }),
    'kid is a number': resign({ kid: 7 }),
    'crit unknown': resign({ crit: ['x'], x: 1 }),
    'b64 false': resign({ b64: false, crit: ['b64'] }),
    'payload changed': `${head}.${b64({ ...claims, sub: 'f'.repeat(32) })}.${signature}`,
    'claims doubled': `${head}.${b64(`{"iss":"${claims.iss}","sub":"x",${JSON.stringify(claims).slice(1)}`)}.${signature}`,
    'ES256 with r = s = 0': `${ecText}.${Buffer.alloc(64).toString('base64url')}`,
    'ES256 in DER': `${ecText}.${der}`,
    'ES256 by another key': `${ecText}.${createSign('sha256').update(ecText).sign({ key: oursEc.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`,
    'signature cut': `${head}.${body}.${signature.slice(0, -8)}`,
    'signature gone': `${head}.${body}.`,
    'two parts': `${head}.${body}`,
    'four parts': `${good}.x`,
    JWE: `${b64({ alg: 'dir', enc: 'A128GCM' })}..AAAA.AAAA.AAAA`,
    'header is not JSON': `${b64('{')}.${body}.${signature}`,
    'deep JSON': `${b64('['.repeat(2000))}.${body}.${signature}`,
    nothing: '..',
  };
}

check('C02', 'hostile JWTs are refused wherever a JWT is taken, and fetch nothing', async ({ target, note }) => {
  let fetched = 0;
  const canary = http.createServer((_, answer) => {
    fetched++;
    answer.end('{}');
  });
  canary.on('connection', () => fetched++);
  await new Promise((done) => canary.listen(0, '127.0.0.1', done));
  try {
    const url = `http://127.0.0.1:${canary.address().port}/`;
    const { keys } = await jwksOf(target);
    let tried = 0;
    for (const rp of [await conf(), await postRp()]) {
      const account = await alice();
      const { id_token: good, access_token: access } = await tokensOf(target, rp, account);
      const browser = await browserOf(target, account);
      const ask = (hint) => browser.get(authorizePath(authorizeParams(rp, { prompt: 'none', id_token_hint: hint })));
      assert.ok(callback(await ask(good), rp).code, 'the good hint is taken');
      const jwk = keys.find((key) => key.kid === jose.decodeProtectedHeader(good).kid);
      for (const [what, jwt] of Object.entries(hostile(good, jwk, url))) {
        const answer = await ask(jwt);
        if (answer.location === undefined) assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status}`);
        else {
          const result = callback(answer, rp);
          assert.equal(result.code, undefined, `${what}: a code was given`);
          assert.ok(['invalid_request', 'login_required'].includes(result.error), `${what}: ${result.error}`);
        }
        const bearer = await userinfo(target, jwt.replace(/[^\x21-\x7e]/g, ''));
        assert.ok([400, 401].includes(bearer.status), `${what} as access token: ${bearer.status}`);
        const assertion = await post(target, '/oauth/token', {
          form: {
            grant_type: 'authorization_code',
            code: 'x',
            redirect_uri: rp.redirectUri,
            client_id: rp.clientId,
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: jwt,
          },
        });
        assert.ok([400, 401].includes(assertion.status), `${what} as client assertion: ${assertion.status}`);
        tried++;
      }
      assert.equal((await userinfo(target, access)).status, 200, 'the node still answers');
    }
    assert.equal(fetched, 0, 'nothing was fetched');
    note(`${tried} tokens`);
  } finally {
    canary.close();
  }
});

const REGISTRATION = 'https://self.example.test/cb';
async function initialToken() {
  const { status, json } = await operator(1, 'POST', '/v1/registration-tokens', {});
  assert.equal(status, 200, JSON.stringify(json));
  return note(json.token);
}
const registering = (target, token, body) =>
  post(target, '/oauth/register', {
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });

check('C07', 'registration: with an initial access token alone, never for a loose redirect URI, and nobody else changes it', async ({ target }) => {
  const good = { redirect_uris: [REGISTRATION] };
  for (const token of [undefined, 'x', 'A'.repeat(120), (await tokensOf(target, await conf(), await alice())).access_token])
    assert.equal((await registering(target, token, good)).status, 401, `token ${token?.slice(0, 4)}`);
  const token = await initialToken();
  for (const uri of ['javascript:alert(1)', 'https://*.example.test/cb', `${REGISTRATION}#f`, 'http://self.example.test/cb', 'https://u@self.example.test/cb', 'data:text/html,x', ' https://self.example.test/cb']) {
    const answer = await registering(target, token, { redirect_uris: [REGISTRATION, uri] });
    assert.deepEqual([answer.status, answer.json.error], [400, 'invalid_redirect_uri'], uri);
  }
  const first = await registering(target, token, good);
  assert.equal(first.status, 201, first.body);
  assert.equal((await registering(target, token, good)).status, 401, 'once');
  const second = await registering(target, await initialToken(), good);
  for (const { json } of [first, second]) for (const name of ['client_secret', 'registration_access_token']) note(json[name]);
  const of = ({ json }) => new URL(json.registration_client_uri).search;
  for (const guess of [second.json.registration_access_token, first.json.client_secret, 'x'.repeat(64)]) {
    const headers = { authorization: `Bearer ${guess}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ client_id: first.json.client_id, redirect_uris: ['https://evil.example.test/cb'] });
    assert.equal((await request(target, 'PUT', `/oauth/register${of(first)}`, { headers, body })).status, 401);
    assert.equal((await request(target, 'DELETE', `/oauth/register${of(first)}`, { headers })).status, 401);
    assert.equal((await get(target, `/oauth/register${of(first)}`, { headers })).status, 401);
  }
  const headers = { authorization: `Bearer ${first.json.registration_access_token}` };
  const now = await get(target, `/oauth/register${of(first)}`, { headers });
  assert.deepEqual(now.json.redirect_uris, [REGISTRATION], 'as it was');
});

check('C05', 'discovery and keys: coherent, cacheable, identical everywhere', async ({ target }) => {
  const path = '/oauth/.well-known/openid-configuration';
  const answer = await get(target, path);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^application\/json\b/);
  const document = answer.json;
  assert.equal(document.issuer, demo().issuer);
  const { origin } = new URL(demo().issuer);
  for (const [name, value] of Object.entries(document)) {
    if (!/_endpoint$|_uri$/.test(name)) continue;
    assert.ok(value.startsWith(`${origin}/`) && value.startsWith('https://'), `${name} is https of the same origin`);
  }
  const paths = { authorization_endpoint: 400, token_endpoint: 405, userinfo_endpoint: 401, jwks_uri: 200, introspection_endpoint: 405, revocation_endpoint: 405, pushed_authorization_request_endpoint: 405 };
  for (const [name, status] of Object.entries(paths)) {
    const there = await get(target, new URL(document[name]).pathname);
    assert.equal(there.status, status, name);
  }
  assert.deepEqual(document.response_types_supported, ['code']);
  assert.deepEqual(document.code_challenge_methods_supported, ['S256']);
  assert.deepEqual([...document.id_token_signing_alg_values_supported].sort(), ['ES256', 'PS256', 'RS256']);
  assert.ok(!JSON.stringify(document).includes('"none"') || document.token_endpoint_auth_methods_supported.includes('none'));
  const jwks = await get(target, '/oauth/jwks');
  assert.equal(jwks.status, 200);
  for (const one of [answer, jwks]) {
    assert.match(one.headers['cache-control'] ?? '', /max-age=[1-9]/, 'cacheable');
    assert.ok(!/no-store/.test(one.headers['cache-control']), 'cacheable');
    assert.equal(one.cookies.length, 0, 'no cookie');
  }
  const { keys } = jwks.json;
  assert.deepEqual([...new Set(keys.map((k) => k.alg))].sort(), ['ES256', 'PS256', 'RS256'], 'one of each; more while one is rotated');
  assert.equal(new Set(keys.map((k) => k.kid)).size, keys.length, 'kids differ');
  for (const key of keys) {
    assert.equal(key.use, 'sig');
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.equal(key[secret], undefined, `no private member ${secret}`);
    if (key.kty === 'RSA') assert.ok(Buffer.from(key.n, 'base64url').length * 8 >= 2048);
    else assert.equal(key.crv, 'P-256');
  }
  for (const node of demo().nodes) {
    assert.equal((await get(node, path)).body, answer.body, `discovery of ${node.name}`);
    assert.equal((await get(node, '/oauth/jwks')).body, jwks.body, `keys of ${node.name}`);
  }
});
