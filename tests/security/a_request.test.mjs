// SECURITY_CHECKS A11, A16, A17, A18: requests that come in other forms, by value and by
// reference.
import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import net from 'node:net';
import { addClient, operator, word } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo, sleep } from '../lib/demo.mjs';
import { alice, bob, browserOf, conf, evil } from '../lib/fixtures.mjs';
import { authorizeParams, authorizePath, basic, Browser, callback, isLoginPage, loginForm, pkce, posted, random, redeem } from '../lib/flow.mjs';
import { attributes } from '../lib/html.mjs';
import { get, post } from '../lib/http.mjs';
import { count, tally, volley } from '../lib/race.mjs';
import { newKey } from '../conformance/lib/keys.mjs';
import { signed } from '../conformance/lib/request_object.mjs';

const once = (make) => {
  let made;
  return () => (made ??= make());
};
const isRejected = (answer) => answer.status === 400 && answer.location === undefined && answer.isHtml;
function assertRejected(answer, what) {
  assert.ok(isRejected(answer), `${what}: ${answer.status} ${answer.location ?? ''} ${answer.body.slice(0, 200)}`);
}

check('A11', 'an answer by form_post: escaped, bound by its policy, to https alone', async ({ target }) => {
  const rp = await conf();
  const browser = await browserOf(target, await alice());
  const policyOf = (answer) => answer.headers['content-security-policy'] ?? '';
  for (const state of [`"><svg onload=alert(1)>`, `'"><script>alert(1)</script>`, `</form><form action="https://evil.test/">`, '{{code}} {{{iss}}}']) {
    const answer = await browser.get(authorizePath(authorizeParams(rp, { response_mode: 'form_post', prompt: 'none', state })));
    const foreign = answer.body.replace('<script>document.forms[0].submit()</script>', ''); // ours, by its hash
    assert.ok(!/<svg|<script(?![^>]*\bsrc=)|<form[^>]*evil\.test/.test(foreign), `not escaped: ${state}`);
    const fields = posted(answer, rp);
    assert.equal(fields.state, state, 'exactly as it was sent');
    assert.ok(fields.code);
    const action = /form-action ([^;]*)/.exec(policyOf(answer))?.[1] ?? '';
    assert.ok(action.split(' ').includes(new URL(rp.redirectUri).origin), `form-action: ${action}`);
    assert.ok(!/[*]|https:(?!\/\/)|unsafe/.test(action), `form-action: ${action}`);
    for (const form of answer.body.match(/<form\b[^>]*>/g)) assert.equal(attributes(form).action, rp.redirectUri);
  }
  for (const uri of ['javascript:alert(1)', 'data:text/html,<svg onload=alert(1)>', 'http://rp.example.test/cb', 'vbscript:x', 'file:///etc/passwd', 'custom.app:/cb']) {
    for (const mode of ['form_post', 'query'])
      assertRejected(await browser.get(authorizePath(authorizeParams(rp, { response_mode: mode, redirect_uri: uri }))), uri);
    const { status } = await operator(1, 'POST', '/v1/clients', {
      client_id: `t-scheme-${word()}`, name: 'x', profile: 'standard', auth: 'basic', alg: 'RS256', scopes: ['openid'], redirect_uris: [uri],
    });
    assert.equal(status, 422, `${uri} is not registered`);
  }
});

const signer = once(async () => {
  const key = await newKey('RS256');
  return { key, rp: await addClient({ name: 'object', profile: 'standard', jwks: { keys: [key.jwk] } }) };
});

