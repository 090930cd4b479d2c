// Chromium for tests of pages: both languages, a telephone's and a desk's screen, what
// assistive technology would stumble over, a picture of each page.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { freshCode } from './staff.mjs';

export const SIZES = { telephone: { width: 390, height: 844 }, desk: { width: 1280, height: 900 } };
export const LANGUAGES = { ja: 'ja-JP', en: 'en-US' };

export const launch = (...args) => chromium.launch({
  executablePath: process.env.TASUKI_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...args],
});

// A page of a context of its own. `bare`: axe is put into its pages, which their policy
// would not let. `seen` looks at a page and keeps its picture as SHOTS/NAME-...; `close`
// finds what the pages complained of.
export async function openPage(browser, { shots, language = 'ja', size = 'desk', script = true, bare = false, ...more }) {
  mkdirSync(shots, { recursive: true });
  const context = await browser.newContext({
    ignoreHTTPSErrors: true, javaScriptEnabled: script, bypassCSP: bare, locale: LANGUAGES[language], viewport: SIZES[size], ...more,
  });
  context.setDefaultTimeout(20000);
  const page = await context.newPage();
  const trouble = [];
  page.on('console', (message) => message.type() === 'error' && !/favicon|status of 4\d\d/.test(message.text()) && trouble.push(message.text()));
  page.on('pageerror', (error) => trouble.push(error.message));
  return {
    page,
    // Goes on in another language and on another screen.
    change: async (to) => {
      ({ language, size } = to);
      await page.setViewportSize(SIZES[size]);
      const at = new URL(page.url());
      at.searchParams.set('ui', language);
      await page.goto(at.href);
    },
    seen: async (name) => {
      const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
      assert.ok(whole <= inner, `${name}: ${whole} wide on a screen of ${inner}`);
      await page.screenshot({ path: join(shots, `${name}-${language}-${size}.png`), fullPage: true });
      if (!bare) return;
      await page.addScriptTag({ content: axe.source });
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
      assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')}`), [], name);
    },
    close: async () => {
      await context.close();
      assert.deepEqual(trouble, []);
    },
  };
}

// Likewise, of somebody of the staff who is signed in at a node's own listener.
export async function openDesk(browser, target, person, options) {
  const view = await openPage(browser, { ...options, clientCertificates: [{ origin: target.base, cert: target.tls.cert, key: target.tls.key }] });
  const { page } = view;
  await page.goto(`${target.base}/staff/login`);
  await page.fill('#name', person.name);
  await page.fill('#password', person.password);
  await page.fill('#code', await freshCode(person));
  await Promise.all([page.waitForURL(/\/staff$/), page.click('main button[type=submit]')]);
  return { ...view, go: (path) => page.goto(target.base + path) };
}
