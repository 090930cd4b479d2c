// Weaknesses of sign-in, factors, recovery and the account's pages (weaken.mjs).
import { inbox } from './e_recover.test.mjs';
import { form, html, setForm } from './weaken_kit.mjs';

const isReset = (m) => m.path.startsWith('/oauth/reset') && m.method === 'POST';
const DONE = { status: 200, headers: { 'content-type': 'text/html', 'referrer-policy': 'no-referrer' }, body: Buffer.from('<p>新しいパスワードを設定しました</p>') };
const CODE = { status: 303, headers: { location: 'https://rp.example.test/cb?code=x' }, body: Buffer.alloc(0) };

export const accountWeaknesses = [
  { id: 'E06', what: 'a link is good twice', response(answer, m) {
    if (!isReset(m)) return;
    const token = form(m).get('token');
    if (answer.status === 400 && this.seen?.has(token)) Object.assign(answer, DONE);
    (this.seen ??= new Set()).add(token);
  } },
  { id: 'E06', what: 'an older link is good', response(answer, m) {
    if (isReset(m) && answer.status === 400 && form(m).get('token')?.length > 40) Object.assign(answer, DONE);
  } },
  { id: 'E06', what: 'the link tells where it was opened', response: (answer) => delete answer.headers['referrer-policy'] },
  { id: 'E07', what: 'links are made from what the request says', arm() {
    const { text } = inbox;
    inbox.text = (mail, headers) => (headers['x-forwarded-host'] ? mail.replaceAll(/https:\/\/[^/]+/g, `https://${headers['x-forwarded-host']}`) : mail);
    return () => (inbox.text = text);
  } },
  { id: 'E07', what: 'any Host is taken', request(m, upstream) {
    m.headers.host = upstream;
  } },
  { id: 'E09', what: 'what waited is said to have served', response(answer, m) {
    if (m.path === '/account/confirm') html(answer, (text) => text.replaceAll('このリンクは使えません', 'アカウントIDを変更しました'));
  } },
  { id: 'E09', what: 'a reset leaves sessions alone', response(answer, m) {
    if (!m.path.startsWith('/oauth/userinfo')) return;
    if (answer.status === 200) this.last = { status: 200, headers: { ...answer.headers }, body: answer.body };
    else if (this.last) Object.assign(answer, this.last);
  } },
  { id: 'E12', what: 'a new password is enough', response(answer, m) {
    if (m.path === '/oauth/login' && /\/oauth\/factor/.test(answer.body.toString())) Object.assign(answer, { status: 303, headers: { location: 'https://rp.example.test/cb?code=x' }, body: Buffer.alloc(0) });
  } },
  { id: 'D05', what: 'any password of 8 will do', response(answer, m) {
    if (isReset(m) && !/設定しました/.test(answer.body.toString()) && form(m).get('password')?.length >= 8) Object.assign(answer, DONE);
  } },
  { id: 'D05', what: 'what is long is cut', request(m) {
    if (!isReset(m)) return;
    const params = form(m);
    params.set('password', (params.get('password') ?? '').slice(0, 64));
    setForm(m, params);
  } },
  { id: 'D05', what: 'blanks around it are dropped', request(m) {
    if (!isReset(m)) return;
    const params = form(m);
    params.set('password', (params.get('password') ?? '').trim());
    setForm(m, params);
  } },
  { id: 'E01', what: 'guesses are never over', response(answer, m) {
    if (m.path === '/oauth/factor') html(answer, (text) => text.replaceAll('本日は誤った認証コード', '認証コードが違います'));
  } },
  { id: 'E01', what: 'a right code counts, however many were wrong', response(answer, m) {
    if (m.path === '/oauth/factor' && /本日は誤った認証コード/.test(answer.body.toString())) Object.assign(answer, CODE);
  } },
  { id: 'E02', what: 'a code is good twice, anywhere', response(answer, m) {
    if (m.path === '/oauth/factor' && form(m).get('code') && answer.status !== 303) Object.assign(answer, CODE);
  } },
  { id: 'E02', what: "an app's step is good twice", response(answer, m) {
    if (m.path === '/oauth/factor' && /使用済み/.test(answer.body.toString())) Object.assign(answer, CODE);
  } },
];
