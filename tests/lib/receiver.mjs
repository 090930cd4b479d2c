// What a relying party serves for logout tokens: https on loopback, and every request
// that came. How it answers is the test's, and may change while it runs.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';

const BODY_MAX = 64 * 1024;
const PATH = '/backchannel';

// An answer: { status, headers, body, delayMs }; undefined: none, ever.
export const take = () => ({ status: 200 });
export const hang = () => undefined;

export class Receiver {
  // `pki`: a folder with http.crt and http.key.
  static async open(pki, answer = take) {
    const receiver = new Receiver();
    Object.assign(receiver, { answer, requests: [], open: 0, openMost: 0 });
    receiver.http = https.createServer(
      { cert: readFileSync(join(pki, 'http.crt')), key: readFileSync(join(pki, 'http.key')) },
      (call, response) => receiver.#serve(call, response),
    );
    receiver.http.on('tlsClientError', () => {}); // the other side does not trust us
    await new Promise((done, fail) => receiver.http.once('error', fail).listen(0, '127.0.0.1', done));
    receiver.http.unref();
    return receiver;
  }

  get uri() {
    return `https://127.0.0.1:${this.http.address().port}${PATH}`;
  }

  #serve(call, response) {
    let body = '';
    this.open++;
    this.openMost = Math.max(this.openMost, this.open);
    response.on('close', () => this.open--);
    call.setEncoding('utf8').on('data', (text) => {
      body += text;
      if (body.length > BODY_MAX) call.destroy();
    });
    call.on('error', () => {});
    call.on('end', () => {
      const request = { path: call.url, method: call.method, headers: call.headers, body, at: Date.now() };
      this.requests.push(request);
      const answer = this.answer(request);
      if (!answer) return;
      setTimeout(() => response.writeHead(answer.status, answer.headers).end(answer.body), answer.delayMs ?? 0);
    });
  }

  get tokens() {
    return this.requests.map(({ body }) => new URLSearchParams(body).get('logout_token'));
  }

  close() {
    this.http.closeAllConnections?.();
    this.http.close();
  }
}
