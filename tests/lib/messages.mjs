// What people were sent: the sinks of the demo (ops/demo-sinks), or of a test's own.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, existsSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demo, ROOT, until } from './demo.mjs';

const lines = (file) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : []);

// All that came, oldest first: sms { id, to, text, at }, mail { id, to: [...], subject,
// text, headers, raw, at }, push as sms. `sinks`: a test's own; by default the demo's.
export const allSms = (sinks) => lines(sinks ? join(sinks.dir, 'sms.jsonl') : demo().need('TASUKI_SMS_SINK'));
export const allMail = (sinks) => lines(sinks ? join(sinks.dir, 'mail.jsonl') : demo().need('TASUKI_MAIL_SINK'));

export const allPush = (sinks) => lines(sinks ? join(sinks.dir, 'push.jsonl') : demo().need('TASUKI_PUSH_SINK'));

// The newest to the number (E.164) or address, waited for. `after`: Date.now() from which
// on it must have come; `match`: what its text must match.
export function lastSms(number, { after = 0, match = /./, sinks, timeout = 15000 } = {}) {
  return until(`a text message to ${number}`, () => allSms(sinks).filter(({ to, at, text }) => to === number && at >= after && match.test(text)).at(-1), { timeout });
}
export function lastMail(address, { after = 0, match = /./, sinks, timeout = 15000 } = {}) {
  return until(
    `mail to ${address}`,
    () => allMail(sinks).filter(({ to, at, text, subject }) => to.includes(address) && at >= after && (match.test(text) || match.test(subject))).at(-1),
    { timeout },
  );
}
// The six digits of a text message or mail.
export const codeOf = ({ text }) => text.match(/(?<!\d)\d{6}(?!\d)/)?.[0];
// The first link of a mail.
export const linkOf = ({ text }) => text.match(/https:\/\/\S+/)?.[0];

const freePort = () =>
  new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

// A mail server and a gateway of a test's own, which fail when told to.
export class Sinks {
  // `tls`: [certificate, key]; both servers want TLS then.
  static async open({ bearer, login, tls } = {}) {
    const sinks = new Sinks();
    sinks.dir = mkdtempSync(join(tmpdir(), 'tasuki-sinks-'));
    Object.assign(sinks, { smtp: await freePort(), http: await freePort(), bearer, login, tls });
    await sinks.start();
    return sinks;
  }

  async start() {
    const args = ['--smtp', this.smtp, '--http', this.http, '--dir', this.dir, '--faults'];
    if (this.bearer) args.push('--bearer', this.bearer);
    if (this.login) args.push('--login', this.login);
    if (this.tls) args.push('--tls', ...this.tls);
    this.child = spawn('/usr/bin/python3', [join(ROOT, 'ops/demo-sinks/sinks.py'), ...args.map(String)], { stdio: ['ignore', 'ignore', 'inherit'] });
    await until('the sinks answer', () => this.ask('GET', '/messages'));
  }

  // The lines of a node's configuration that make it send here; `second`: as the other
  // provider.
  lines({ second = false, push = false } = {}) {
    const n = second ? '_2' : '';
    return [
      ...(push ? [`push_url${n} = ${this.tls ? 'https' : 'http'}://127.0.0.1:${this.http}/push`, ...(this.bearer ? [`push_credentials${n} = ${this.bearer}`] : [])] : []),
      `smtp_url${n} = ${this.tls ? 'smtp' : 'smtp+plain'}://127.0.0.1:${this.smtp}`, `sms_url${n} = ${this.tls ? 'https' : 'http'}://127.0.0.1:${this.http}/sms`,
      ...(this.bearer ? [`sms_credentials${n} = ${this.bearer}`] : []), ...(this.login ? [`smtp_credentials${n} = ${this.login}`] : []),
      ...(second ? [] : ['smtp_from = noreply@tasuki.example']),
    ];
  }

  ask(method, path, body) {
    return new Promise((done, fail) => {
      const request = (this.tls ? https : http).request({ host: '127.0.0.1', port: this.http, method, path, timeout: 5000, rejectUnauthorized: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part) => (text += part));
        answer.on('end', () => done(JSON.parse(text)));
      });
      request.on('error', fail).on('timeout', () => request.destroy(new Error('timeout')));
      request.end(body);
    });
  }

  // { sms: fault, mail: fault, push: fault }; see ops/demo-sinks/sinks.py. {}: none.
  faults(of) {
    return this.ask('POST', '/faults', JSON.stringify(of));
  }
  // { sms, mail, keys: how often each idempotency key came, calls }
  seen() {
    return this.ask('GET', '/messages');
  }

  async close() {
    const ended = new Promise((done) => this.child.on('exit', done));
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    await ended;
  }
}
