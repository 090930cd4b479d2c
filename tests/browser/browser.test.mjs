// Headless Chromium through HAProxy and the demo RP: both languages, a telephone's and
// a desk's screen. Our pages need no script, so the flows run with scripts switched
// off; axe needs them, so it looks at the same pages in a browser of its own.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { addAccount, addClient, everywhere, newPhone } from '../lib/admin.mjs';
import { demo, until } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, pkce, random, secondCode, signIn, totp } from '../lib/flow.mjs';
import { Jar } from '../lib/http.mjs';
import { lastMail, linkOf } from '../lib/messages.mjs';

const { env, issuer, prime, password } = demo();
const op = new URL(issuer).origin;
const rpBase = env.TASUKI_DEMO_RP.replace(/\/$/, '');
const shots = join(process.env.TASUKI_OUT_DIR ?? demo().dir, 'screenshots');
const SIZES = { telephone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } };
const LANGUAGES = { ja: 'ja-JP', en: 'en-US' };
const WORDS = {
  ja: { wrong: /正しくありません|違い|誤/, account: 'アカウント', told: /襷でのサインアウトがこのサービスに知らされました/ },
  en: { wrong: /wrong/, account: 'Account', told: /Tasuki told this service that you signed out/ },
};
const STEP_MS = 15000;

let browser;
before(async () => {
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.TASUKI_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

// A fresh profile. Notes what goes wrong in it: errors on the console (CSP among
// them), and requests to anybody but the provider and the RP.
async function open({ language = 'ja', size = 'desk', script = false } = {}) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    javaScriptEnabled: script,
    bypassCSP: script,
    locale: LANGUAGES[language],
    viewport: SIZES[size],
  });
  context.setDefaultTimeout(STEP_MS);
  const page = await context.newPage();
  const trouble = [];
  page.on('console', (message) => {
    // The demo RP answers a refusal with a status of its own.
    if (message.type() === 'error' && !message.location().url.startsWith(rpBase)) trouble.push(message.text());
  });
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'data:' && ![op, rpBase].includes(origin)) trouble.push(`request to ${origin}`);
  });
  return {
    page,
    shot: (name) => page.screenshot({ path: join(shots, `${name}-${language}-${size}.png`), fullPage: true }),
    close: async () => {
      await context.close();
      assert.deepEqual(trouble.filter((text) => !/status of 4\d\d/.test(text)), []);
    },
  };
}

async function fill(page, account = { id: prime, password }, { view } = {}) {
  const since = Date.now();
  await page.fill('#account_id', account.id);
  await page.fill('#password', account.password);
  await Promise.all([page.waitForLoadState('load'), page.click('main button[type=submit]')]);
  // A page that posts itself goes away under the question: then there is no second step.
  if (!(await page.locator('#code').count().catch(() => 0))) return;
  await fits(page);
  await view?.shot('second-step');
  await fillCode(page, await secondCode(account, since));
}

async function fillCode(page, code) {
  await page.fill('#code', code);
  await Promise.all([page.waitForLoadState('load'), page.click('form:has(#code) button[type=submit]')]);
}

const fits = async (page) => {
  const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
  assert.ok(whole <= inner, `the page is ${whole} wide on a screen of ${inner}`);
};

