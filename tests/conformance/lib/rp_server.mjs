// What a client has to serve itself: https on loopback, with a certificate of the demo's
// own CA, which the demo's nodes trust for what they call.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { demo, until } from '../../lib/demo.mjs';
import { keepOpen } from './clients.mjs';

const BODY_MAX = 64 * 1024;

export class RpServer {
  // `paths`: path -> (request) => { status, type, body }; a request is { method, headers, body }.
  static async open(paths) {
    const pki = join(demo().dir, 'pki');
    const server = new RpServer();
    server.paths = paths;
    server.requests = [];
    server.http = https.createServer({ cert: readFileSync(join(pki, 'http.crt')), key: readFileSync(join(pki, 'http.key')) }, (call, answer) =>
      server.#serve(call, answer),
    );
    await new Promise((done, fail) => server.http.once('error', fail).listen(0, '127.0.0.1', done));
    server.http.unref();
    return keepOpen(server);
  }

  get base() {
    return `https://127.0.0.1:${this.http.address().port}`;
  }

  #serve(call, answer) {
    let body = '';
    call.setEncoding('utf8').on('data', (text) => {
      body += text;
      if (body.length > BODY_MAX) call.destroy();
    });
    call.on('end', () => {
      const { pathname } = new URL(call.url, this.base);
      const request = { path: pathname, method: call.method, headers: call.headers, body, tls: call.socket.getProtocol() };
      this.requests.push(request);
      const { status = 404, type = 'text/plain', body: text = '' } = this.paths[pathname]?.(request) ?? {};
      answer.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text);
    });
  }

  // The first request to `path`.
  received(path, timeout = 20000) {
    return until(`a request to ${path}`, () => this.requests.find((request) => request.path === path), { timeout });
  }

  close() {
    this.http.closeAllConnections?.();
    this.http.close();
  }
}
