// SECURITY_CHECKS A: the authorization endpoint.
import assert from 'node:assert/strict';
import { addClient } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo, sleep } from '../lib/demo.mjs';
import { alice, asking, bob, conf, evil, NATIVE_REDIRECT, pub } from '../lib/fixtures.mjs';
import {
  authorize,
  authorizeParams,
  authorizePath,
  Browser,
  callback,
  posted,
  isConsentPage,
  isLoginPage,
  loginForm,
  pkce,
  random,
  redeem,
  sessionLives,
  signIn,
  submitLogin,
  userinfo,
} from '../lib/flow.mjs';
import { get, Jar, post, raw } from '../lib/http.mjs';
import { addresses } from '../lib/html.mjs';

// "rejected page": 400 on our own origin, never a redirect.
export function assertRejected(answer, what) {
  assert.equal(answer.location, undefined, `${what}: redirected to ${answer.location}`);
  assert.equal(answer.status, 400, `${what}: status ${answer.status}`);
  assert.ok(answer.isHtml, `${what}: an HTML page`);
}

// A refusal: our own page, or (where the redirect URI is proven) the RFC's error there.
function assertRefused(answer, rp, errors, what) {
  if (answer.location === undefined) {
    assert.equal(answer.status, 400, `${what}: status ${answer.status}`);
    return;
  }
  const result = callback(answer, rp);
  assert.ok([errors].flat().includes(result.error), `${what}: ${JSON.stringify(result)}`);
  assert.equal(result.code, undefined, `${what}: a code was given`);
  assert.equal(result.iss, demo().issuer, `${what}: iss`);
}

const REDIRECT_VARIANTS = (uri) => {
  const { host } = new URL(uri);
  return [
    `${uri}/x`,
    `${uri}/../x`,
    `${uri}/./`,
    `${uri}//x`,
    `${uri}?x=1`,
    `${uri}?`,
    `${uri}#f`,
    `${uri}#`,
    `${uri}/`,
    `${uri}%2e%2e`,
    `${uri}/%2e%2e/x`,
    `${uri}%00`,
    `${uri}%0d%0aLocation:%20https://evil.test`,
    uri.replace(host, host.toUpperCase()),
    uri.replace('https:', 'HTTPS:'),
    uri.replace('https:', 'http:'),
    uri.replace(host, `${host}:443`),
    uri.replace(host, `${host}:8443`),
    uri.replace(host, `${host}@evil.test`),
    uri.replace(host, `evil.test@${host}`),
    uri.replace(host, `${host}.evil.test`),
    uri.replace(host, `evil.test\\.${host}`),
    uri.replace(host, `evil.test%23.${host}`),
    uri.replace('https://', 'https:\\\\'),
    uri.replace('https://', 'https:/'),
    uri.replace('https://', '//'),
    uri.replace(host, `${host}\\@evil.test`),
    uri.replace('example', 'exаmple'), // Cyrillic a
    uri.replace(host, `${host}.`),
    `${uri}\t`,
    ` ${uri}`,
    `${uri} `,
    `${uri}\r\nX: y`,
    `${uri}\n`,
    `${uri}\0`,
    uri.replace('rp.', 'rp.\t'),
    uri.slice(0, -1),
    `${uri.slice(0, -1)}%62`,
    uri.replace('/cb', '/CB'),
    uri.replace('/cb', ''),
    'https://evil.test/cb',
    'javascript:alert(1)',
    'data:text/html,x',
  ];
};

check('A01', 'only the registered redirect URI, byte for byte', async ({ target, note }) => {
  const rp = await conf();
  const good = await get(target, authorizePath(authorizeParams(rp)));
  assert.ok(isLoginPage(good), `the registered URI is served: ${good.status}`);
  const variants = REDIRECT_VARIANTS(rp.redirectUri);
  assert.ok(variants.length >= 25);
  for (const uri of variants)
    assertRejected(await get(target, authorizePath(authorizeParams(rp, { redirect_uri: uri }))), JSON.stringify(uri));
  note(`${variants.length} variants`);
});

