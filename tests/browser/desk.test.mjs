// The reviewers' desk in Chromium, against a cluster of its own: by keys with the script,
// by clicks without it; both languages, a telephone's and a desk's screen, axe clean.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { word } from '../lib/admin.mjs';
import { LANGUAGES, launch, openDesk, SIZES } from '../lib/browsing.mjs';
import { Center } from '../lib/desk.mjs';
import { until } from '../lib/demo.mjs';
import { addStaff } from '../lib/staff.mjs';
import { sheet, tiff } from '../lib/tiff.mjs';

const center = await Center.make('desk-pages');
const target = center.consoles[0];
const shots = join(process.env.TASUKI_OUT_DIR ?? center.cluster.dir, 'screenshots');
let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await center.close();
});

// A signed-in browser.
async function open(roles, options = {}) {
  const view = await openDesk(browser, target, await addStaff(roles), { shots, ...options });
  return { ...view, seen: (name) => view.seen(`desk-${name}`) };
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
      const waiting = await center.apply((number += 20));
      await go('/staff/desk');
      await page.fill('#id', 'P0');
      await page.press('#id', 'Enter');
      await page.waitForSelector('#why');
      assert.equal(await page.inputValue('#id'), 'P0', 'a search that finds nothing is there to be mended');
      await page.fill('#id', waiting.id);
      await page.press('#id', 'Enter');
      await page.waitForSelector('#receive');
      await seen('awaiting');
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
      await page.click('button[value=approve]');
      await page.waitForSelector('#why');
      assert.equal(await page.inputValue('#note'), '氏名の一字が違う', 'what was typed is there');
      assert.deepEqual(await page.$$eval('input[type=checkbox]:checked', (boxes) => boxes.map((box) => box.name)), ['defect_cert_copy', 'defect_form_differs']);
      assert.match(await page.getAttribute('.sheet img', 'src'), /page=2&turn=1/, 'and the page that was looked at');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'why', 'why is read first');
      assert.ok(await page.locator('#why a[href="#defects"]').count());
      await images(page);
      await seen('refused');
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
  await page.fill('#id', 'P99999999');
  await page.press('#id', 'Enter');
  await page.waitForSelector('#why');
  assert.equal(await page.inputValue('#id'), 'P99999999');
  assert.equal(await page.$eval('#id', (field) => getComputedStyle(field).borderTopWidth), '2px', 'and is marked');
  await page.click('button[name=nobody]');
  await page.waitForURL(/notice=page_placed/);
  await close();
});
