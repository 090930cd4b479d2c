// Who applies for a Prime account, in a browser: the form in both languages on a
// telephone's and a desk's screen, with and without its script; the mailed link, the
// number, the status; what is refused, and how it is said.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { word } from '../lib/admin.mjs';
import { applicant, corporateNumber } from '../lib/apply.mjs';
import { demo } from '../lib/demo.mjs';
import { lastMail, linkOf } from '../lib/messages.mjs';

const { issuer } = demo();
const op = new URL(issuer).origin;
const shots = join(process.env.TASUKI_OUT_DIR ?? demo().dir, 'screenshots');
const SIZES = { telephone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } };
const LANGUAGES = { ja: 'ja-JP', en: 'en-US' };
const WORDS = {
  ja: { awaiting: /書類の到着待ち/, check: /検査用の数字/, missing: /見つかりません/, withdrawn: /取り下げました/ },
  en: { awaiting: /Waiting for your documents/, check: /check digit/, missing: /no application/, withdrawn: /withdrawn/ },
};

let browser;
before(async () => {
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.TASUKI_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

async function open({ language = 'ja', size = 'desk', script = false, axe: looks = false } = {}) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true, javaScriptEnabled: script || looks, bypassCSP: looks, locale: LANGUAGES[language], viewport: SIZES[size],
  });
  context.setDefaultTimeout(60000);
  const page = await context.newPage();
  const trouble = [];
  page.on('console', (message) => message.type() === 'error' && trouble.push(message.text()));
  page.on('request', (request) => new URL(request.url()).origin === op || trouble.push(`request to ${request.url()}`));
  return {
    page,
    shot: (name) => page.screenshot({ path: join(shots, `apply-${name}-${language}-${size}.png`), fullPage: true }),
    // What assistive technology would stumble over; and nothing is wider than the screen.
    sound: async () => {
      const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
      assert.ok(whole <= inner, `the page is ${whole} wide on a screen of ${inner}`);
      if (!looks) return;
      await page.addScriptTag({ content: axe.source });
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
    },
    close: async () => {
      await context.close();
      assert.deepEqual(trouble.filter((text) => !/status of 4\d\d/.test(text)), []);
    },
  };
}

async function fill(page, person) {
  for (const [name, value] of Object.entries(person)) {
    const input = page.locator(`[name=${name}]:not([type=hidden])`);
    if (name === 'agree') await input.check();
    else if (/^(prefecture|contact_prefecture|birth_era)$/.test(name)) await input.selectOption(value);
    else await input.fill(value);
  }
}
const submit = (page, selector = 'main form button[type=submit]') => Promise.all([page.waitForNavigation(), page.click(selector)]);

for (const language of Object.keys(LANGUAGES)) {
  for (const size of Object.keys(SIZES)) {
    test(`from the form to the number and the status: ${language}, ${size}`, { timeout: 300000 }, async () => {
      const view = await open({ language, size, axe: true });
      const { page } = view;
      const words = WORDS[language];
      const person = applicant({ email: `ui-${word()}@example.test` });
      await page.goto(`${op}/`);
      await view.sound();
      await submit(page, 'a[href="/apply"]');
      await view.sound();
      await view.shot('kinds');
      await submit(page, 'a[href="/apply?kind=corporation"]');
      await view.sound();
      await view.shot('form');

      // A slip in the number, a day that the era does not have: said by the server.
      await fill(page, { ...person, corporate_number: person.corporate_number.replace(/(.)(.)$/, '$2$1'), birth_era: 'showa', birth_year: '64', birth_month: '1', birth_day: '8' });
      await page.evaluate(() => document.getElementById('apply').setAttribute('novalidate', ''));
      await submit(page);
      await view.sound();
      await view.shot('faults');
      assert.match(await page.textContent('#notice'), words.check);
      assert.equal(await page.locator('#notice li').count(), 2);
      assert.equal(await page.inputValue('#company'), person.company, 'what was typed stays');

      await fill(page, person);
      await submit(page);
      await view.sound();
      await view.shot('check');
      const shown = await page.textContent('#values');
      for (const text of [person.corporate_number, person.company, '昭和55年3月7日', '1980-03-07', person.phone, person.email]) assert.ok(shown.includes(text), text);
      await submit(page, '#edit');
      assert.equal(await page.inputValue('#corporate_number'), person.corporate_number);
      await submit(page);
      const since = Date.now();
      await submit(page, '#send');
      await view.sound();
      await view.shot('sent');

      const link = linkOf(await lastMail(person.email, { after: since, timeout: 60000 }));
      await page.goto(link);
      await page.goto(link);
      await view.sound();
      await view.shot('confirm');
      await submit(page, '#confirm');
      await view.sound();
      await view.shot('confirmed');
      const id = (await page.textContent('#application_id')).trim();
      assert.match(id, /^P\d{11}$/);
      const mail = await lastMail(person.email, { after: since, match: new RegExp(id), timeout: 60000 });
      assert.match(linkOf(mail), /\/apply\/document\?ticket=/);
      await page.goto(link);
      assert.ok(await page.isVisible('[role=alert]'), 'the link is used up');

      await page.goto(`${op}/`);
      await submit(page, '#apply_status');
      await view.sound();
      await page.fill('#application_id', id.toLowerCase());
      await page.fill('#account_id', `other-${person.email}`);
      await submit(page);
      assert.match(await page.textContent('[role=alert]'), words.missing);
      await view.sound();
      await page.fill('#application_id', id);
      await page.fill('#account_id', person.email);
      await submit(page);
      await view.sound();
      await view.shot('status');
      assert.match(await page.textContent('#status'), words.awaiting);
      const asked = Date.now();
      await submit(page, '#withdraw');
      await view.sound();
      await view.shot('withdraw-sent');
      assert.match(await page.textContent('#status'), words.awaiting, 'by the mailed link alone');
      await page.goto(linkOf(await lastMail(person.email, { after: asked, match: /withdraw/, timeout: 60000 })));
      await view.sound();
      await view.shot('withdraw');
      await submit(page, '#withdraw_confirm');
      await view.sound();
      await view.shot('withdrawn');
      assert.match(await page.textContent('#withdrawn'), words.withdrawn);
      await view.close();
    });
  }
}

