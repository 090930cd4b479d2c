// Ways to confirm that are added, and a forgotten password, in Chromium: both languages, a
// telephone's and a desk's screen; axe looks at each page. All forms work without script.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { addAccount, everywhere, newPhone, word } from '../lib/admin.mjs';
import { demo } from '../lib/demo.mjs';
import { totp } from '../lib/flow.mjs';
import { codeOf, lastMail, lastSms, linkOf } from '../lib/messages.mjs';
import { note } from '../lib/secrets.mjs';

const op = new URL(demo().issuer).origin;
const shots = join(process.env.TASUKI_OUT_DIR ?? demo().dir, 'screenshots');
const SIZES = { telephone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } };
const LANGUAGES = { ja: 'ja-JP', en: 'en-US' };
const WORDS = {
  ja: { wrong: /認証コードが違います/, added: /認証方法を登録しました/, changed: /電話番号を変更しました/, common: /よく使われる|推測されやすい/, reset: /新しいパスワードを設定しました/ },
  en: { wrong: /code is wrong/, added: /It is registered/, changed: /number was changed/, common: /guess|common|tried first/i, reset: /new password/i },
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

async function open(language, size) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: true, locale: LANGUAGES[language], viewport: SIZES[size] });
  context.setDefaultTimeout(30000);
  const page = await context.newPage();
  const look = async (name) => {
    await page.screenshot({ path: join(shots, `${name}-${language}-${size}.png`), fullPage: true });
    const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
    assert.ok(whole <= inner, `${name} is ${whole} wide on a screen of ${inner}`);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => window.axe.run());
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], name);
  };
  return { page, look, close: () => context.close() };
}
const press = (page, selector) => Promise.all([page.waitForLoadState('load'), page.click(selector)]);
const text = (page) => page.textContent('main');
const action = (name) => `form:has(input[value="${name}"]) button`;

for (const language of Object.keys(LANGUAGES))
  for (const size of Object.keys(SIZES)) {
    const words = WORDS[language];

    test(`a number and an app are added, the number is changed: ${language}, ${size}`, { timeout: 180000 }, async () => {
      const { page, look, close } = await open(language, size);
      const account = await addAccount({ name: 'adds', phone: newPhone() });
      await everywhere(1);
      await page.goto(`${op}/account/factors`);
      await page.fill('#account_id', account.id);
      await page.fill('#password', account.password);
      let since = Date.now();
      await press(page, 'form[action="/oauth/login"] button[type=submit]');
      await page.fill('#code', codeOf(await lastSms(account.phone, { after: since })));
      await press(page, 'form:has(#code) button[type=submit]');
      await page.waitForURL(`${op}/account/factors`);
      await look('factors-number');

      await page.goto(`${op}/account/enrol`);
      await look('enrol');
      await press(page, action('totp'));
      await look('enrol-totp');
      await page.fill('#totp_code', '000000');
      await press(page, action('totp_code'));
      assert.match(await text(page), words.wrong);
      await look('enrol-totp-wrong');
      const secret = note(await page.textContent('#seed'));
      await page.fill('#totp_code', totp(secret));
      await press(page, action('totp_code'));
      assert.match(await text(page), words.added);
      await look('enrol-added');

      await page.goto(`${op}/account/factors`);
      await press(page, 'a[href*="replaces="]');
      await look('enrol-change');
      const phone = newPhone();
      await page.fill('#phone', phone.replace('+81', '0'));
      since = Date.now();
      await press(page, action('sms'));
      await look('enrol-sms');
      await page.fill('#sms_code', codeOf(await lastSms(phone, { after: since })));
      await press(page, action('sms_code'));
      assert.match(await text(page), words.changed);
      await look('enrol-changed');
      await close();
    });

    test(`a forgotten password: ${language}, ${size}`, { timeout: 120000 }, async () => {
      const { page, look, close } = await open(language, size);
      const account = await addAccount({ name: 'forgets' });
      await everywhere(1);
      await page.goto(`${op}/oauth/recover`);
      await look('recover');
      await page.fill('#account_id', account.id);
      const since = Date.now();
      await press(page, 'main button[type=submit]');
      await look('recover-asked');
      await page.goto(linkOf(await lastMail(account.id, { after: since })));
      await look('recover-reset');
      await page.fill('#password', 'takahashi19800101');
      await press(page, 'main button[type=submit]');
      assert.match(await text(page), words.common);
      await look('recover-refused');
      await page.fill('#password', note(`another ${word(12)} pass`));
      await press(page, 'main button[type=submit]');
      assert.match(await text(page), words.reset);
      await look('recover-done');
      await close();
    });
  }
