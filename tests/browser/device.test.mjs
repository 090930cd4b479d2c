// Passkeys through Chromium's virtual authenticator, and the smartphone app through its
// simulator: both languages, a telephone's and a desk's screen; axe looks at each page.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { Device } from '../../ops/demo-app/device.mjs';
import { addAccount, addClient, everywhere } from '../lib/admin.mjs';
import { demo } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, pkce } from '../lib/flow.mjs';

const { env, issuer, ca } = demo();
const op = new URL(issuer).origin;
const rpBase = env.TASUKI_DEMO_RP.replace(/\/$/, '');
const shots = join(process.env.TASUKI_OUT_DIR ?? demo().dir, 'screenshots');
const SIZES = { telephone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } };
const LANGUAGES = { ja: 'ja-JP', en: 'en-US' };
const STEP_MS = 15000;
const LABEL = '襷試験サービス';

let browser, rp;
before(async () => {
  mkdirSync(shots, { recursive: true });
  rp = await addClient({ name: 'browser-device', label: LABEL, profile: 'standard', redirect_uris: [`${rpBase}/health`] });
  await everywhere(1);
  browser = await chromium.launch({
    executablePath: process.env.TASUKI_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

// A fresh profile under the page's own policy, which does not bind the debugger that
// puts axe in. Notes what goes wrong on the console, as the policy's refusals do.
async function open({ language = 'ja', size = 'desk', script = true } = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: LANGUAGES[language], viewport: SIZES[size], javaScriptEnabled: script });
  context.setDefaultTimeout(STEP_MS);
  const page = await context.newPage();
  const trouble = [];
  page.on('console', (message) => message.type() === 'error' && trouble.push(message.text()));
  return {
    page,
    look: async (name) => {
      const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
      assert.ok(whole <= inner, `${name} is ${whole} wide on a screen of ${inner}`);
      await page.screenshot({ path: join(shots, `${name}-${language}-${size}.png`), fullPage: true });
      if (script) await assertClean(page, name);
    },
    close: async () => {
      await context.close();
      assert.deepEqual(trouble.filter((text) => !/status of 4\d\d/.test(text)), []);
    },
  };
}

async function assertClean(page, name) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  assert.deepEqual(violations.map(({ id, nodes }) => `${name}: ${id} ${nodes[0].html}`), []);
}

// A platform authenticator that verifies its holder.
async function authenticator(page, changes = {}) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true, ...changes },
  });
  return { cdp, authenticatorId, credentials: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials };
}

async function toLogin(page) {
  const { challenge } = pkce();
  const sent = authorizeParams(rp, { code_challenge: challenge, code_challenge_method: 'S256', acr_values: 'urn:tasuki:acr:two-factors', prompt: 'login' });
  await page.goto(op + authorizePath(sent));
}
async function signIn(page, account) {
  await toLogin(page);
  await page.fill('#account_id', account.id);
  await page.fill('#password', account.password);
  await Promise.all([page.waitForLoadState('load'), page.click('form[action="/oauth/login"] button[type=submit]')]);
}
const back = (page) => page.waitForURL((url) => url.href.startsWith(`${rpBase}/health?`) && url.searchParams.has('code'));
const choose = (page, value) => Promise.all([page.waitForLoadState('load'), page.click(`button[name=choice][value=${value}]`)]);
const newAccount = async () => {
  const account = await addAccount({ name: 'browser-device', type: 'entry' });
  await everywhere(1);
  return account;
};