for (const language of Object.keys(LANGUAGES)) {
  for (const size of Object.keys(SIZES)) {
    test(`sign in at the demo RP without script: ${language}, ${size}`, { timeout: 60000 }, async () => {
      const view = await open({ language, size });
      const { page } = view;
      await page.goto(`${rpBase}/rp/${env.TASUKI_CLIENT_ID}/login`);
      assert.equal(new URL(page.url()).origin, op, 'at the provider');
      assert.equal(await page.getAttribute('html', 'lang'), language);
      assert.equal(await page.getAttribute('#password', 'type'), 'password');
      assert.equal(await page.getAttribute('#password', 'autocomplete'), 'current-password');
      await fits(page);
      await view.shot('login');
      // The other language is one click away, and the request is not lost by it.
      const other = language === 'ja' ? 'en' : 'ja';
      await page.click(`nav.languages a[lang=${other}]`);
      assert.equal(await page.getAttribute('html', 'lang'), other);
      await page.click(`nav.languages a[lang=${language}]`);
      assert.equal(await page.getAttribute('html', 'lang'), language);

      await fill(page, { id: prime, password: 'not the right one' });
      assert.match(await page.textContent('[role=alert]'), WORDS[language].wrong);
      assert.equal(await page.inputValue('#account_id'), prime, 'the account ID stays');
      assert.equal(await page.inputValue('#password'), '', 'the password does not');
      await fits(page);
      await view.shot('wrong-password');

      await fill(page, undefined, { view });
      assert.equal(page.url(), `${rpBase}/rp/${env.TASUKI_CLIENT_ID}`, 'back at the RP');
      assert.ok((await page.textContent('main')).includes(prime));
      await view.shot('signed-in');

      // Another service: no page in between.
      await page.goto(`${rpBase}/rp/${env.TASUKI_ES256_CLIENT_ID}/login`);
      assert.equal(page.url(), `${rpBase}/rp/${env.TASUKI_ES256_CLIENT_ID}`);

      await page.goto(`${op}/oauth/logout`);
      await fits(page);
      await view.shot('logout');
      await page.click('main button[type=submit]');
      await page.waitForSelector('[role=status]');
      await view.shot('signed-out');
      for (const id of [env.TASUKI_CLIENT_ID, env.TASUKI_ES256_CLIENT_ID]) {
        await until(`${id} is told of it`, async () => {
          await page.goto(`${rpBase}/rp/${id}`);
          return WORDS[language].told.test(await page.textContent('main'));
        });
      }
      await page.goto(`${rpBase}/rp/${env.TASUKI_CLIENT_ID}/login`);
      assert.ok(await page.isVisible('#password'), 'a sign-in is asked for again');
      await view.close();
    });
  }

  test(`consent: ${language}`, { timeout: 60000 }, async () => {
    const view = await open({ language, size: 'telephone' });
    const { page } = view;
    const account = await addAccount({ name: 'browser' });
    const id = env.TASUKI_CONSENT_CLIENT_ID;
    await page.goto(`${rpBase}/rp/${id}/login`);
    await fill(page, account);
    const host = new URL(rpBase).host;
    assert.ok((await page.textContent('main')).includes(host), 'where the data go is shown');
    assert.ok(await page.isVisible('button[value=allow]'));
    await fits(page);
    await view.shot('consent');
    await page.click('button[value=deny]');
    assert.equal(new URL(page.url()).origin, rpBase, 'denied: the RP is told');
    assert.ok((await page.textContent('main')).includes('access_denied'));
    await page.goto(`${rpBase}/rp/${id}/login`);
    await page.click('button[value=allow]');
    assert.equal(page.url(), `${rpBase}/rp/${id}`);
    assert.ok((await page.textContent('main')).includes(account.id));
    await view.close();
  });
}

test('keyboard alone', { timeout: 60000 }, async () => {
  const view = await open({ language: 'en' });
  const { page } = view;
  await page.goto(`${rpBase}/rp/${env.TASUKI_CLIENT_ID}/login`);
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.tagName);
  let reached = false;
  for (let i = 0; i < 12 && !reached; i++) {
    await page.keyboard.press('Tab');
    reached = (await focused()) === 'account_id';
    const visible = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
    });
    assert.ok(visible, `focus is to be seen on ${await focused()}`);
  }
  assert.ok(reached, 'the first field is reached by Tab');
  await page.keyboard.type(prime);
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'password');
  await page.keyboard.type(password);
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'BUTTON');
  const since = Date.now();
  await Promise.all([page.waitForSelector('#code'), page.keyboard.press('Enter')]);
  await page.focus('#code');
  await page.keyboard.type(await secondCode({ id: prime }, since));
  await Promise.all([page.waitForURL(`${rpBase}/rp/${env.TASUKI_CLIENT_ID}`), page.keyboard.press('Enter')]);
  await view.close();
});

