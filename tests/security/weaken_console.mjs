// Weaknesses of the staff console (weaken.mjs): roles, forms, codes, sessions, pages.
import { form, header, html } from './weaken_kit.mjs';

const SESSION = '__Host-tasuki_staff';
const isStaff = (m) => m.path.startsWith('/staff');
const isLogin = (m) => m.path === '/staff/login' && m.method === 'POST';
const REDIRECT = (to) => ({ status: 303, headers: { location: to }, body: Buffer.alloc(0) });

export const consoleWeaknesses = [
  { id: 'G12', what: 'who may read may write', response(answer, m) {
    if (isStaff(m) && m.method === 'POST' && answer.status === 403) Object.assign(answer, REDIRECT('/staff'));
  } },
  { id: 'G12', what: 'roles are not asked for pages', response(answer, m) {
    if (isStaff(m) && m.method === 'GET' && answer.status === 403) answer.status = 200;
  } },
  { id: 'G12', what: 'an id is enough to end a session', response(answer, m) {
    if (m.path === '/staff/sessions' && m.method === 'POST' && answer.status >= 400) Object.assign(answer, REDIRECT('/staff/sessions'));
  } },
  { id: 'G12', what: 'one may give oneself roles', response(answer, m) {
    if (m.path === '/staff/people' && m.method === 'POST' && form(m).getAll('role').includes('supervisor')) Object.assign(answer, REDIRECT('/staff/people'));
  } },
  { id: 'G12', what: 'the token of a form is not looked at', response(answer, m) {
    if (m.path === '/staff/operation' && m.method === 'POST' && answer.status === 403 && !m.headers.origin && !m.headers['sec-fetch-site']) Object.assign(answer, REDIRECT('/staff/operation'));
  } },
  { id: 'G12', what: 'the Origin of a form is not looked at', request(m) {
    delete m.headers.origin;
    delete m.headers['sec-fetch-site'];
  } },
  { id: 'G12', what: 'a one-time code is good twice', response(answer, m) {
    if (!isLogin(m)) return;
    const key = `${form(m).get('name')} ${form(m).get('code')}`;
    if (answer.status === 303) this[key] = { ...answer };
    else if (this[key]) Object.assign(answer, this[key]);
  } },
  { id: 'G12', what: 'names that nobody has are told', response(answer, m) {
    if (isLogin(m) && form(m).get('name').startsWith('nobody')) html(answer, (text) => text.replace('</main>', '<p>nobody</p></main>'));
  } },
  { id: 'G12', what: 'a right code counts, however many were wrong', response(answer, m) {
    if (!isLogin(m) || answer.status !== 200) return;
    const name = form(m).get('name');
    this.wrong ??= new Map();
    this.wrong.set(name, (this.wrong.get(name) ?? 0) + 1);
    if (this.wrong.get(name) > 3 && form(m).get('password')?.startsWith('staff ')) Object.assign(answer, REDIRECT('/staff'));
  } },
  { id: 'G12', what: 'the session id is that of before', response(answer, m) {
    const [, old] = new RegExp(`${SESSION}=([^;]+)`).exec(m.headers.cookie ?? '') ?? [];
    if (isLogin(m) && old && answer.headers['set-cookie'])
      answer.headers['set-cookie'] = [answer.headers['set-cookie']].flat().map((line) => line.replace(new RegExp(`^${SESSION}=[^;]+`), `${SESSION}=${old}`));
  } },
  { id: 'G12', what: 'cookies go along from other sites', response(answer) {
    if (answer.headers['set-cookie']) answer.headers['set-cookie'] = [answer.headers['set-cookie']].flat().map((line) => line.replace(/SameSite=Strict/i, 'SameSite=Lax'));
  } },
  { id: 'G12', what: 'next= leads anywhere', response(answer, m) {
    const next = isLogin(m) && form(m).get('next');
    if (next && answer.status === 303) answer.headers.location = next;
  } },
  { id: 'G12', what: 'sign-out only deletes the cookie', request: (m) => (m.path === '/staff/logout' && m.method === 'POST' ? REDIRECT('/staff/login') : undefined) },
  { id: 'G12', what: 'the console can be framed', ...header('x-frame-options') },
  { id: 'G12', what: 'inline scripts are allowed', response(answer) {
    if (answer.headers['content-security-policy']) answer.headers['content-security-policy'] = answer.headers['content-security-policy'].replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'");
  } },
];
