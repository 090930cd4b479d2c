// The activation's pages, every step and every refusal, and the applicants' desk where a
// telephone number is put right: Chromium against a cluster of its own, both languages, a
// telephone's and a desk's screen, axe clean, and by the keyboard alone.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { newPhone, word } from '../lib/admin.mjs';
import { LANGUAGES, launch, openDesk, openPage, SIZES } from '../lib/browsing.mjs';
import { Center, decide } from '../lib/desk.mjs';
import { codeOf, lastMail, lastSms, linkOf } from '../lib/messages.mjs';
import { addStaff } from '../lib/staff.mjs';

const center = await Center.make('activation-pages', ['login_limit_per_minute = 0']);
const { cluster, sinks } = center;
const origin = `https://localhost:${cluster.port}`;
const shots = join(process.env.TASUKI_OUT_DIR ?? cluster.dir, 'screenshots');
const reviewer = await center.person(['reviewer']);
const PASSWORD = `activate ${word(12)} pass`;
let browser;
before(async () => {
  // The issuer's own port is a balancer's, which this cluster has not.
  browser = await launch(`--host-resolver-rules=MAP localhost:${cluster.port} 127.0.0.1:${cluster.port + 1}`);
});
after(async () => {
  await browser?.close();
  await center.close();
});

let number = 0;
// An approved application, and its link.
async function approved(phone) {
  const [one] = await center.atDesk((number += 20), 1, { profile: { email: `applicant-${word()}@example.test`, ...(phone ? { user_tel_no_contact: phone } : {}) } });
  assert.match((await decide(reviewer, one.id, 'approve')).location, /notice=approved/);
  await cluster.settled();
  return { ...one, link: linkOf(await lastMail(one.profile.email, { sinks, match: /activate/ })) };
}

async function codeAfter(phone, act) {
  const since = Date.now();
  await act();
  return codeOf(await lastSms(phone, { sinks, after: since }));
}

const wrongOf = (code) => String((Number(code) + 1) % 1000000).padStart(6, '0');

for (const language of Object.keys(LANGUAGES)) {
  for (const size of Object.keys(SIZES)) {
    test(`activation: ${language}, ${size}`, { timeout: 180000 }, async () => {
      const phone = newPhone();
      const one = await approved(phone);
      const view = await openPage(browser, { shots, language, size, bare: true });
      const { page } = view;
      const seen = (name) => view.seen(`activate-${name}`);
      const submit = (selector) => Promise.all([page.waitForNavigation(), page.click(selector)]);
      const set = async (code, password, again = password) => {
        await page.fill('#code', code);
        await page.fill('#password', password);
        await page.fill('#password_again', again);
        await submit('#activate');
      };
      await page.goto(one.link.slice(0, -6));
      await seen('refused');
      await page.goto(one.link);
      assert.equal(await page.getAttribute('html', 'lang'), language);
      await seen('ask');
      const code = await codeAfter(phone, () => submit('#send'));
      await page.waitForSelector('.success');
      await seen('form');
      await set(wrongOf(code), PASSWORD);
      assert.equal(await page.getAttribute('#code', 'aria-invalid'), 'true');
      await seen('wrong');
      await set(code, PASSWORD, `${PASSWORD}x`);
      assert.equal(await page.inputValue('#code'), code, 'it need not be typed again');
      await seen('differs');
      await set(code, 'short');
      assert.equal(await page.getAttribute('#password', 'aria-invalid'), 'true');
      await seen('short');
      await set(code, PASSWORD);
      await page.waitForSelector('[role=status]');
      await seen('done');
      await page.goto(one.link);
      await page.waitForSelector('a[href="/apply/status"]');
      await view.close();
    });

  }
}