for (const language of Object.keys(LANGUAGES)) {
  for (const size of Object.keys(SIZES)) {
    test(`a second step is enrolled at the first sign-in, without script: ${language}, ${size}`, { timeout: 60000 }, async () => {
      const account = await addAccount({ name: 'enrols', type: 'prime' });
      const view = await open({ language, size });
      const { page } = view;
      const start = `${rpBase}/rp/${env.TASUKI_CLIENT_ID}/login`;
      await page.goto(start);
      await fill(page, account);
      await fits(page);
      await view.shot('enrol-choice');
      // A number first: typed, refused, typed again.
      await page.click('button[value=sms]');
      await fits(page);
      await page.fill('#phone', '03-1234-5678');
      await page.click('form:has(#phone) button');
      assert.ok(await page.isVisible('[role=alert]'));
      await view.shot('enrol-phone-refused');
      await page.fill('#phone', newPhone());
      await page.click('form:has(#phone) button');
      await page.waitForSelector('#code');
      await view.shot('enrol-sms');
      // But rather an app.
      await page.click('button[value=totp]');
      await page.waitForSelector('svg.qr path');
      await fits(page);
      await view.shot('enrol-app');
      const seed = (await page.textContent('#seed')).trim();
      const box = await page.locator('svg.qr').boundingBox();
      assert.ok(box.width > 150 && box.height > 150, `the QR code is large enough to be read: ${box.width} x ${box.height}`);
      await fillCode(page, '000000');
      assert.ok(await page.isVisible('[role=alert]'));
      assert.equal((await page.textContent('#seed')).trim(), seed, 'the same key after a slip');
      await fillCode(page, totp(seed));
      assert.equal(page.url(), `${rpBase}/rp/${env.TASUKI_CLIENT_ID}`, 'signed in');
      await view.close();
    });

    test(`axe, second step: ${language}, ${size}`, { timeout: 120000 }, async () => {
      const account = await addAccount({ name: 'axe2', type: 'prime' });
      const rp = await addClient({ name: 'axe2', redirect_uris: [`${rpBase}/rp/none/callback`] });
      const view = await open({ language, size, script: true });
      const { page } = view;
      await page.goto(op + authorizePath(authorizeParams(rp, { state: random(6) })));
      await fill(page, account);
      await assertClean(page, 'choice');
      await page.click('button[value=sms]');
      await assertClean(page, 'number');
      await page.fill('#phone', newPhone());
      await page.click('form:has(#phone) button');
      await page.waitForSelector('#code');
      await assertClean(page, 'code');
      await fillCode(page, '000000');
      await assertClean(page, 'wrong code');
      await page.click('button[value=totp]');
      await page.waitForSelector('svg.qr path');
      await assertClean(page, 'app');
      // Nine more are the day's: the way on is another password.
      const form = page.locator('form:has(#code)');
      for (let i = 0; i < 10 && (await form.count()) > 0 && !(await page.locator('.alert a[href="/oauth/recover"]').count()); i++) await fillCode(page, '000000');
      await page.waitForSelector('.alert a[href="/oauth/recover"]');
      await assertClean(page, 'used up');
      await fits(page);
      await view.shot('factor-used-up');
      await view.close();
    });
  }
}

test('cookies of the provider are its own, and unseen by script', { timeout: 60000 }, async () => {
  const view = await open({});
  const { page } = view;
  await page.goto(`${rpBase}/rp/${env.TASUKI_CLIENT_ID}/login`);
  await fill(page);
  const cookies = (await page.context().cookies(op)).filter((c) => c.name.startsWith('__Host-'));
  const jar = new Jar();
  jar.take(cookies.map((c) => `${c.name}=${c.value}`)); // noted for the logs' check
  assert.ok(cookies.length >= 2);
  for (const cookie of cookies) {
    assert.equal(cookie.secure && cookie.httpOnly, true, cookie.name);
    assert.match(cookie.sameSite, /Lax|Strict/);
    assert.equal(cookie.domain, new URL(op).hostname);
  }
  await view.close();
});

