// SECURITY_CHECKS F: consent, sign-out, browser defences.
import assert from 'node:assert/strict';
import { check } from '../lib/checks.mjs';
import { demo } from '../lib/demo.mjs';
import { alice, asking, bob, browserOf, conf, tokensOf } from '../lib/fixtures.mjs';
import {
  authorizeParams,
  authorizePath,
  Browser,
  callback,
  consentForm,
  isConsentPage,
  isLoginPage,
  loginForm,
  random,
  sessionLives,
  signIn,
  submitConsent,
  submitLogin,
} from '../lib/flow.mjs';
import { addresses, forms } from '../lib/html.mjs';
import { get, post, request } from '../lib/http.mjs';

// One of each kind of page, errors too.
async function pages(target) {
  const rp = await conf();
  const ask = await asking();
  const browser = await browserOf(target, await bob());
  const fresh = new Browser(target);
  const login = await fresh.get(authorizePath(authorizeParams(rp)));
  const found = {
    login,
    'login in English': await new Browser(target, { language: 'en' }).get(authorizePath(authorizeParams(rp))),
    'wrong password': await submitLogin(fresh, login, { id: `nobody-${random(5)}@example.test`, password: 'not right at all' }),
    consent: await browser.get(authorizePath(authorizeParams(ask, { prompt: 'consent' }))),
    'error page': await fresh.get(authorizePath(authorizeParams(rp, { client_id: 'nobody' }))),
    'forged form': await fresh.post('/oauth/login', { login_state: 'x', account_id: 'a', password: 'b' }),
    'logout, signed in': await browser.get('/oauth/logout'),
    'logout, not signed in': await get(target, '/oauth/logout'),
    start: await get(target, '/'),
    'not found': await get(target, `/oauth/${random(6)}`, { headers: { accept: 'text/html' } }),
    'wrong method': await post(target, '/oauth/.well-known/openid-configuration', { headers: { accept: 'text/html' }, form: {} }),
  };
  assert.ok(isLoginPage(found.login) && isConsentPage(found.consent), 'login and consent page');
  for (const name of ['login', 'consent', 'error page', 'logout, signed in']) assert.ok(found[name].isHtml, `${name} is HTML`);
  return Object.entries(found).filter(([, answer]) => answer.isHtml);
}

const directives = (answer) =>
  Object.fromEntries(
    (answer.headers['content-security-policy'] ?? '')
      .split(';')
      .map((part) => part.trim().split(/\s+/))
      .filter(([name]) => name)
      .map(([name, ...values]) => [name.toLowerCase(), values]),
  );