check('A02', 'loopback redirects: the port is free for an IP literal alone', async ({ target }) => {
  const rp = await pub();
  const proof = pkce();
  const send = (uri) =>
    get(target, authorizePath(authorizeParams(rp, { redirect_uri: uri, code_challenge: proof.challenge, code_challenge_method: 'S256' })));
  for (const uri of [NATIVE_REDIRECT, 'http://127.0.0.1:1024/cb', 'http://127.0.0.1:65535/cb'])
    assert.ok(isLoginPage(await send(uri)), uri);
  for (const uri of [
    'http://localhost/cb',
    'http://localhost:4000/cb',
    'http://127.0.0.1.evil.test/cb',
    'http://127.0.0.1:4000@evil.test/cb',
    'http://127.0.0.1:0/cb',
    'http://127.0.0.1:65536/cb',
    'http://127.0.0.1:4000/other',
    'http://127.0.0.2:4000/cb',
    'http://127.1:4000/cb',
    'http://[::1]:4000/cb',
    'https://127.0.0.1:4000/cb',
  ])
    assertRejected(await send(uri), uri);
  const web = await conf();
  assertRejected(await get(target, authorizePath(authorizeParams(web, { redirect_uri: 'http://127.0.0.1:4000/cb' }))), 'not a native client');
});

check('A03', 'unknown client, missing or doubled redirect_uri: no redirect', async ({ target }) => {
  const rp = await conf();
  const send = (params) => get(target, authorizePath(params));
  for (const clientId of [`unknown-${random(6)}`, 'x'.repeat(65), '../../etc', `${rp.clientId} `, `${rp.clientId}\0`, 'ü'])
    assertRejected(await send(authorizeParams(rp, { client_id: clientId })), `client_id ${JSON.stringify(clientId)}`);
  assertRejected(await send(authorizeParams(rp, { client_id: null })), 'no client_id');
  assertRejected(await send(authorizeParams(rp, { redirect_uri: null })), 'no redirect_uri');
  assertRejected(await send(authorizeParams(rp, { redirect_uri: '' })), 'empty redirect_uri');
  const doubled = [...Object.entries(authorizeParams(rp)), ['redirect_uri', rp.redirectUri]];
  assertRejected(await send(doubled), 'redirect_uri twice, both good');
  assertRejected(await send(authorizeParams(rp, { redirect_uri: (await evil()).redirectUri })), 'the URI of another client');
});

check('A04', 'no parameter twice: in the query, in the body, split', async ({ target }) => {
  const rp = await conf();
  const proof = pkce();
  const params = authorizeParams(rp, { code_challenge: proof.challenge, code_challenge_method: 'S256' });
  const other = {
    client_id: (await evil()).clientId,
    redirect_uri: (await evil()).redirectUri,
    state: 'other',
    scope: 'openid email',
    response_type: 'token',
    code_challenge: pkce().challenge,
    nonce: 'other',
  };
  const single = await post(target, '/oauth/authorize', { form: params });
  assert.ok(isLoginPage(single), 'the request is good as a form, each once');
  for (const [name, value] of Object.entries(other)) {
    const page = name === 'client_id' || name === 'redirect_uri';
    for (const [where, list] of [
      ['last', [...Object.entries(params), [name, value]]],
      ['first', [[name, value], ...Object.entries(params)]],
    ]) {
      const inQuery = await get(target, authorizePath(list));
      const inBody = await post(target, '/oauth/authorize', { form: list });
      if (page) {
        assertRejected(inQuery, `${name} ${where} in the query`);
        assertRejected(inBody, `${name} ${where} in the body`);
      } else {
        assertRefused(inQuery, rp, 'invalid_request', `${name} ${where} in the query`);
        assertRefused(inBody, rp, 'invalid_request', `${name} ${where} in the body`);
      }
    }
    const split = await post(target, `/oauth/authorize?${new URLSearchParams({ [name]: value })}`, { form: params });
    if (page) assertRejected(split, `${name} split over query and body`);
    else assertRefused(split, rp, 'invalid_request', `${name} split over query and body`);
  }
});

check('A05', 'code is the only response type, and stays so on the way', async ({ target }) => {
  const rp = await conf();
  const account = await alice();
  for (const type of ['token', 'id_token token', 'code token', 'code id_token', 'id_token', 'none', 'CODE', 'code ', 'x']) {
    const result = callback(await get(target, authorizePath(authorizeParams(rp, { response_type: type }))), rp);
    assert.ok(['unsupported_response_type', 'unauthorized_client'].includes(result.error), `${type}: ${result.error}`);
  }
  assert.equal(callback(await get(target, authorizePath(authorizeParams(rp, { response_type: null }))), rp).error, 'invalid_request');
  // Switched between the steps of one login.
  const browser = new Browser(target);
  const page = await browser.get(authorizePath(authorizeParams(rp)));
  const form = loginForm(page);
  const answer = await browser.post(`${form.path}?response_type=token`, {
    ...form.fields,
    response_type: 'token',
    account_id: account.id,
    password: account.password,
  });
  if (answer.location !== undefined) {
    const result = callback(answer, rp);
    assert.equal(result.access_token, undefined);
    assert.equal(result.id_token, undefined);
  }
});

