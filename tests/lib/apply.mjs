// Applicants for tests: a person and an organisation of their own each time.
import { randomInt } from 'node:crypto';

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
    birth_era: 'showa', birth_year: '55', birth_month: '3', birth_day: '7', post_code: '100-8901', phone: '090-1234-5678',
    email, agree: 'yes',
  };
  if (kind === 'sole_proprietor') return { ...common, address1: `試験市${randomInt(1e6)}区`, ...fields };
  return { corporate_number: newNumber(), ...common, ...fields };
}
