// page: the simulator of the app as a page on loopback, for people who look at the demo:
// registers, lists what waits, approves with the number, says no. Not for production.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import http from 'node:http';
import { Device, Refused, parseEnrolment } from './device.mjs';

const BODY_MAX = 4096;
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const style = `body{font-family:system-ui,sans-serif;max-width:26rem;margin:1rem auto;padding:0 1rem;line-height:1.7}
h1{font-size:1.25rem}label,button,input{display:block;font-size:1rem}input{width:100%;box-sizing:border-box;padding:.5rem;margin:.25rem 0 .75rem}
button{padding:.5rem 1rem;margin:.25rem 0;min-height:2.75rem}.told{border:2px solid #0017c1;padding:.5rem}section{border-top:1px solid #767676}`;

const frame = (body, again = '') => `<!doctype html>
<html lang="ja"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
${again}<title>Tasukiアプリ（シミュレーター）</title><style>${style}</style></head>
<body><main><h1>Tasukiアプリ（シミュレーター） / Tasuki app (simulator)</h1>${body}</main></body></html>`;

const hidden = (secret) => `<input type="hidden" name="secret" value="${secret}">`;

const registerForm = (secret) => `<form method="post" action="/register">${hidden(secret)}
<label for="code">登録コード / Registration code</label><input id="code" name="code" autocomplete="off" required>
<button>この端末を登録する / Register this device</button></form>`;

const forgetForm = (secret) => `<section><form method="post" action="/forget">${hidden(secret)}
<button id="forget">この端末の鍵を消す / Forget this device's key</button></form></section>`;

const question = (secret, { challenge, service, created_at: at }) => `<section>
<p><strong>${escape(service)}</strong><br>${escape(new Date(at * 1000).toLocaleTimeString('ja-JP', { timeZone: 'Asia/Tokyo' }))}</p>
<form method="post" action="/answer">${hidden(secret)}<input type="hidden" name="challenge" value="${escape(challenge)}"><input type="hidden" name="service" value="${escape(service)}">
<label for="n${escape(challenge)}">ブラウザの番号 / Number in the browser</label>
<input id="n${escape(challenge)}" name="number" inputmode="numeric" pattern="[0-9]{2}" maxlength="2" autocomplete="off">
<button name="answer" value="approve">承認 / Approve</button>
<button name="answer" value="deny" formnovalidate>承認しない / Deny</button>
<button name="answer" value="not_me" formnovalidate>自分ではない / Not me</button></form></section>`;

async function text(request, parse) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_MAX) throw new Error('the form is too big');
    parts.push(part);
  }
  return parse(Buffer.concat(parts).toString());
}
const body = (request) => text(request, (sent) => new URLSearchParams(sent));

export function serve({ port, file, ca, server }) {
  const secret = randomBytes(16).toString('hex'); // only our own forms act
  const load = () => Device.load(file, { ca });
  let told; // by the push gateway, since the page was looked at last

  async function show(done = '') {
    const message = done ? `<p class="told" role="status" id="told">${escape(done)}</p>` : '';
    if (!Device.stands(file)) return frame(message + registerForm(secret));
    const waiting = await load().challenges();
    // It looks again by itself, but not while somebody types.
    const again = waiting.length ? '' : '<meta http-equiv="refresh" content="5">';
    const pushed = told === undefined ? '' : `<p class="told" role="status" id="pushed">${escape(told)}</p>`;
    told = undefined;
    const list = waiting.length ? waiting.map((one) => question(secret, one)).join('') : '<p id="none">待っている確認はありません / Nothing waits</p>';
    return frame(`${message}${pushed}${list}<p><a href="/">更新 / Refresh</a></p>${forgetForm(secret)}`, again);
  }

  async function act(path, form) {
    if (form.get('secret') !== secret) throw new Error('the form is of another page');
    if (path === '/register') {
      const typed = form.get('code') ?? '';
      const { code } = typed.startsWith('tasuki:') ? parseEnrolment(typed) : { code: typed };
      const device = new Device({ server, ca, push: `demo:${port}` });
      await device.register(code);
      device.save(file);
      return '登録しました / Registered';
    }
    if (path === '/forget') {
      rmSync(file, { force: true });
      return '鍵を消しました / The key is gone';
    }
    const device = load();
    await device.answer({ challenge: form.get('challenge'), service: form.get('service') }, form.get('answer'), form.get('number') ?? '');
    return form.get('answer') === 'approve' ? '承認しました / Approved' : '承認しませんでした / Denied';
  }

  const answer = async (request) => {
    const { pathname } = new URL(request.url, 'http://127.0.0.1');
    if (request.method === 'GET' && pathname === '/') return show();
    if (request.method === 'POST' && pathname === '/push') {
      told = (await text(request, JSON.parse)).text;
      return '';
    }
    if (request.method !== 'POST' || !['/register', '/answer', '/forget'].includes(pathname)) return null;
    try {
      return await show(await act(pathname, await body(request)));
    } catch (error) {
      return show(`${error instanceof Refused ? `${error.code}: ` : ''}${error.message}`);
    }
  };

  const listener = http.createServer(async (request, response) => {
    // DNS rebinding: only by this name.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) return response.writeHead(421).end();
    try {
      const page = await answer(request);
      const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'x-frame-options': 'DENY' };
      if (page === null) response.writeHead(404).end();
      else response.writeHead(200, headers).end(page);
    } catch (error) {
      response.writeHead(502, { 'content-type': 'text/plain; charset=utf-8' }).end(`${error.message}\n`);
    }
    return undefined;
  });
  return new Promise((resolve, reject) => {
    listener.on('error', reject);
    listener.listen(port, '127.0.0.1', () => {
      process.stdout.write(`${JSON.stringify({ event: 'ready', address: `http://127.0.0.1:${port}/` })}\n`);
      resolve();
    });
    process.on('SIGTERM', () => listener.close(() => process.exit(0)));
  });
}