for (const language of Object.keys(LANGUAGES)) {
  for (const size of Object.keys(SIZES)) {
    test(`a passkey: made, used at the second step, and alone: ${language}, ${size}`, { timeout: 90000 }, async () => {
      const view = await open({ language, size });
      const { page } = view;
      const account = await newAccount();
      const { credentials, cdp, authenticatorId } = await authenticator(page);
      await signIn(page, account);
      await view.look('factor-enrol');
      await choose(page, 'passkey');
      await page.waitForSelector('#passkey button');
      assert.ok(await page.isHidden('#passkey-none'));
      await view.look('factor-passkey-enrol');
      await page.click('#passkey button');
      await back(page);
      const [made] = await credentials();
      assert.equal(made.rpId, new URL(op).hostname);
      assert.ok(made.isResidentCredential);

      await signIn(page, account);
      await view.look('factor-passkey');
      await page.click('#passkey button');
      await back(page);

      await toLogin(page);
      await view.look('login-passkey');
      await page.click('#passkey button');
      await back(page);

      // Not verified: the browser gives nothing, and the page says so.
      await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
      await signIn(page, account);
      await page.click('#passkey button');
      await page.waitForSelector('#passkey-failed:not([hidden])');
      await view.look('factor-passkey-failed');
      await view.close();
    });

    test(`the app: registered, and asked: ${language}, ${size}`, { timeout: 90000 }, async () => {
      const view = await open({ language, size });
      const { page } = view;
      const account = await newAccount();
      const device = new Device({ server: issuer, ca });
      await signIn(page, account);
      await choose(page, 'app');
      assert.ok(await page.isVisible('svg.qr'));
      await view.look('factor-app-enrol');
      await device.register(await page.textContent('#app_code'));
      await page.waitForSelector('#app_number'); // the page looks for itself
      await view.look('factor-app');
      const [question] = await device.challenges();
      assert.equal(question.service, LABEL);
      await device.answer(question, 'approve', await page.textContent('#app_number'));
      await back(page);

      await signIn(page, account);
      const [second] = await device.challenges();
      await device.answer(second, 'not_me');
      await page.waitForSelector('#password'); // the sign-in is over
      assert.ok(await page.isVisible('#notice'));
      await view.look('login-denied');
      await view.close();
    });
  }
}

for (const language of Object.keys(LANGUAGES)) {
  for (const size of Object.keys(SIZES)) {
    test(`a further passkey and a further device: ${language}, ${size}`, { timeout: 90000 }, async () => {
      const view = await open({ language, size });
      const { page } = view;
      const account = await newAccount();
      const { credentials, cdp, authenticatorId } = await authenticator(page);
      await page.goto(`${op}/account/enrol`); // nobody is signed in: to the sign-in for the account's pages
      assert.equal(await page.isVisible('#password'), true);
      await signIn(page, account);
      await choose(page, 'passkey');
      await page.click('#passkey button');
      await back(page);
      await page.goto(`${op}/account/enrol`);
      await page.waitForSelector('#passkey button');
      await view.look('enrol');
      await cdp.send('WebAuthn.clearCredentials', { authenticatorId }); // another authenticator
      await page.fill('#label', '会社のパソコン');
      await page.click('#passkey button');
      await page.waitForSelector('#enrolled');
      assert.equal((await credentials()).length, 1);
      await page.click('#app');
      await page.waitForSelector('#app_code');
      await view.look('enrol-app');
      const device = new Device({ server: issuer, ca });
      await device.register(await page.textContent('#app_code'));
      // From now on the account has three ways, by their names.
      await signIn(page, account);
      const ways = await page.textContent('main');
      assert.ok(ways.includes('会社のパソコン'), ways);
      await view.look('factor-three');
      await page.click('button[name=choice]:has-text("会社のパソコン")');
      await page.click('#passkey button');
      await back(page);
      await view.close();
    });
  }
}

test('the app without script: the person says when', { timeout: 60000 }, async () => {
  const view = await open({ script: false });
  const { page } = view;
  const account = await newAccount();
  const device = new Device({ server: issuer, ca });
  await signIn(page, account);
  assert.equal(await page.isVisible('#passkey'), false);
  await choose(page, 'app');
  await Promise.all([page.waitForLoadState('load'), page.click('#waiting button')]);
  assert.match(await page.textContent('#notice'), /届いていません/);
  await device.register(await page.textContent('#app_code'));
  await Promise.all([page.waitForLoadState('load'), page.click('#waiting button')]);
  const number = await page.textContent('#app_number');
  const [question] = await device.challenges();
  await device.answer(question, 'approve', number);
  await page.click('#waiting button');
  await back(page);
  // Passkeys need a script, and say so.
  await signIn(page, await newAccount());
  await choose(page, 'passkey');
  assert.ok(await page.isVisible('#passkey-none'));
  await view.close();
});

test("the simulator's page: registers, approves, says no", { timeout: 60000 }, async () => {
  const view = await open({});
  const { page } = view;
  const app = await page.context().newPage();
  const account = await newAccount();
  await signIn(page, account);
  await choose(page, 'app');
  await app.goto(env.TASUKI_APP);
  if (await app.isVisible('#forget')) await app.click('#forget');
  await app.fill('#code', await page.textContent('#app_code'));
  await app.click('button');
  await app.waitForSelector('#told');
  await page.waitForSelector('#app_number');
  await app.goto(env.TASUKI_APP);
  await app.fill('input[name=number]', await page.textContent('#app_number'));
  await app.screenshot({ path: join(shots, 'simulator.png'), fullPage: true });
  await app.click('button[value=approve]');
  await app.waitForSelector('#told');
  await back(page);
  await view.close();
});
