// Applicants for tests: a person and an organisation of their own each time.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { newPhone } from './admin.mjs';
import { notice } from './flow.mjs';
import { codeOf, lastSms } from './messages.mjs';

// 法人番号 of a register's number: its check digit in front (DOMAIN §6.1).
export function corporateNumber(base) {
  let sum = 0;
  for (let i = 0; i < 12; i++) sum += Number(base[11 - i]) * (i % 2 === 0 ? 1 : 2);
  return `${9 - (sum % 9)}${base}`;
}
// One whose last two digits cannot change places unnoticed.
export function newNumber() {
  for (;;) {
    const base = `0${String(randomInt(1e11)).padStart(11, '0')}`;
    if (base[10] !== base[11] && Math.abs(base[10] - base[11]) !== 9) return corporateNumber(base);
  }
}
const SURNAMES = ['高橋', '髙橋', '山崎', '渡邉', '佐藤', '土屋', '中村'];

// The form's fields as a person types them.
export function applicant({ email, kind = 'corporation', ...fields }) {
  const common = {
    company: `株式会社試験${randomInt(1e6)}`, prefecture: '13', address1: '千代田区', address2: '霞が関1丁目3番1号',
    last_name: SURNAMES[randomInt(SURNAMES.length)], first_name: '太郎', last_kana: 'タカハシ', first_kana: 'タロウ',
    birth_era: 'showa', birth_year: '55', birth_month: '3', birth_day: '7', post_code: '100-8901', phone: newPhone(),
    email, agree: 'yes',
  };
  if (kind === 'sole_proprietor') return { ...common, address1: `試験市${randomInt(1e6)}区`, ...fields };
  return { corporate_number: newNumber(), ...common, ...fields };
}

// The code that an activation's page sends to the application's number; the page after it.
export async function activationCode(browser, token, phone, { at, sinks } = {}) {
  const after = Date.now();
  const page = await browser.post('/apply/activate', { token, act: 'send' }, { at });
  assert.equal(page.status, 200, notice(page));
  return { page, code: codeOf(await lastSms(phone, { sinks, after })) };
}

// The approval's link, from the code to the password; the last answer.
export async function activate(browser, token, { phone, password }, { at, sinks } = {}) {
  const { code } = await activationCode(browser, token, phone, { at, sinks });
  const answer = await browser.post('/apply/activate', { token, act: 'set', code, password, password_again: password }, { at });
  assert.equal(answer.status, 200, notice(answer));
  return answer;
}