check('F01', 'consent needs the form that was shown, in the browser it was shown to', async ({ target }) => {
  const ask = await asking();
  const given = async () => {
    const browser = new Browser(target);
    const page = await submitLogin(browser, await browser.get(authorizePath(authorizeParams(ask, { prompt: 'login consent' }))), await bob());
    return { browser, page, form: consentForm(page) };
  };
  const { browser, page, form } = await given();
  const refused = (answer, what) => {
    assert.equal(answer.location, undefined, `${what}: redirected`);
    assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status}`);
  };
  refused(await browser.post(form.path, { decision: 'allow' }), 'no login_state');
  refused(await browser.post(form.path, { login_state: 'x'.repeat(100), decision: 'allow' }), 'made-up login_state');
  refused(await new Browser(target).post(form.path, { ...form.fields, decision: 'allow' }), 'no cookies');
  refused(await browser.get(`${form.path}?${new URLSearchParams({ ...form.fields, decision: 'allow' })}`), 'GET');
  const other = await given();
  refused(await browser.post(form.path, { ...other.form.fields, decision: 'allow' }), "another browser's form");
  const login = loginForm(await new Browser(target).get(authorizePath(authorizeParams(ask))));
  refused(await browser.post(form.path, { login_state: login.fields.login_state, decision: 'allow' }), "a login page's state");
  const neither = await browser.post(form.path, form.fields);
  assert.ok(neither.location === undefined || callback(neither, ask).error === 'access_denied', 'no decision is not consent');
  assert.equal(callback(await submitConsent(browser, page, 'deny'), ask).error, 'access_denied');
  assert.ok(callback(await submitConsent(browser, page, 'allow'), ask).code, 'the answer itself counts');
});

check('F02', 'no page can be framed', async ({ target, note }) => {
  const list = await pages(target);
  for (const [name, answer] of list) {
    assert.deepEqual(directives(answer)['frame-ancestors'], [`'none'`], `${name}: frame-ancestors`);
    assert.match(answer.headers['x-frame-options'] ?? '', /^DENY$/i, `${name}: X-Frame-Options`);
  }
  note(`${list.length} pages`);
});

check('F03', 'CSP, Referrer-Policy, nosniff, HSTS, no-store, nothing from elsewhere', async ({ target, note }) => {
  const list = await pages(target);
  const { origin } = new URL(demo().issuer);
  for (const [name, answer] of list) {
    const csp = directives(answer);
    assert.ok(csp['default-src'], `${name}: default-src`);
    assert.ok(!/unsafe-inline|unsafe-eval|unsafe-hashes|data:|\*/.test(answer.headers['content-security-policy']), `${name}: ${answer.headers['content-security-policy']}`);
    const scripts = csp['script-src'] ?? csp['default-src'];
    assert.ok(scripts.includes(`'none'`) || scripts.includes(`'self'`), `${name}: scripts`);
    assert.ok(csp['base-uri'], `${name}: base-uri`);
    assert.ok(csp['form-action'], `${name}: form-action`);
    assert.equal(answer.headers['referrer-policy'], 'no-referrer', `${name}: Referrer-Policy`);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff', `${name}: nosniff`);
    const age = Number((answer.headers['strict-transport-security'] ?? '').match(/max-age=(\d+)/)?.[1] ?? 0);
    assert.ok(age >= 31536000, `${name}: HSTS max-age ${age}`);
    assert.match(answer.headers['cache-control'] ?? '', /no-store/, `${name}: no-store`);
    assert.ok(!/<script(?![^>]*\bsrc=)|\son\w+\s*=|\sstyle\s*=|<style/i.test(answer.body), `${name}: nothing inline`);
    for (const { tag, value } of addresses(answer.body)) {
      if (tag === 'a') continue;
      const url = new URL(value, `${origin}/oauth/`);
      assert.equal(url.origin, origin, `${name}: <${tag}> ${value}`);
    }
  }
  note(`${list.length} pages`);
});

check('F04', 'no page hands code or state to another site', async ({ target }) => {
  const { origin } = new URL(demo().issuer);
  for (const [name, answer] of await pages(target)) {
    for (const { value } of addresses(answer.body)) {
      assert.ok(!/[?&](code|login_state)=/.test(value), `${name}: ${value}`);
      // The language switch leads to this very page; no-referrer covers the rest (F03).
      if (/[?&]state=/.test(value)) assert.equal(new URL(value, origin).origin, origin, `${name}: ${value}`);
    }
  }
});

check('F06', 'a GET, or a foreign POST, signs nobody out', async ({ target }) => {
  const rp = await conf();
  const { browser } = await signIn(target, rp, await bob());
  await browser.get('/oauth/logout');
  await browser.get('/oauth/logout?confirm=1&csrf=x');
  assert.equal(await sessionLives(target, browser.jar, rp), true, 'after GET');
  for (const form of [{}, { csrf: '' }, { csrf: 'x'.repeat(43) }]) {
    const answer = await browser.post('/oauth/logout', form);
    assert.ok(answer.status >= 400 && answer.status < 500, `POST ${JSON.stringify(form)}: ${answer.status}`);
  }
  const other = await signIn(target, rp, await alice());
  const page = await other.browser.get('/oauth/logout');
  const { fields } = forms(page.body).find((form) => 'csrf' in form.fields);
  const foreign = await browser.post('/oauth/logout', fields);
  assert.ok(foreign.status >= 400 && foreign.status < 500, "another session's csrf");
  assert.equal(await sessionLives(target, browser.jar, rp), true, 'still signed in');
});

check('F08', 'no parameter redirects anywhere', async ({ target, note }) => {
  const rp = await conf();
  const browser = await browserOf(target, await alice());
  const names = ['next', 'url', 'redirect', 'redirect_uri', 'redirect_url', 'return', 'return_to', 'returnTo', 'continue', 'target', 'dest', 'goto', 'post_logout_redirect_uri', 'request_uri', 'client_uri', 'logo_uri', 'initiate_login_uri', 'iss', 'error_uri', 'ui_locales', 'lang', 'locale', 'state', 'login_hint', 'RelayState', 'target_link_uri', 'origin', 'ref', 'back'];
  const paths = ['/', '/health', '/oauth/', '/oauth/authorize', '/oauth/login', '/oauth/consent', '/oauth/logout', '/oauth/userinfo', '/oauth/jwks', '/oauth/.well-known/openid-configuration'];
  let tried = 0;
  for (const path of paths) {
    for (const value of ['https://canary.test/', '//canary.test/', '/\\canary.test/', 'javascript:alert(1)//canary.test']) {
      // All names at once, and each by itself where something is served.
      const sets = [names, ...(value.startsWith('https') ? names.map((n) => [n]) : [])];
      for (const set of sets) {
        const query = new URLSearchParams(set.map((name) => [name, value]));
        const answer = await browser.get(`${path}?${query}`);
        tried++;
        assert.ok(!/canary/.test(answer.location ?? ''), `${path} ${set.length > 1 ? 'all' : set[0]}: ${answer.location}`);
        assert.ok(!/canary/.test(answer.headers.refresh ?? '') && !/canary/.test(answer.headers['content-location'] ?? ''));
        if (!answer.isHtml) continue;
        assert.ok(!/<meta[^>]+http-equiv\s*=\s*["']?refresh/i.test(answer.body), 'no meta refresh');
        for (const { key, value: address } of addresses(answer.body)) {
          const url = new URL(address, `${demo().issuer}`);
          assert.ok(!url.hostname.includes('canary') && url.protocol !== 'javascript:', `${path}: ${key}=${address}`);
        }
      }
    }
  }
  // The one redirect that there is goes to the registered URI alone.
  const good = await browser.get(authorizePath({ ...authorizeParams(rp, { prompt: 'none' }), next: 'https://canary.test/', RelayState: '//canary.test' }));
  assert.ok(callback(good, rp).code);
  assert.ok(!good.location.includes('canary'));
  note(`${tried} requests`);
});

check('F09', 'CORS: no foreign origin with credentials', async ({ target }) => {
  const rp = await conf();
  const { access_token: access } = await tokensOf(target, rp, await alice());
  const browser = await browserOf(target, await alice());
  for (const origin of ['https://evil.test', 'null', `${new URL(demo().issuer).origin}.evil.test`]) {
    const headers = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
    for (const path of ['/oauth/authorize', '/oauth/login', '/oauth/consent', '/oauth/token', '/oauth/userinfo', '/oauth/logout', '/oauth/jwks', '/oauth/.well-known/openid-configuration']) {
      for (const method of ['GET', 'OPTIONS']) {
        const more = path === '/oauth/userinfo' ? { authorization: `Bearer ${access}` } : {};
        const answer = await request(target, method, path, { jar: browser.jar, headers: { ...headers, ...more } });
        const allowed = answer.headers['access-control-allow-origin'];
        assert.notEqual(answer.headers['access-control-allow-credentials'], 'true', path);
        assert.ok(allowed === undefined || allowed === '*', `${path}: ${allowed}`);
        if (/authorize|login|consent|logout/.test(path)) assert.equal(allowed, undefined, path);
      }
    }
  }
});