// Pages as axe sees them, reached with scripts on.
async function assertClean(page, name) {
  await page.addScriptTag({ content: axe.source });
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations', 'passes'] }));
  assert.ok(passes.length > 10, `${name}: axe has looked`);
  const list = violations.map((v) => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')}`);
  assert.deepEqual(list, [], name);
}

for (const language of Object.keys(LANGUAGES)) {
  for (const size of Object.keys(SIZES)) {
    test(`axe: ${language}, ${size}`, { timeout: 120000 }, async () => {
      const view = await open({ language, size, script: true });
      const { page } = view;
      const account = await addAccount({ name: 'axe' });
      const ask = await addClient({ name: 'axe', government: false, redirect_uris: [`${rpBase}/rp/none/callback`], label: '会計サービス' });
      const start = authorizePath(authorizeParams(ask, { state: random(6) }));
      await page.goto(`${op}/`);
      await assertClean(page, 'start');
      await page.goto(op + start);
      await assertClean(page, 'login');
      await fill(page, { id: account.id, password: 'not the right one' });
      await assertClean(page, 'wrong password');
      await fill(page, account);
      assert.ok(await page.isVisible('button[value=allow]'));
      await assertClean(page, 'consent');
      await page.goto(`${op}/oauth/authorize?client_id=nobody&redirect_uri=x`);
      await assertClean(page, 'error');
      await view.shot('error');
      await page.goto(`${op}/`);
      await assertClean(page, 'start, signed in');
      await view.shot('start');
      await page.goto(`${op}/oauth/logout`);
      await assertClean(page, 'logout');
      await page.click('main button[type=submit]');
      await page.waitForSelector('[role=status]');
      await assertClean(page, 'signed out');
      await view.close();
    });
  }
}

for (const language of Object.keys(LANGUAGES)) {
  for (const size of Object.keys(SIZES)) {
    test(`registration: ${language}, ${size}`, { timeout: 120000 }, async () => {
      const view = await open({ language, size, script: true });
      const { page } = view;
      const id = `shown-${random(6).toLowerCase().replace(/[^a-z0-9]/g, 'x')}@example.test`;
      const next = () => Promise.all([page.waitForLoadState('load'), page.click('main button[type=submit]')]);
      const shown = async (name) => {
        await fits(page);
        await assertClean(page, name);
        await view.shot(name);
      };
      await page.goto(op + authorizePath(authorizeParams(await addClient({ name: 'entry', redirect_uris: [`${rpBase}/rp/none/callback`] }))));
      await page.click('main a[href="/register"]');
      await page.waitForSelector('#account_id');
      await shown('register');
      await page.fill('#account_id', id);
      const after = Date.now();
      await next();
      await page.waitForSelector('[role=status]');
      await shown('register-sent');
      await page.goto(linkOf(await lastMail(id, { after })));
      await shown('register-person');
      for (const [field, text] of Object.entries({ last_name: '登録', first_name: '花子', last_kana: 'とうろく', first_kana: 'ハナコ', password: `let me in ${id}!`, password_again: 'something else' })) await page.fill(`#${field}`, text);
      await next();
      await page.waitForSelector('#notice');
      await shown('register-wrong');
      for (const [field, text] of Object.entries({ last_kana: 'トウロク', password: 'seven lamps over the quay', password_again: 'seven lamps over the quay' })) await page.fill(`#${field}`, text);
      await next();
      await page.waitForSelector('[role=status]');
      await shown('register-done');
      await view.close();
    });
  }
}

// An RP that is a script in a browser (RFC 9700): another origin, no cookies, PKCE.
test('a script of another site may use what needs no cookie, and nothing else', async () => {
  const rp = await addClient({ name: 'spa', profile: 'standard', auth: 'none', scopes: ['openid', 'email'] });
  const account = await addAccount({ name: 'spa' });
  await everywhere(1);
  const { verifier, challenge } = pkce();
  const { code } = await signIn(demo().balancer, rp, account, { params: { scope: 'openid email', code_challenge: challenge, code_challenge_method: 'S256' } });
  // The demo RP's pages forbid themselves all scripts; what the provider allows is asked.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: true });
  try {
    const page = await context.newPage();
    await page.goto(`${rpBase}/health`);
    const seen = await page.evaluate(
      async ({ issuer, form }) => {
        const post = (url, fields, headers = {}) => fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers });
        const metadata = await (await fetch(`${issuer}.well-known/openid-configuration`)).json();
        const keys = await (await fetch(metadata.jwks_uri)).json();
        const given = await (await post(metadata.token_endpoint, form)).json();
        const person = await (await fetch(metadata.userinfo_endpoint, { headers: { authorization: `Bearer ${given.access_token}` } })).json();
        const revoked = await post(metadata.revocation_endpoint, { token: given.access_token, client_id: form.client_id });
        // Refused by the browser, for lack of a header.
        const authorize = await fetch(metadata.authorization_endpoint).then(() => 'read', () => 'blocked');
        const login = await post(`${issuer}login`, {}, { 'x-any': '1' }).then(() => 'read', () => 'blocked');
        return { issuer: metadata.issuer, keys: keys.keys.length, given, person, revoked: revoked.status, authorize, login };
      },
      { issuer, form: { grant_type: 'authorization_code', code, code_verifier: verifier, client_id: rp.clientId, redirect_uri: rp.redirectUri } },
    );
    assert.equal(seen.issuer, issuer);
    assert.ok(seen.keys >= 2);
    assert.ok(seen.given.access_token, JSON.stringify(seen.given));
    assert.equal(seen.person.email, account.id);
    assert.equal(seen.revoked, 200);
    assert.equal(seen.authorize, 'blocked');
    assert.equal(seen.login, 'blocked');
  } finally {
    await context.close();
  }
});