test('the form says while it is filled in what is wrong, and how it may have come about', { timeout: 180000 }, async () => {
  const view = await open({ script: true });
  const { page } = view;
  await page.goto(`${op}/apply?kind=corporation`);
  const line = (id) => page.textContent(`#${id}_check`);
  const says = async (input, value, expected, id = input) => {
    await page.fill(`#${input}`, value);
    await page.locator(`#${input}`).blur();
    assert.match(await line(id), expected, `${input}: ${value}`);
  };
  await says('corporate_number', '7000012050002', /正しい形式/);
  await says('corporate_number', '７０００-０１２０-５０００２', /正しい形式/);
  await says('corporate_number', '7000012005002', /検査用の数字[^]*8桁目： 05 → 50|検査用の数字[^]*→/);
  await says('corporate_number', '000012050002', /12桁です[^]*7000012050002/);
  await says('corporate_number', '70000120500022', /桁が多すぎます/);
  await says('corporate_number', '70000x2050002', /数字でない/);
  assert.equal(await page.getAttribute('#corporate_number', 'aria-invalid'), 'true');
  await says('corporate_number', '7000012050002', /正しい形式/);
  assert.equal(await page.getAttribute('#corporate_number', 'aria-invalid'), null);
  await says('last_kana', '山田', /カタカナ/);
  await says('last_kana', 'ﾔﾏﾀﾞ', /正しい形式/);
  await says('last_kana', 'やまだ', /正しい形式/);
  await says('post_code', '100-890', /7桁/);
  await says('post_code', '〒100-8901', /正しい形式/);
  await says('phone', '03-1234-5678', /携帯電話/);
  await says('phone', '090-1234-5678', /正しい形式/);
  await says('phone', '+81 90 1234 5678', /正しい形式/);
  await page.selectOption('#birth_era', 'heisei');
  await page.fill('#birth_month', '1');
  await page.fill('#birth_day', '7');
  await says('birth_year', '1', /平成にない日です/, 'birth');
  await page.selectOption('#birth_era', 'showa');
  await says('birth_year', '64', /1989-01-07/, 'birth');
  await says('birth_year', '63', /1988-01-07/, 'birth');
  await page.fill('#birth_month', '2');
  await says('birth_day', '30', /暦にありません/, 'birth');
  await view.close();
});

test('every kind of applicant has its form; it works without script', { timeout: 180000 }, async () => {
  const kinds = { corporation: '印鑑証明書', sole_proprietor: '印鑑登録証明書', public_body: '在籍証明書', other_body: '団体の規約' };
  for (const [kind, paper] of Object.entries(kinds)) {
    const view = await open();
    const { page } = view;
    const person = applicant({ email: `ui-${word()}@example.test`, kind });
    await page.goto(`${op}/apply?kind=${kind}`);
    assert.ok((await page.textContent('main')).includes(paper), kind);
    assert.equal(await page.locator('#corporate_number').count(), kind === 'sole_proprietor' ? 0 : 1);
    await fill(page, person);
    await submit(page);
    await submit(page, '#send');
    assert.ok((await page.textContent('[role=status] + p')).length > 0);
    assert.match(linkOf(await lastMail(person.email, { timeout: 60000 })), /\/apply\/confirm\?token=/);
    await view.close();
  }
  assert.equal(corporateNumber('000012050002'), '7000012050002');
});
