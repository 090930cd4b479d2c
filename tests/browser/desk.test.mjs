// The reviewers' desk in Chromium, against a cluster of its own: by keys with the script,
// by clicks without it; both languages, a telephone's and a desk's screen, axe clean.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { word } from '../lib/admin.mjs';
import { Center } from '../lib/desk.mjs';
import { until } from '../lib/demo.mjs';
import { addStaff, freshCode } from '../lib/staff.mjs';
import { sheet, tiff } from '../lib/tiff.mjs';

const center = await Center.make('desk-pages');
const target = center.consoles[0];
const base = target.base;
const shots = join(process.env.TASUKI_OUT_DIR ?? center.cluster.dir, 'screenshots');
const SIZES = { telephone: { width: 390, height: 844 }, desk: { width: 1280, height: 900 } };
const LANGUAGES = { ja: 'ja-JP', en: 'en-US' };
let browser;
before(async () => {
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.TASUKI_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(async () => {
  await browser?.close();
  await center.close();
});

// A signed-in browser. `bare`: axe is put into its pages, which their policy would not let.
async function open(roles, { language = 'ja', size = 'desk', script = true, bare = false } = {}) {
  const person = await addStaff(roles);
  const context = await browser.newContext({
    ignoreHTTPSErrors: true, javaScriptEnabled: script, bypassCSP: bare, locale: LANGUAGES[language], viewport: SIZES[size],
    clientCertificates: [{ origin: base, cert: target.tls.cert, key: target.tls.key }],
  });
  context.setDefaultTimeout(20000);
  const page = await context.newPage();
  const trouble = [];
  page.on('console', (message) => message.type() === 'error' && !/favicon|status of 4\d\d/.test(message.text()) && trouble.push(message.text()));
  page.on('pageerror', (error) => trouble.push(error.message));
  await page.goto(`${base}/staff/login`);
  await page.fill('#name', person.name);
  await page.fill('#password', person.password);
  await page.fill('#code', await freshCode(person));
  await Promise.all([page.waitForURL(/\/staff$/), page.click('main button[type=submit]')]);
  return {
    page,
    person,
    go: (path) => page.goto(base + path),
    seen: async (name) => {
      const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
      assert.ok(whole <= inner, `${name}: ${whole} wide on a screen of ${inner}`);
      await page.screenshot({ path: join(shots, `desk-${name}-${language}-${size}.png`), fullPage: true });
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

const scan = ({ id }) => tiff([sheet(620, 877, Number(id.slice(1))), sheet(620, 877, 3)]);
const evidence = () => ({
  pages: [{ scan: 0, index: 0, kind: 'form', size: [620, 877] }, { scan: 0, index: 1, kind: 'certificate', size: [620, 877] }],
  fields: [
    { field: 'form_number', text: '7000012050002', quad: [[60, 100], [560, 100], [560, 140], [60, 140]] },
    { field: 'cert_name', text: '山木千尋', verdict: 'differs', page: 1, quad: [[60, 100], [560, 100], [560, 140], [60, 140]] },
    { field: 'cert_seal', confidence: 0.81, page: 1, quad: [[300, 300], [400, 300], [400, 400], [300, 400]] },
  ],
});
// Every image of the page has arrived as one.
const images = (page) => page.evaluate(() => Promise.all([...document.images].map(async (image) => { image.loading = 'eager'; await image.decode(); return image.naturalWidth; })));

let number = 0;
const nextPapers = (verdict = 'REVIEW') => center.atDesk((number += 20), 1, { scan, evidence, verdict });

for (const language of Object.keys(LANGUAGES)) {
  for (const size of Object.keys(SIZES)) {
    test(`the desk's pages: ${language}, ${size}, axe`, { timeout: 180000 }, async () => {
      const [one] = await nextPapers();
      const view = await open(['reviewer', 'approver', 'supervisor', 'intake', 'auditor'], { language, size, bare: true });
      const { page, go, seen } = view;
      await go('/staff/desk');
      await seen('queues');
      await go(`/staff/application?id=${one.id}`);
      await page.click('form[action="/staff/application/claim"] button');
      await page.waitForSelector('#decide');
      assert.ok((await images(page)).every((width) => width > 10));
      await seen('application');
      await page.click('[data-key="]"]');
      await page.waitForURL(/page=2/);
      await page.click('[data-key="r"]');
      await page.waitForURL(/turn=1/);
      await seen('turned');
      await page.check('input[name=defect_form_differs]');
      await page.check('input[name=defect_cert_copy]');
      await page.fill('#note', '氏名の一字が違う');
      await page.click('button[value=deny]');
      await page.waitForURL(/notice=second_due/);
      await seen('second-due');
      for (const [name, path] of [['intake', '/staff/intake'], ['imports', '/staff/imports']]) {
        await go(path);
        await seen(name);
      }
      await view.close();
    });
  }
}

test('without a script: two people approve by clicks', { timeout: 120000 }, async () => {
  const [one] = await nextPapers();
  for (const roles of [['reviewer'], ['approver']]) {
    const view = await open(roles, { script: false });
    const { page, go } = view;
    await go('/staff/desk?kind=corporation&state=staff');
    await page.click(`main a[href$="${one.id}"]`);
    await page.click('form[action="/staff/application/claim"] button');
    await page.waitForSelector('#decide');
    await page.click('button[value=approve]');
    await page.waitForSelector('.notice[role=status]');
    await view.close();
  }
  const { page, go, close } = await open(['auditor'], { script: false });
  await go(`/staff/application?id=${one.id}`);
  assert.match(await page.textContent('.heading .tools'), /未完了/);
  await close();
});

test('by keys alone: take the next, mark defects, deny', { timeout: 120000 }, async () => {
  const [one] = await nextPapers('NG');
  const { page, go, close } = await open(['reviewer']);
  await go('/staff/desk');
  await page.keyboard.press('n');
  await page.waitForSelector('#decide');
  await page.keyboard.press(']');
  await page.waitForURL(/page=2/);
  await page.keyboard.press('+');
  await page.waitForURL(/zoom=1/);
  await page.keyboard.press('1');
  await page.keyboard.press('4');
  assert.deepEqual(await page.$$eval('input[type=checkbox]:checked', (boxes) => boxes.map((box) => box.name)), ['defect_cert_expired', 'defect_form_differs']);
  await page.focus('#note');
  await page.keyboard.type('a2'); // typed, not done
  assert.equal(await page.inputValue('#note'), 'a2');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('d');
  assert.equal(await page.evaluate(() => document.activeElement.value), 'deny', 'it is asked once more');
  await page.keyboard.press('Enter');
  await page.waitForURL(/notice=denied/);
  assert.match(page.url(), new RegExp(one.id));
  await close();
});

test('files are sent from the page, in chunks, and wait for the farm', { timeout: 120000 }, async () => {
  const { page, go, close } = await open(['intake']);
  await go('/staff/intake');
  await page.waitForSelector('#upload:not([hidden])');
  const label = `束-${word(3)}`;
  await page.fill('#label', label);
  const big = tiff([sheet(620, 877, 5), sheet(620, 877, 6)]);
  await page.setInputFiles('#files', [
    { name: 'S0900.tif', mimeType: 'image/tiff', buffer: big },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no scan') },
  ]);
  await page.click('#upload button');
  await page.waitForSelector('#upload[data-state]');
  assert.equal(await page.getAttribute('#upload', 'data-state'), 'done', await page.textContent('#upload-status'));
  const job = await until('it is to be sorted', () => center.farm.lease());
  assert.deepEqual(await center.farm.scan(job.scans[0]), big);
  assert.equal((await center.farm.result(job, 'REVIEW', { reasons: 1n << 39n, pages: [{ scan: 0, index: 0, kind: 'form' }, { scan: 0, index: 1, kind: 'blank' }] })).status, 200);
  await go('/staff/intake');
  assert.match(await page.textContent('main'), new RegExp(label));
  await page.click('main tbody a');
  await page.waitForSelector('#id');
  assert.ok((await images(page)).every((width) => width > 10));
  await page.click('button[name=nobody]');
  await page.waitForURL(/notice=page_placed/);
  await close();
});
