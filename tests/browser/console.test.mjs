// The staff console in Chromium: both languages, a telephone's and a desk's screen,
// scripts off; axe looks at the same pages with scripts on.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { word } from '../lib/admin.mjs';
import { demo } from '../lib/demo.mjs';
import { addStaff, consoles, freshCode, ROLES } from '../lib/staff.mjs';

const base = consoles().balancer.base;
const shots = join(process.env.TASUKI_OUT_DIR ?? demo().dir, 'screenshots');
const SIZES = { telephone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } };
const LANGUAGES = { ja: 'ja-JP', en: 'en-US' };

let browser;
before(async () => {
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.TASUKI_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

async function open({ language, size, script = false }) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: script, bypassCSP: script, locale: LANGUAGES[language], viewport: SIZES[size] });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  const trouble = [];
  page.on('console', (message) => message.type() === 'error' && trouble.push(message.text()));
  page.on('request', (request) => new URL(request.url()).origin !== base && trouble.push(`request to ${request.url()}`));
  return {
    page,
    // A page is seen: it fits its screen, and is kept as a picture.
    seen: async (name) => {
      const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
      assert.ok(whole <= inner, `${name}: ${whole} wide on a screen of ${inner}`);
      await page.screenshot({ path: join(shots, `console-${name}-${language}-${size}.png`), fullPage: true });
      if (script) await assertClean(page, name);
    },
    close: async () => {
      await context.close();
      assert.deepEqual(trouble.filter((text) => !/status of 4\d\d/.test(text)), []);
    },
  };
}

async function assertClean(page, name) {
  await page.addScriptTag({ content: axe.source });
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations', 'passes'] }));
  assert.ok(passes.length > 10, `${name}: axe has looked`);
  const list = violations.map((v) => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')}`);
  assert.deepEqual(list, [], name);
}

async function signIn(page, person, code) {
  await page.fill('#name', person.name);
  await page.fill('#password', person.password);
  await page.fill('#code', code);
  await Promise.all([page.waitForLoadState('load'), page.click('main button[type=submit]')]);
}

for (const script of [false, true]) {
  for (const language of Object.keys(LANGUAGES)) {
    for (const size of Object.keys(SIZES)) {
      test(`the registry, the staff, the operation: ${language}, ${size}${script ? ', axe' : ''}`, { timeout: 180000 }, async () => {
        const person = await addStaff(ROLES);
        const view = await open({ language, size, script });
        const { page, seen } = view;
        await page.goto(`${base}/staff/rps`);
        assert.match(page.url(), /\/staff\/login\?/);
        await seen('login');
        await signIn(page, person, '000000');
        await page.waitForSelector('[role=alert]');
        await seen('login-failed');
        await signIn(page, person, await freshCode(person));
        assert.equal(new URL(page.url()).pathname, '/staff/rps', 'where the person wanted to go');
        await page.goto(`${base}/staff`);
        await seen('home');

        await page.goto(`${base}/staff/rps`);
        await page.selectOption('#ministry', '経済産業省');
        await page.click('main form.filter button');
        assert.ok((await page.$$('tbody tr')).length >= 5);
        await seen('rps');

        await page.goto(`${base}/staff/rp/edit`);
        const id = `t-browser-${word()}`;
        await page.fill('#client_id', id);
        await page.fill('#name', '検証用サービス');
        await page.fill('#ministry', 'デジタル庁');
        await page.fill('#redirect_uris', 'http://rp.example/cb');
        await page.click('main form button[type=submit]');
        await page.waitForSelector('#why');
        assert.equal(await page.inputValue('#name'), '検証用サービス', 'what was typed is there');
        await seen('rp-refused');
        await page.fill('#redirect_uris', 'https://rp.example/cb');
        await page.click('main form button[type=submit]');
        await page.waitForSelector('#secret');
        assert.match(await page.textContent('#secret'), /^[A-Za-z0-9_-]{43}$/);
        await seen('secret');
        await page.click('main a.button');
        await page.waitForSelector('[aria-current=step]');
        await page.click('form[action="/staff/rp/stage"] button');
        await page.waitForSelector('.stage-in_verification');
        await seen('rp');

        for (const [name, path] of [['ministries', '/staff/rps/ministries'], ['import', '/staff/rps/import'], ['operation', '/staff/operation'], ['sessions', '/staff/sessions'], ['password', '/staff/password'], ['audit', '/staff/audit?search=1'], ['people', '/staff/people'], ['missing', '/staff/rp?id=none']]) {
          await page.goto(base + path);
          await seen(name);
        }

        if (!script) { // a file is taken in two steps
          const file = { name: 'rps.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify([{ client_id: `t-${word()}`, name: '取り込む検証用サービス', auth: 'post', scopes: ['openid'], redirect_uris: ['https://rp.example/cb'] }])) };
          await page.goto(`${base}/staff/rps/import`);
          await page.setInputFiles('#file', file);
          await page.click('main form button[type=submit]');
          await page.waitForSelector('input[name=confirm]', { state: 'attached' });
          await seen('import-preview');
          await page.click('main form button[type=submit]');
          await page.waitForSelector('code.secret');
          await seen('imported');
          await page.goto(`${base}/staff/rps/import`);
          await page.setInputFiles('#file', { ...file, buffer: Buffer.from(file.buffer.toString().replace('検証用', '本番の').replace('"post"', '"basic"')) });
          await page.check('input[name=replace]');
          await page.click('main form button[type=submit]');
          await page.waitForSelector('del');
          await seen('import-changes');
        }

        await page.goto(`${base}/staff/people/add`);
        await page.fill('#name', `t-${word()}`);
        await page.fill('#password', `a ${word(12)} password`);
        await page.check('input[value=reviewer]');
        await seen('person');
        await page.click('main form button[type=submit]');
        await page.waitForSelector('#seed');
        assert.match(await page.textContent('#seed'), /^[A-Z2-7]{32}$/);
        assert.ok(await page.isVisible('svg.qr'));
        await seen('seed');
        await page.click('header form button');
        assert.match(page.url(), /\/staff\/login/);
        await page.goto(`${base}/staff/people`);
        assert.match(page.url(), /\/staff\/login/, 'signed out');
        await view.close();
      });
    }
  }
}

test('what needs care asks for both factors again', { timeout: 60000 }, async () => {
  const person = await addStaff(['auditor']);
  const view = await open({ language: 'ja', size: 'desk' });
  await view.page.goto(`${base}/staff/login?notice=again&next=/staff/password`);
  await signIn(view.page, person, await freshCode(person));
  assert.equal(new URL(view.page.url()).pathname, '/staff/password');
  await view.close();
});