check('A16', 'request objects: signed by the client, for us, and never at odds with the query', async ({ target }) => {
  const { key, rp } = await signer();
  const { issuer } = demo();
  const pem = createPublicKey({ key: key.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const claims = (changes = {}) => {
    const now = Math.floor(Date.now() / 1000);
    return { ...authorizeParams(rp, { scope: 'openid' }), iss: rp.clientId, aud: issuer, iat: now, nbf: now, exp: now + 60, jti: word(16), ...changes };
  };
  const send = (object, outside = {}) =>
    get(target, authorizePath({ client_id: rp.clientId, redirect_uri: rp.redirectUri, response_type: 'code', scope: 'openid', ...outside, request: object }));
  assert.ok(isLoginPage(await send(await signed(claims(), key))), 'a good one is taken');
  const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const hs256 = (secret) => {
    const text = `${b64({ alg: 'HS256', kid: key.jwk.kid, typ: 'oauth-authz-req+jwt' })}.${b64(claims())}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const other = await newKey('RS256');
  const bad = {
    'alg none': `${b64({ alg: 'none' })}.${b64(claims())}.`,
    'alg NONE': `${b64({ alg: 'NONE' })}.${b64(claims())}.`,
    'HS256 by the PEM': hs256(pem),
    'HS256 by n': hs256(Buffer.from(key.jwk.n, 'base64url')),
    'HS256 by the secret': hs256(rp.secret),
    'another key': await signed(claims(), { ...other, jwk: { ...other.jwk, kid: key.jwk.kid } }),
    'changed': await signed(claims(), key, { tamper: true }),
    'another audience': await signed(claims({ aud: 'https://other.example.test/' }), key),
    'no audience': await signed(claims({ aud: undefined }), key),
    'another issuer': await signed(claims({ iss: (await evil()).clientId }), key),
    'expired': await signed(claims({ exp: Math.floor(Date.now() / 1000) - 120 }), key),
    'of the future': await signed(claims({ nbf: Math.floor(Date.now() / 1000) + 600 }), key),
    'a request within': await signed(claims({ request: 'x' }), key),
    'an assertion of the client': await signed({ iss: rp.clientId, sub: rp.clientId, aud: issuer, exp: 9999999999, iat: 1 }, key, { header: { typ: 'JWT' } }),
  };
  for (const [what, object] of Object.entries(bad)) {
    const answer = await send(object);
    assert.ok(!isLoginPage(answer), `${what} is taken`);
    if (answer.location === undefined) assert.equal(answer.status, 400, what);
    else assert.ok(['invalid_request_object', 'invalid_request', 'request_not_supported'].includes(callback(answer, rp).error), `${what}: ${answer.location}`);
  }
  // What the query says otherwise is refused, or counts for nothing (RFC 9101 §6.3).
  assert.ok(!isLoginPage(await send(await signed(claims(), key), { client_id: (await evil()).clientId })), 'client_id outside is another one');
  const browser = await browserOf(target, await alice());
  const sent = claims({ prompt: 'none', state: 'of the object' });
  const path = (object) => authorizePath({ client_id: rp.clientId, response_type: 'token', redirect_uri: 'https://evil.test/cb', scope: 'openid email', state: 'of the query', request: object });
  const answer = await browser.get(path(await signed(sent, key)));
  if (answer.location === undefined) assertRejected(answer, 'at odds with the query');
  else {
    const result = callback(answer, rp);
    assert.equal(result.access_token, undefined);
    assert.equal(result.state, 'of the object');
    if (result.code) assert.equal((await redeem(target, rp, result.code)).json.scope, 'openid', 'no scope of the query');
  }
  assertRejected(await send(await signed(claims({ redirect_uri: 'https://evil.test/cb' }), key)), 'a redirect URI within that is nobody\'s');
});

// A listener that nobody may come to: { port, came, close }.
async function canary() {
  const here = { came: 0 };
  const server = net.createServer((socket) => {
    here.came++;
    socket.on('error', () => {});
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return Object.assign(here, { port: server.address().port, close: () => server.close() });
}

check('A17', 'a request by reference is refused, and nobody goes there', async ({ target, note }) => {
  const rp = await conf();
  const trap = await canary();
  try {
    const uris = [
      `http://127.0.0.1:${trap.port}/`, `https://127.0.0.1:${trap.port}/r.jwt`, `http://localhost:${trap.port}/`, `https://[::1]:${trap.port}/`, `http://127.1:${trap.port}/`,
      `http://2130706433:${trap.port}/`, `http://0x7f000001:${trap.port}/`, `http://[::ffff:127.0.0.1]:${trap.port}/`, `http://localtest.me:${trap.port}/`, `gopher://127.0.0.1:${trap.port}/_x`,
      'http://169.254.169.254/latest/meta-data/', 'file:///etc/passwd', 'https://[::1]/', `https://rp.example.test@127.0.0.1:${trap.port}/`, `${rp.redirectUri}`, '//127.0.0.1/',
    ];
    for (const uri of uris) {
      const params = authorizeParams(rp, { request_uri: uri });
      for (const answer of [await get(target, authorizePath(params)), await post(target, '/oauth/authorize', { form: params })]) {
        assert.ok(!isLoginPage(answer), `${uri} is taken`);
        if (answer.location !== undefined) assert.ok(['request_uri_not_supported', 'invalid_request_uri'].includes(callback(answer, rp).error), `${uri}: ${answer.location}`);
        else assert.equal(answer.status, 400, uri);
      }
      const pushed = await post(target, '/oauth/par', { headers: { authorization: basic(rp.clientId, rp.secret) }, form: params });
      assert.ok(pushed.status >= 400 && pushed.status < 500, `${uri} pushed: ${pushed.status}`);
    }
    await sleep(400);
    assert.equal(trap.came, 0, `${trap.came} connections came`);
    note(`${uris.length} addresses`);
  } finally {
    trap.close();
  }
});

const pusher = once(() => addClient({ name: 'pushes', profile: 'standard', features: ['require_par'] }));
const PUSHED_S = 60; // SVC_PUSHED_TTL_S

async function push(target, rp, params = {}) {
  const { challenge, verifier } = pkce();
  const answer = await post(target, '/oauth/par', {
    headers: { authorization: basic(rp.clientId, rp.secret) },
    form: authorizeParams(rp, { scope: 'openid', code_challenge: challenge, code_challenge_method: 'S256', ...params }),
  });
  assert.equal(answer.status, 201, answer.body);
  assert.ok(answer.json.expires_in <= 90 && answer.json.expires_in > 0, `expires_in ${answer.json.expires_in}`);
  assert.match(answer.json.request_uri, /^urn:ietf:params:oauth:request_uri:[\w-]{43,}$/, '256 bits');
  return { uri: answer.json.request_uri, verifier };
}
const take = (browser, rp, uri, at) => browser.get(authorizePath({ client_id: rp.clientId, request_uri: uri }), { at });

check('A18', 'a pushed request is its client\'s, is answered once, in one browser, and not after a minute', async ({ target, others }) => {
  const rp = await pusher();
  const dying = await push(target, rp, { prompt: 'none' });
  const pushedAt = Date.now();
  const browser = await browserOf(target, await alice());
  const { uri, verifier } = await push(others[0] ?? target, rp, { prompt: 'none' });
  assertRejected(await take(browser, await evil(), uri), "another client's");
  const first = callback(await take(browser, rp, uri), rp);
  assert.equal((await redeem(target, rp, first.code, { verifier })).status, 200);
  for (const at of [target, ...others]) {
    assertRejected(await take(browser, rp, uri, at), `again at ${at.name}`);
    assertRejected(await take(await browserOf(at, await bob()), rp, uri, at), `in another browser at ${at.name}`);
  }
  // Two browsers show its page; what one answers is the end of it for the other.
  const shared = await push(target, rp, { prompt: 'login' });
  const [one, two] = [new Browser(target), new Browser(target)];
  const pages = [await take(one, rp, shared.uri), await take(two, rp, shared.uri)];
  const account = await bob();
  const form = loginForm(pages[0]);
  const crossed = await two.post(form.path, { ...form.fields, account_id: account.id, password: account.password });
  assert.equal(crossed.location, undefined, "one's page in the other's browser");
  assert.ok(callback(await one.post(form.path, { ...form.fields, account_id: account.id, password: account.password }), rp).code);
  if (isLoginPage(pages[1])) {
    const late = loginForm(pages[1]);
    const answer = await two.post(late.path, { ...late.fields, account_id: account.id, password: account.password });
    assert.ok(!answer.location || !new URL(answer.location).searchParams.has('code'), 'a second code for one request');
  }
  const raced = await push(target, rp, { prompt: 'none' });
  const answers = await volley(12, [target, ...others], async (at) => {
    const answer = await take(browser, rp, raced.uri, at);
    return { status: answer.location && new URL(answer.location).searchParams.has('code') ? 1 : 2 };
  });
  assert.equal(count(answers, 1), 1, tally(answers));
  for (const made of [`urn:ietf:params:oauth:request_uri:${random(32)}`, `${uri}x`, 'urn:ietf:params:oauth:request_uri:'])
    assertRejected(await take(browser, rp, made), made);
  await sleep(Math.max(0, pushedAt + PUSHED_S * 1000 + 1500 - Date.now()));
  assertRejected(await take(browser, rp, dying.uri), 'after a minute');
}, { parallel: true, timeout: 200000 });
