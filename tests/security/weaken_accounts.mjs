// Weaknesses of sign-in, factors, recovery and the account's pages (weaken.mjs).
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inbox } from './e_recover.test.mjs';
import { programs } from './e_scan.test.mjs';
import { careless } from './weaken_front.mjs';
import { form, html, setForm } from './weaken_kit.mjs';

const says = (text) => (socket) => socket.on('data', () => socket.end(text));
// Another program in the place of the drill's.
function standIn(text) {
  const { drill } = programs;
  const file = join(mkdtempSync(join(tmpdir(), 'tasuki-standin-')), 'drill');
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  programs.drill = () => file;
  return () => {
    programs.drill = drill;
    rmSync(dirname(file), { recursive: true });
  };
}

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
    if (m.path === '/oauth/factor') html(answer, (text) => text.replaceAll('誤った認証コードの入力が続いた', '認証コードが違います'));
  } },
  { id: 'E01', what: 'a right code counts, however many were wrong', response(answer, m) {
    if (m.path === '/oauth/factor' && /誤った認証コードの入力が続いた/.test(answer.body.toString())) Object.assign(answer, CODE);
  } },
  { id: 'E02', what: 'a code is good twice, anywhere', response(answer, m) {
    if (m.path === '/oauth/factor' && form(m).get('code') && answer.status !== 303) Object.assign(answer, CODE);
  } },
  { id: 'E02', what: "an app's step is good twice", response(answer, m) {
    if (m.path === '/oauth/factor' && /使用済み/.test(answer.body.toString())) Object.assign(answer, CODE);
  } },
  { id: 'E14', what: 'a worker\'s certificate is not looked at', front: (node) => careless({ serve: says('HTTP/1.1 204 No Content\r\n\r\n') }).then(({ port, close }) => ({ target: { ...node, worker: `https://127.0.0.1:${port}` }, close })) },
  { id: 'E14', what: 'whatever is uploaded is taken', front: (node) => careless({ serve: says('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}') }).then(({ port, close }) => ({ target: { ...node, operator: `https://127.0.0.1:${port}` }, close })) },
  { id: 'E14', what: 'the reader says OK to anything', arm() {
    const { reader } = programs;
    programs.reader = () => ['/bin/sh', ['-c', 'while read -r line; do echo \'{"verdict":"OK","reasons":[]}\'; done']];
    return () => (programs.reader = reader);
  } },
  { id: 'G13', what: 'a drill runs for any environment', arm: () => standIn('#!/bin/sh\nexit 0\n') },
  { id: 'G13', what: 'what a drill has started outlives it', arm: () => standIn(`#!/bin/sh
case "$*" in *out*--environment*|*--help*|*--url*) exit 64;; *production*|*staging*) exit 64;; esac
grep -Eq "environment: (production|staging)" "$2" && exit 64
for i in 1 2 3 4; do setsid sh -c "sleep 90; : $4" & done
sleep 90
`) },
];
