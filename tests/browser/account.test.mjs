// The account's pages in Chromium: both languages, a telephone's and a desk's screen,
// without script; axe looks at each in a browser that has them.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { addAccount, word } from '../lib/admin.mjs';
import { demo } from '../lib/demo.mjs';
import { note } from '../lib/secrets.mjs';

const op = new URL(demo().issuer).origin;
const shots = join(process.env.TASUKI_OUT_DIR ?? demo().dir, 'screenshots');
const SIZES = { telephone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } };
const LANGUAGES = { ja: 'ja-JP', en: 'en-US' };
const WORDS = {
  ja: { bad: /使えません/, changed: /パスワードを変更しました/, ended: /ログインを終了しました/, mailed: /確認のメールを送りました/, closed: /退会しました/ },
  en: { bad: /cannot be used/, changed: /password has been changed/, ended: /has been ended/, mailed: /a mail has been sent/, closed: /has been closed/ },
};
const PAGES = ['', '/password', '/factors', '/sessions', '/activity', '/id', '/close'];

let browser;
before(async () => {
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.TASUKI_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

async function open(language, size, script) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: script, bypassCSP: script, locale: LANGUAGES[language], viewport: SIZES[size] });
  context.setDefaultTimeout(15000);
  return context.newPage();
}
const press = (page, selector) => Promise.all([page.waitForLoadState('load'), page.click(selector)]);
async function signIn(page, account) {
  await page.goto(`${op}/account`);
  await page.fill('#account_id', account.id);
  await page.fill('#password', account.password);
  await press(page, 'main button[type=submit]');
  await page.waitForURL(`${op}/account`);
}

for (const language of Object.keys(LANGUAGES))
  for (const size of Object.keys(SIZES)) {
    const words = WORDS[language];

    test(`every page fits and axe finds nothing: ${language}, ${size}`, { timeout: 90000 }, async () => {
      const account = await addAccount({ name: 'looked-at' });
      const page = await open(language, size, true);
      await signIn(page, account);
      for (const path of PAGES) {
        await page.goto(`${op}/account${path}`);
        assert.equal(await page.locator('h1').count(), 1, path);
        const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
        assert.ok(whole <= inner, `${path} is ${whole} wide on a screen of ${inner}`);
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() => window.axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], path);
        await page.screenshot({ path: join(shots, `account${path.replace('/', '-')}-${language}-${size}.png`), fullPage: true });
      }
      await page.context().close();
    });

    test(`a holder changes the password, ends sessions, asks for another ID and leaves, without script: ${language}, ${size}`, { timeout: 90000 }, async () => {
      const account = await addAccount({ name: 'self-made' });
      const page = await open(language, size, false);
      await signIn(page, account);
      await press(page, 'a[href="/account/password"]');
      await page.fill('#password', 'short');
      await page.fill('#password_again', 'short');
      await press(page, 'main button[type=submit]');
      assert.match(await page.textContent('#notice'), words.bad);
      const password = note(`chosen ${word(12)} pass`);
      await page.fill('#password', password);
      await page.fill('#password_again', password);
      await press(page, 'main button[type=submit]');
      assert.match(await page.textContent('#notice'), words.changed);
      await page.screenshot({ path: join(shots, `account-done-${language}-${size}.png`), fullPage: true });
      await page.goto(`${op}/account/sessions`);
      await press(page, 'form:has(input[name=which]) button');
      assert.match(await page.textContent('#notice'), words.ended);
      await page.goto(`${op}/account/id`);
      await page.fill('#account_id', `browser-${word()}@example.test`);
      await press(page, 'form:has(#account_id) button');
      assert.match(await page.textContent('#notice'), words.mailed);
      await page.screenshot({ path: join(shots, `account-mailed-${language}-${size}.png`), fullPage: true });
      await page.goto(`${op}/account/close`);
      await page.fill('#account_id', account.id);
      await press(page, 'main button[type=submit]');
      assert.match(await page.textContent('#notice'), words.closed);
      await page.goto(`${op}/account`);
      assert.ok(page.url().includes('/oauth/authorize'), 'nobody is signed in');
      await page.context().close();
    });
  }
