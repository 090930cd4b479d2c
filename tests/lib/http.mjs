// An HTTP client that does nothing on its own: no redirects, no cookies but those
// of a given jar, no retries. `target` is { name, base, host? }: where to connect,
// and the Host header when it is another.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { demo } from './demo.mjs';
import { note } from './secrets.mjs';

const agents = new Map();

function agentFor(url) {
  if (!agents.has(url.origin)) {
    // Idle sockets are given up well before the server closes them, so that no
    // request is sent into a closing connection.
    const options = { keepAlive: true, maxSockets: 512, timeout: 2500 };
    agents.set(
      url.origin,
      url.protocol === 'https:' ? new https.Agent({ ...options, ca: demo().ca }) : new http.Agent(options),
    );
  }
  return agents.get(url.origin);
}

// After a node was killed its connections are of no use.
export function dropConnections() {
  for (const agent of agents.values()) agent.destroy();
  agents.clear();
}

export class Answer {
  constructor(message, body, ms) {
    this.status = message.statusCode;
    this.headers = message.headers;
    this.rawHeaders = message.rawHeaders;
    this.bytes = body;
    this.ms = ms;
  }
  get body() {
    return this.bytes.toString('utf8');
  }
  get json() {
    return JSON.parse(this.body);
  }
  get location() {
    return this.headers.location;
  }
  get cookies() {
    return this.headers['set-cookie'] ?? [];
  }
  get isHtml() {
    return /^text\/html\b/.test(this.headers['content-type'] ?? '');
  }
}

// options: headers, form (object or [name, value] list), body, jar, agent, timeout;
// `fresh`: on a connection of its own, for what may be refused half-way.
export function request(target, method, path, options = {}) {
  const url = new URL(target.base);
  const headers = { host: target.host ?? url.host, ...options.headers };
  let body = options.body;
  if (options.form) {
    body = new URLSearchParams(options.form).toString();
    headers['content-type'] ??= 'application/x-www-form-urlencoded';
  }
  if (body !== undefined && headers['transfer-encoding'] === undefined)
    headers['content-length'] ??= Buffer.byteLength(body);
  const cookie = options.jar?.header();
  if (cookie) headers.cookie ??= cookie;
  const started = process.hrtime.bigint();
  return new Promise((done, fail) => {
    const module = url.protocol === 'https:' ? https : http;
    const call = module.request(
      {
        host: url.hostname,
        port: url.port,
        method,
        path,
        headers,
        agent: options.fresh ? false : options.agent ?? agentFor(url),
        timeout: 0,
        ca: demo().ca,
        // Not from the Host header, which may be forged on purpose.
        servername: net.isIP(url.hostname) ? '' : url.hostname,
        ...(options.tls ?? {}),
      },
      (message) => {
        const chunks = [];
        message.on('data', (chunk) => chunks.push(chunk));
        message.on('error', fail);
        message.on('end', () => {
          clearTimeout(timer);
          const ms = Number(process.hrtime.bigint() - started) / 1e6;
          const answer = new Answer(message, Buffer.concat(chunks), ms);
          options.jar?.take(answer.cookies);
          done(answer);
        });
      },
    );
    const timer = setTimeout(
      () => call.destroy(new Error(`${method} ${path.slice(0, 80)} at ${target.name}: no answer in time`)),
      options.timeout ?? 30000,
    );
    call.on('error', (error) => {
      clearTimeout(timer);
      fail(error);
    });
    call.end(body);
  });
}

export const get = (target, path, options) => request(target, 'GET', path, options);
export const post = (target, path, options) => request(target, 'POST', path, options);

// The cookies of one browser at one site.
export class Jar {
  constructor(from) {
    this.cookies = new Map(from?.cookies);
  }
  take(lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';');
      const at = pair.indexOf('=');
      const name = pair.slice(0, at).trim();
      const value = pair.slice(at + 1).trim();
      const gone = value === '' || attributes.some((a) => /^\s*max-age\s*=\s*0*\s*$|^\s*max-age\s*=\s*-/i.test(a));
      if (gone) this.cookies.delete(name);
      else this.cookies.set(name, note(value));
    }
  }
  header() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }
  clone() {
    return new Jar(this);
  }
}

export function parseCookie(line) {
  const [pair, ...rest] = line.split(';');
  const attributes = {};
  for (const part of rest) {
    const at = part.indexOf('=');
    const name = (at < 0 ? part : part.slice(0, at)).trim().toLowerCase();
    attributes[name] = at < 0 ? true : part.slice(at + 1).trim();
  }
  const at = pair.indexOf('=');
  return { name: pair.slice(0, at).trim(), value: pair.slice(at + 1), attributes };
}

// A bare connection to `target`, TLS when the target speaks it.
export function connect(target, options = {}) {
  const url = new URL(target.base);
  return new Promise((done, fail) => {
    const plain = url.protocol === 'http:';
    const socket = plain
      ? net.connect({ host: url.hostname, port: Number(url.port) })
      : tls.connect({
          host: url.hostname,
          port: Number(url.port),
          ca: demo().ca,
          ...(net.isIP(url.hostname) ? {} : { servername: url.hostname }),
          ...options,
        });
    socket.once('error', fail);
    socket.once(plain ? 'connect' : 'secureConnect', () => {
      socket.off('error', fail);
      socket.on('error', () => {}); // a reset is an end: `closed` tells
      done(socket);
    });
  });
}

// Send bytes as they are, and read until the peer closes or `quiet` ms pass
// without a byte. An array of parts is sent with `pause` ms in between.
export async function raw(target, bytes, { quiet = 1500, pause = 20, ...options } = {}) {
  const socket = await connect(target, options);
  const chunks = [];
  const started = Date.now();
  let firstMs;
  let closed = false;
  let timer;
  const ended = new Promise((done) => {
    const arm = () => {
      clearTimeout(timer);
      timer = setTimeout(done, quiet);
    };
    arm();
    socket.on('data', (chunk) => {
      firstMs ??= Date.now() - started;
      chunks.push(chunk);
      arm();
    });
    const end = () => {
      closed = true;
      clearTimeout(timer);
      done();
    };
    socket.on('end', end);
    socket.on('close', end);
  });
  for (const part of Array.isArray(bytes) ? bytes : [bytes]) {
    if (!socket.destroyed) socket.write(part);
    if (Array.isArray(bytes)) await new Promise((done) => setTimeout(done, pause));
  }
  await ended;
  socket.destroy();
  const text = Buffer.concat(chunks).toString('latin1');
  const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map((m) => Number(m[1]));
  return { text, closed, statuses, firstMs };
}

// A fetch for openid-client that goes through this client, to one target.
export function fetchVia(target) {
  return async (input, init = {}) => {
    const url = new URL(input instanceof URL ? input.href : input);
    const headers = Object.fromEntries(new Headers(init.headers));
    const body = init.body === undefined || init.body === null ? undefined : String(init.body);
    if (init.body instanceof URLSearchParams)
      headers['content-type'] ??= 'application/x-www-form-urlencoded;charset=UTF-8';
    headers.host = url.host;
    const answer = await request(target, init.method ?? 'GET', url.pathname + url.search, { headers, body });
    const list = [];
    for (let i = 0; i < answer.rawHeaders.length; i += 2)
      list.push([answer.rawHeaders[i], answer.rawHeaders[i + 1]]);
    const empty = answer.status === 204 || answer.status === 304;
    return new Response(empty ? null : answer.bytes, { status: answer.status, headers: list });
  };
}
