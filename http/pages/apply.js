// The application's form, checked while it is filled in. The server checks everything
// again, and alone decides (server/domain/applicant.c); without this script the form works
// alike. Texts stand in the form's data attributes, in the page's language.
(() => {
  'use strict';
  const form = document.getElementById('apply');
  if (!form) return;
  const text = form.dataset;
  const line = (id) => document.getElementById(`${id}_check`);
  const digitsOf = (value) => value.normalize('NFKC').replace(/[\s\-‐−–ー]/g, '');

  // 平成26年財務省令第70号; the digit in front of the other twelve.
  const checkDigit = (base) => {
    let sum = 0;
    for (let i = 0; i < 12; i++) sum += Number(base[11 - i]) * (i % 2 === 0 ? 1 : 2);
    return String(9 - (sum % 9));
  };
  const fits = (number) => number.length === 13 && number[0] === checkDigit(number.slice(1));
  const exchanged = (number) => {
    const found = [];
    for (let i = 0; i < 12; i++) {
      const pair = number[i + 1] + number[i];
      const other = number.slice(0, i) + pair + number.slice(i + 2);
      if (other !== number && fits(other)) found.push([i + 1, number.slice(i, i + 2), pair]);
    }
    return found;
  };
  const mistaken = (number) => {
    const pairs = ['17', '71', '38', '83', '56', '65', '49', '94', '06', '60', '27', '72', '08', '80', '69', '96'];
    const found = [];
    for (let i = 0; i < 13; i++)
      for (const [typed, meant] of pairs)
        if (number[i] === typed && fits(number.slice(0, i) + meant + number.slice(i + 1))) found.push([i + 1, typed, meant]);
    return found;
  };
  const slipsOf = (slips) =>
    slips.slice(0, 3).map(([at, typed, meant]) => `\n${text.slips} ${at}${text.slipAt} ${typed} → ${meant}`).join('');
  const number = (typed) => {
    const digits = digitsOf(typed);
    if (!/^\d*$/.test(digits)) return text.numberCharacter;
    if (digits.length === 12) return `${text.numberBase}\n${text.baseMeant} ${checkDigit(digits)}${digits}`;
    if (digits.length < 13) return `${text.numberShort} (${digits.length})`;
    if (digits.length > 13) return `${text.numberLong} (${digits.length})`;
    if (fits(digits)) return '';
    return `${text.numberCheck}\n${text.checkExpected} ${checkDigit(digits.slice(1))}${slipsOf([...exchanged(digits), ...mistaken(digits)])}`;
  };

  const kana = (typed) => (/^[\u3041-\u3096\u30a1-\u30fe\s\u3000]+$/u.test(typed.normalize('NFKC')) ? '' : text.kana);
  const post = (typed) => (/^\d{7}$/.test(digitsOf(typed.replace('〒', ''))) ? '' : text.postCode);
  const phone = (typed) => {
    const digits = typed.normalize('NFKC').replace(/[\s\-‐−–ー()]/g, '');
    if (/^\+(?!81)[1-9]\d{7,14}$/.test(digits)) return '';
    if (!/^(\+81|0)\d{8,10}$/.test(digits)) return text.phone;
    return /^(\+81|0)[6-9]0\d{8}$/.test(digits) ? '' : text.phoneMobile;
  };
  const email = (typed) => (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(typed) ? '' : text.email);
  const anything = () => '';
  const checks = { number, kana, post, phone, email, text: anything };

  // Eras: the year before the first, first day and last.
  const eras = {
    western: [0, '1868-01-01', '9999-12-31'],
    meiji: [1867, '1868-01-01', '1912-07-29'],
    taisho: [1911, '1912-07-30', '1926-12-24'],
    showa: [1925, '1926-12-25', '1989-01-07'],
    heisei: [1988, '1989-01-08', '2019-04-30'],
    reiwa: [2018, '2019-05-01', '9999-12-31'],
  };
  const value = (name) => form.elements[name].value.normalize('NFKC').trim();
  const pad = (n, width) => String(n).padStart(width, '0');
  const birth = () => {
    const [era, year, month, day] = ['birth_era', 'birth_year', 'birth_month', 'birth_day'].map(value);
    if (!era || !year || !month || !day) return { wait: true };
    const y = year === '元' ? 1 : Number(year);
    if (![y, Number(month), Number(day)].every(Number.isInteger) || !eras[era]) return { bad: text.birthNumber };
    const [before, first, last] = eras[era];
    const at = `${pad(y + before, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
    const date = new Date(`${at}T00:00:00Z`);
    if (y < 1 || (era !== 'western' && y > 99) || at < first || at > last) {
      const key = `outside${era[0].toUpperCase()}${era.slice(1)}`;
      return { bad: text[key] };
    }
    if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== at) return { bad: text.birthDay };
    if (date.getTime() > Date.now() + 9 * 3600 * 1000) return { bad: text.birthFuture };
    return { good: `${text.today}: ${at}` };
  };

  const say = (where, input, bad, good) => {
    where.textContent = bad || good;
    where.className = `check-line ${bad ? 'check-bad' : 'check-good'}`;
    for (const one of [].concat(input)) {
      if (bad) one.setAttribute('aria-invalid', 'true');
      else one.removeAttribute('aria-invalid');
    }
  };
  const checkBirth = () => {
    const { wait, bad = '', good = '' } = birth();
    if (!wait) say(line('birth'), ['birth_era', 'birth_year', 'birth_month', 'birth_day'].map((name) => form.elements[name]), bad, good);
  };
  const checkOne = (input, whole) => {
    const typed = input.value.trim();
    // While a field is being typed into, only what is whole is judged.
    if (typed === '') return say(line(input.id), input, whole && input.required ? text.missing : '', '');
    const bad = checks[input.dataset.check](typed);
    const waits = !whole && input.dataset.check === 'number' && digitsOf(typed).length < 12;
    if (bad && !whole && input.dataset.check !== 'number') return undefined;
    return waits ? undefined : say(line(input.id), input, bad, bad || input.dataset.check === 'text' ? '' : text.good);
  };
  for (const input of form.querySelectorAll('[data-check]')) {
    if (input.dataset.check === 'birth') {
      input.addEventListener('change', checkBirth);
      input.addEventListener('input', checkBirth);
    } else {
      input.addEventListener('input', () => checkOne(input, false));
      input.addEventListener('blur', () => checkOne(input, true));
    }
  }
})();