// OAuth 2.0 Form Post Response Mode: a script posts the form, under the page's own CSP;
// without scripts the person does.
for (const script of [true, false]) {
  for (const [language, size] of [['ja', 'telephone'], ['en', 'desk']]) {
    test(`the answer is posted to the service, scripts ${script ? 'on' : 'off'}: ${language}, ${size}`, async () => {
      const rp = await addClient({ name: 'post', profile: 'standard', redirect_uris: ['https://post.example.test/cb'] });
      const account = await addAccount({ name: 'post' });
      await everywhere(1);
      const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: script, locale: LANGUAGES[language], viewport: SIZES[size] });
      context.setDefaultTimeout(STEP_MS);
      try {
        const page = await context.newPage();
        const received = new Promise((done) => {
          page.route('https://post.example.test/**', (route, request) => {
            done({ method: request.method(), fields: Object.fromEntries(new URLSearchParams(request.postData())), referer: request.headers().referer });
            return route.fulfill({ status: 200, contentType: 'text/html', body: '<!doctype html><title>RP</title><h1>RP</h1>' });
          });
        });
        const sent = authorizeParams(rp, { response_mode: 'form_post', state: 'a"b<c>&d' });
        await page.goto(`${op}${authorizePath(sent)}`);
        await fill(page, account);
        if (!script) {
          await fits(page);
          await page.screenshot({ path: join(shots, `post-${language}-${size}.png`), fullPage: true });
          await page.click('main button[type=submit]');
        }
        const { method, fields, referer } = await received;
        assert.equal(method, 'POST');
        assert.match(fields.code, /^[\w-]{43,512}$/);
        assert.equal(fields.state, sent.state);
        assert.equal(fields.iss, issuer);
        assert.equal(referer, undefined, 'nothing tells where the code came from');
      } finally {
        await context.close();
      }
    });
  }
}