check('A06', 'PKCE: S256 alone, of the right length, required of public clients', async ({ target }) => {
  const confidential = await conf();
  const open = await pub();
  const { challenge } = pkce();
  const send = async (rp, changes) => callback(await get(target, authorizePath(authorizeParams(rp, changes))), rp).error;
  for (const rp of [confidential, open]) {
    const bad = {
      'method plain': { code_challenge: challenge, code_challenge_method: 'plain' },
      'method absent': { code_challenge: challenge },
      'method s256': { code_challenge: challenge, code_challenge_method: 's256' },
      '42 characters': { code_challenge: challenge.slice(0, 42), code_challenge_method: 'S256' },
      '44 characters': { code_challenge: `${challenge}A`, code_challenge_method: 'S256' },
      '129 characters': { code_challenge: 'A'.repeat(129), code_challenge_method: 'S256' },
      'not base64url': { code_challenge: `${challenge.slice(0, 42)}+`, code_challenge_method: 'S256' },
      'method without challenge': { code_challenge_method: 'S256' },
    };
    for (const [what, changes] of Object.entries(bad)) assert.equal(await send(rp, changes), 'invalid_request', `${rp.clientId}: ${what}`);
  }
  assert.equal(await send(open, {}), 'invalid_request', 'public client without challenge');
  assert.ok(isLoginPage(await get(target, authorizePath(authorizeParams(confidential)))), 'a confidential client may omit it');
});

check('A07', 'PKCE downgrade: a verifier for a code without challenge is refused', async ({ target }) => {
  const rp = await conf();
  const account = await alice();
  const { code } = await signIn(target, rp, account);
  const answer = await redeem(target, rp, code, { verifier: pkce().verifier });
  assert.equal(answer.status, 400, answer.body);
  assert.equal(answer.json.error, 'invalid_grant');
  const proof = pkce();
  const bound = await signIn(target, rp, account, { params: { code_challenge: proof.challenge, code_challenge_method: 'S256' } });
  const without = await redeem(target, rp, bound.code);
  assert.equal(without.status, 400, 'a challenge, where given, is binding');
  assert.equal(without.json.error, 'invalid_grant');
});

check('A08', 'iss in success and error answers is the issuer, exactly', async ({ target }) => {
  const rp = await conf();
  const discovery = (await get(target, '/oauth/.well-known/openid-configuration')).json;
  assert.equal(discovery.issuer, demo().issuer);
  assert.equal(discovery.authorization_response_iss_parameter_supported, true);
  const { browser, iss } = await signIn(target, rp, await alice());
  assert.equal(iss, discovery.issuer, 'success');
  const again = callback(await browser.get(authorizePath(authorizeParams(rp, { prompt: 'none' }))), rp);
  assert.ok(again.code && again.iss === discovery.issuer, 'success without UI');
  const error = callback(await get(target, authorizePath(authorizeParams(rp, { prompt: 'none' }))), rp);
  assert.equal(error.error, 'login_required');
  assert.equal(error.iss, discovery.issuer, 'error');
});

check('A09', 'the redirect after a form is 303 or 302', async ({ target }) => {
  const rp = await conf();
  const browser = new Browser(target);
  const page = await browser.get(authorizePath(authorizeParams(rp)));
  const answer = await submitLogin(browser, page, await alice());
  assert.ok([302, 303].includes(answer.status), `status ${answer.status}`);
  assert.ok(callback(answer, rp).code);
});