async function putRight(clerk, second) {
  const one = await approved(newPhone()), phone = newPhone();
  await clerk.page.click('.menu a[href="/staff/help"]');
  await clerk.page.waitForSelector('#who');
  await clerk.seen('help-empty');
  await clerk.page.fill('#who', one.profile.email);
  await clerk.page.press('#who', 'Enter');
  await clerk.page.waitForSelector('#correct');
  await clerk.seen('help-application');
  await clerk.page.fill('#tel', '03-1234-5678');
  await clerk.page.check('input[value=called_back]');
  await clerk.page.press('#tel', 'Enter');
  await clerk.page.waitForSelector('#why');
  assert.equal(await clerk.page.inputValue('#tel'), '03-1234-5678', 'what was typed is there to be mended');
  assert.ok(await clerk.page.isChecked('input[value=called_back]'));
  await clerk.seen('help-refused');
  await clerk.page.fill('#tel', phone);
  await clerk.page.click('form[action="/staff/help/correct"] button');
  await clerk.page.waitForURL(/notice=correction_asked/);
  assert.equal(await clerk.page.$('button[value=agree]'), null, 'who asks does not agree');
  await clerk.seen('help-asked');
  await second.page.click('.menu a[href="/staff/help"]');
  await second.page.waitForSelector('tbody a');
  await second.seen('help-list');
  await second.page.click(`main tbody a[href$="${one.id}"]`);
  await second.page.waitForSelector('button[value=agree]');
  await second.seen('help-second');
  await second.page.click('button[value=agree]');
  await second.page.waitForURL(/notice=correction_done/);
  await second.seen('help-done');
  return { link: one.link, phone };
}

test('a number is put right at the applicants\' desk, by two people', { timeout: 300000 }, async () => {
  const people = await Promise.all([['help-desk'], ['approver']].map((roles) => addStaff(roles)));
  const views = [];
  for (const person of people) views.push(await openDesk(browser, center.consoles[0], person, { shots, bare: true }));
  let last;
  for (const language of Object.keys(LANGUAGES)) {
    for (const size of Object.keys(SIZES)) {
      for (const view of views) {
        await view.go('/staff');
        await view.change({ language, size });
      }
      await views[0].seen('help-home');
      last = await putRight(...views);
    }
  }
  for (const view of views) await view.close();
  // The link that was mailed before sends to the new number.
  const { page, close } = await openPage(browser, { shots });
  await page.goto(last.link);
  assert.match(await codeAfter(last.phone, () => Promise.all([page.waitForNavigation(), page.click('#send')])), /^\d{6}$/);
  await close();
});

test('what an activation cannot go on with is said on its page', { timeout: 180000 }, async () => {
  const { link: phoneless } = await approved();
  const phone = newPhone(), { link } = await approved(phone);
  let locks = true;
  for (const language of Object.keys(LANGUAGES)) {
    for (const size of Object.keys(SIZES)) {
      const view = await openPage(browser, { shots, language, size, bare: true });
      const { page } = view;
      const send = () => Promise.all([page.waitForNavigation(), page.click('#send, #send_again')]);
      await page.goto(phoneless);
      await view.seen('activate-phoneless');
      await page.goto(link);
      if (locks) {
        const code = await codeAfter(phone, send);
        for (let i = 0; i < 10; i++) { // the tenth wrong one says at once what it has done
          await page.fill('#code', wrongOf(code));
          for (const field of ['#password', '#password_again']) await page.fill(field, PASSWORD);
          await Promise.all([page.waitForNavigation(), page.click('#activate')]);
        }
        locks = false;
      } else {
        await send();
      }
      assert.match(await page.textContent('#notice'), { ja: /24時間/, en: /24 hours/ }[language]);
      await view.seen('activate-locked');
      await view.close();
    }
  }
});

test('by the keyboard alone, without a script', { timeout: 120000 }, async () => {
  const phone = newPhone(), { link } = await approved(phone);
  const view = await openPage(browser, { shots, script: false });
  const { page } = view;
  // Tab until the element has the focus; every stop is seen.
  const to = async (selector) => {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      if (await page.$eval(selector, (element) => element.matches(':focus'))) return;
    }
    assert.fail(`${selector} is not reached by Tab`);
  };
  await page.goto(link);
  await to('#send');
  const code = await codeAfter(phone, () => Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]));
  for (const [selector, text] of [['#code', code], ['#password', PASSWORD], ['#password_again', PASSWORD]]) {
    await to(selector);
    await page.keyboard.type(text);
  }
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  await page.waitForSelector('a[href="/account"]');
  assert.match(await page.textContent('main'), /利用できるようになりました/);
  await view.close();
});