check('A10', 'state comes back exactly, or the request is refused', async ({ target }) => {
  const rp = await conf();
  const { browser } = await signIn(target, rp, await alice());
  const nasty = `"><script>alert('状態')</script>&=+%20%00;#`;
  for (const state of [nasty, 'a b+c', '%0d%0aSet-Cookie:x=y', 's'.repeat(2048)]) {
    const answer = await browser.get(authorizePath(authorizeParams(rp, { state, prompt: 'none' })));
    const result = callback(answer, rp);
    assert.ok(result.code, JSON.stringify(result));
    assert.equal(result.state, state, 'state is echoed exactly');
    assert.match(answer.location, /^[\x21-\x7e]+$/, 'Location is plain ASCII');
    assert.ok(!/[<>"]/.test(answer.location), 'Location is percent-encoded');
    const page = await get(target, authorizePath(authorizeParams(rp, { state })));
    assert.ok(isLoginPage(page));
    assert.ok(!page.body.includes('<script>alert'), 'not reflected into the page');
  }
  for (const state of ['a\r\nSet-Cookie: x=y', 'a\nb', 'a\0b', 'a\x7f']) {
    const answer = await browser.get(authorizePath(authorizeParams(rp, { state, prompt: 'none' })));
    if (answer.location === undefined) assert.equal(answer.status, 400);
    else {
      const result = callback(answer, rp);
      assert.equal(result.error, 'invalid_request', JSON.stringify(state));
      assert.equal(result.state, undefined, 'such a state is not sent back');
    }
    assert.ok(!answer.cookies.some((line) => line.startsWith('x=')), 'no header is split');
  }
  const huge = await browser.get(authorizePath(authorizeParams(rp, { state: 's'.repeat(65536), prompt: 'none' })), { fresh: true });
  assert.ok(huge.status >= 400 && huge.status < 500, `64 KiB of state: ${huge.status}`);
  const body = await browser.post('/oauth/authorize', authorizeParams(rp, { state: 's'.repeat(4000), prompt: 'none' }));
  assertRefused(body, rp, 'invalid_request', '4,000 characters of state in the body');
});

check('A13', 'prompt=none never shows a page', async ({ target }) => {
  const rp = await conf();
  const ask = await asking();
  const account = await alice();
  const none = (browser, client, extra = {}) => browser.get(authorizePath(authorizeParams(client, { prompt: 'none', ...extra })));
  assert.equal(callback(await none(new Browser(target), rp), rp).error, 'login_required', 'without session');
  const { browser } = await signIn(target, rp, account);
  assert.ok(callback(await none(browser, rp), rp).code, 'with session');
  assert.equal(callback(await none(browser, ask, { scope: 'openid' }), ask).error, 'consent_required', 'consent is missing');
  await sleep(1100);
  assert.equal(callback(await none(browser, rp, { max_age: '0' }), rp).error, 'login_required', 'max_age=0');
  assert.equal(callback(await none(browser, rp, { prompt: 'none login' }), rp).error, 'invalid_request', 'none and login');
});

check('A14', 'prompt=login and max_age ask anew; another user takes over cleanly', async ({ target }) => {
  const rp = await conf();
  const [one, two] = [await alice(), await bob()];
  const { browser } = await signIn(target, rp, one);
  const before = new Jar(browser.jar);
  const first = callback(await browser.get(authorizePath(authorizeParams(rp, { prompt: 'none' }))), rp);
  const firstTokens = (await redeem(target, rp, first.code)).json;
  const firstClaims = JSON.parse(Buffer.from(firstTokens.id_token.split('.')[1], 'base64url'));
  await sleep(2100);
  assert.ok(isLoginPage(await browser.get(authorizePath(authorizeParams(rp, { max_age: '1' })))), 'max_age=1 after 2 s');
  const page = await browser.get(authorizePath(authorizeParams(rp, { prompt: 'login' })));
  assert.ok(isLoginPage(page), 'prompt=login');
  const result = callback(await submitLogin(browser, page, two), rp);
  const given = (await redeem(target, rp, result.code)).json;
  const claims = JSON.parse(Buffer.from(given.id_token.split('.')[1], 'base64url'));
  assert.equal(claims.sub, two.sub, 'the new user');
  assert.ok(claims.auth_time > firstClaims.auth_time, 'auth_time is new');
  assert.equal((await userinfo(target, given.access_token)).json.sub, two.sub);
  assert.equal(await sessionLives(target, before, rp), false, 'the first session is over');
  assert.equal((await userinfo(target, firstTokens.access_token)).status, 401, 'and so are its tokens');
});

check('A20', 'hints are escaped and bounded', async ({ target }) => {
  const rp = await conf();
  const script = `"><script>alert(1)</script><img src=x onerror=alert(2)>`;
  const clean = await get(target, authorizePath(authorizeParams(rp)));
  for (const name of ['ui_locales', 'login_hint', 'acr_values', 'display', 'claims_locales']) {
    for (const value of [script, 'a\r\nSet-Cookie: x=y', '{{{x}}}{{>layout}}', '日本語 ja']) {
      const answer = await get(target, authorizePath(authorizeParams(rp, { [name]: value })));
      if (answer.status === 200) {
        assert.ok(isLoginPage(answer), name);
        assert.ok(!answer.body.includes('<script>alert') && !answer.body.includes('<img src=x'), `${name} is escaped`);
        assert.ok(answer.bytes.length < clean.bytes.length + 8192, `${name}: the page's size is bounded`);
      } else assertRefused(answer, rp, 'invalid_request', `${name}=${JSON.stringify(value)}`);
      assert.ok(!answer.cookies.some((line) => line.startsWith('x=')), 'no header is split');
    }
    const long = await get(target, authorizePath(authorizeParams(rp, { [name]: 'x'.repeat(1 << 20) })), { fresh: true }).catch((error) => error);
    if (long instanceof Error) assert.match(long.code ?? long.message, /ECONNRESET|EPIPE|hang up/, `${name} of 1 MiB`);
    else assert.ok(long.status >= 400 && long.status < 500, `${name} of 1 MiB: ${long.status}`);
    const form = authorizeParams(rp, { [name]: 'x'.repeat(1 << 20) });
    const body = await post(target, '/oauth/authorize', { form, fresh: true }).catch((error) => error);
    if (body instanceof Error) assert.match(body.code ?? body.message, /ECONNRESET|EPIPE|hang up/);
    else assert.ok(body.status >= 400 && body.status < 500, `${name} of 1 MiB in the body: ${body.status}`);
  }
  const hinted = await get(target, authorizePath(authorizeParams(rp, { login_hint: 'hanako@example.test' })));
  assert.equal(loginForm(hinted).fields.account_id, 'hanako@example.test', 'a good hint is of use');
});

check('A21', "the caller's error texts are not shown", async ({ target }) => {
  const rp = await conf();
  const canary = `canary-${random(9)}`;
  const extra = { error: canary, error_description: `<b>${canary}</b>`, error_uri: `https://${canary.toLowerCase()}.test/`, error_hint: canary };
  const query = new URLSearchParams(extra);
  const browser = new Browser(target);
  for (const path of [
    authorizePath({ ...authorizeParams(rp, { client_id: 'nobody' }), ...extra }),
    authorizePath({ ...authorizeParams(rp), ...extra }),
    `/oauth/authorize?${query}`,
    `/oauth/login?${query}`,
    `/oauth/consent?${query}`,
    `/oauth/logout?${query}`,
    `/oauth/error?${query}`,
    `/error?${query}`,
    `/?${query}`,
    `/${canary}?${query}`,
  ]) {
    const answer = await browser.get(path);
    // The language switch repeats the page's own address, as a path; nothing else does.
    const shown = answer.body.replace(/\shref="\/[^"<>]*"/g, '').toLowerCase();
    assert.ok(!shown.includes(canary.toLowerCase()), path);
    for (const { value } of addresses(answer.body)) assert.ok(value.startsWith('/') && !value.startsWith('//'), `${path}: ${value}`);
  }
});

check('A22', 'Host and X-Forwarded-* change nothing; an unknown Host is refused', async ({ target }) => {
  const rp = await conf();
  const path = authorizePath(authorizeParams(rp));
  const clean = await get(target, '/oauth/.well-known/openid-configuration');
  for (const host of ['evil.test', 'evil.test:443', 'localhost.evil.test', `${new URL(demo().issuer).hostname}.evil.test`, '169.254.169.254']) {
    for (const where of ['/oauth/.well-known/openid-configuration', path, '/']) {
      const answer = await get(target, where, { headers: { host } });
      assert.ok([400, 421].includes(answer.status), `Host ${host}: ${answer.status}`);
      assert.ok(!answer.body.includes('evil.test'), 'not reflected');
    }
  }
  const forwarded = {
    'x-forwarded-host': 'evil.test',
    'x-forwarded-proto': 'http',
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-prefix': '/evil.test',
    'x-original-url': '/evil.test',
    'x-rewrite-url': '/evil.test',
    'x-host': 'evil.test',
    forwarded: 'for=192.0.2.1;host=evil.test;proto=http',
  };
  const same = await get(target, '/oauth/.well-known/openid-configuration', { headers: forwarded });
  assert.equal(same.body, clean.body, 'discovery is unchanged');
  const page = await get(target, path, { headers: forwarded });
  assert.ok(isLoginPage(page));
  assert.ok(!page.body.includes('evil.test'), 'no link to the forged host');
  for (const address of addresses(page.body)) assert.ok(!/^http:/i.test(address.value), 'no plain http link');
  const host = target.host ?? new URL(target.base).host;
  const absolute = await raw(target, `GET https://evil.test/oauth/.well-known/openid-configuration HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  assert.ok(absolute.statuses.length <= 1);
  assert.ok(!absolute.text.includes('"issuer":"https://evil.test'), 'absolute-form target');
  assert.ok([400, 404, 421].includes(absolute.statuses[0]) || absolute.text.includes(`"issuer":"${demo().issuer}"`), absolute.text.slice(0, 200));
  const two = await raw(target, `GET /oauth/.well-known/openid-configuration HTTP/1.1\r\nHost: ${host}\r\nHost: evil.test\r\nConnection: close\r\n\r\n`);
  assert.ok(two.statuses[0] === 400 || two.statuses[0] === 421 || two.statuses.length === 0, `two Hosts: ${two.text.slice(0, 100)}`);
  const noHost = await raw(target, 'GET /oauth/.well-known/openid-configuration HTTP/1.1\r\nConnection: close\r\n\r\n');
  assert.ok([400, 421].includes(noHost.statuses[0]) || noHost.statuses.length === 0, `no Host: ${noHost.text.slice(0, 100)}`);
});

check('A12', 'response modes: what discovery says, and nothing more', async ({ target }) => {
  const rp = await conf();
  const { browser } = await signIn(target, rp, await alice());
  const supported = (await get(target, '/oauth/.well-known/openid-configuration')).json.response_modes_supported;
  for (const mode of ['web_message', 'fragment', 'query.jwt', 'form_post', 'x', 'query']) {
    const answer = await browser.get(authorizePath(authorizeParams(rp, { response_mode: mode, prompt: 'none' })));
    if (supported.includes(mode)) assert.ok((mode === 'form_post' ? posted : callback)(answer, rp).code, mode);
    else assertRefused(answer, rp, 'invalid_request', mode);
  }
});

check('A16', 'request objects are refused by name', async ({ target }) => {
  const rp = await conf();
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(authorizeParams(rp))).toString('base64url')}.`;
  assertRefused(await get(target, authorizePath(authorizeParams(rp, { request: none }))), rp, ['request_not_supported', 'invalid_request_object'], 'request');
  for (const uri of ['http://127.0.0.1:9/', 'http://169.254.169.254/', 'file:///etc/passwd', 'https://[::1]/'])
    assertRefused(await get(target, authorizePath(authorizeParams(rp, { request_uri: uri }))), rp, 'request_uri_not_supported', uri);
});

check('A15', 'id_token_hint of bob never silently gives alice', async ({ target }) => {
  const rp = await conf();
  const { code } = await signIn(target, rp, await bob());
  const hint = (await redeem(target, rp, code)).json.id_token;
  const { browser } = await signIn(target, rp, await alice());
  const none = callback(await browser.get(authorizePath(authorizeParams(rp, { id_token_hint: hint, prompt: 'none' }))), rp);
  assert.equal(none.error, 'login_required');
  assert.ok(isLoginPage(await browser.get(authorizePath(authorizeParams(rp, { id_token_hint: hint })))), 'a page is shown');
  const other = await evil();
  const foreign = await browser.get(authorizePath(authorizeParams(other, { id_token_hint: hint, prompt: 'none' })));
  assertRefused(foreign, other, 'invalid_request', "another client's hint");
});

check('A19', 'scopes: unknown ones ignored, never more than granted', async ({ target }) => {
  const rp = await conf();
  const { browser } = await signIn(target, rp, await alice());
  const many = await browser.post('/oauth/authorize', authorizeParams(rp, { scope: `openid ${'x '.repeat(3000)}`.trim(), prompt: 'none' }));
  assertRefused(many, rp, ['invalid_scope', 'invalid_request'], '3,000 scopes');
  const unknown = callback(await browser.get(authorizePath(authorizeParams(rp, { scope: 'openid admin root', prompt: 'none' }))), rp);
  assert.equal((await redeem(target, rp, unknown.code)).json.scope, 'openid');
  assert.equal(callback(await browser.get(authorizePath(authorizeParams(rp, { scope: 'email', prompt: 'none' }))), rp).error, 'invalid_scope');
  const consent = await addClient({ name: 'fresh', government: false });
  const page = await browser.get(authorizePath(authorizeParams(consent, { scope: 'openid' })));
  assert.ok(isConsentPage(page), 'a service that is not of the government asks');
  const given = await authorize(browser, consent, { params: { scope: 'openid' } });
  assert.ok(given.code);
  assert.ok(isConsentPage(await browser.get(authorizePath(authorizeParams(consent, { scope: 'openid email' })))), 'more scopes ask again');
});
