// device: one installation of the smartphone app: a P-256 key that it made for itself,
// and the requests of server/svc_app.h, each signed as a DPoP proof (RFC 9449)
// whose `ath` is the SHA-256 of the body.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const TIMEOUT_MS = 10000;

export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error_description ?? answer.error ?? `HTTP ${status}`);
    this.status = status;
    this.code = answer.error;
  }
}

// { server, code } of tasuki://enrol?server=...&code=...
export function parseEnrolment(text) {
  const url = new URL(text);
  if (url.protocol !== 'tasuki:') throw new Error('not an address of this app');
  return { server: url.searchParams.get('server'), code: url.searchParams.get('code') };
}

function post(url, headers, body, { ca, agent }) {
  return new Promise((resolve, reject) => {
    const request = https.request(url, { method: 'POST', headers, ca, agent, timeout: TIMEOUT_MS }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        let answer = {};
        try {
          answer = JSON.parse(text);
        } catch {
          answer = { error: 'not_json', error_description: `HTTP ${response.statusCode}: ${text.slice(0, 200)}` };
        }
        resolve({ status: response.statusCode, nonce: response.headers['dpop-nonce'], answer });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${url} within ${TIMEOUT_MS} ms`)));
    request.on('error', reject);
    request.end(body);
  });
}

export class Device {
  #key;

  // server: the issuer.
  // push: where it is told that a question waits, in the gateway's words; none: nowhere.
  constructor({ server, ca, key, platform = 'android', name = 'Simulator', push }) {
    Object.assign(this, { server, ca, platform, name, push });
    this.#key = key ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  }

  // Tests go to one node, or through a proxy.
  transport(path, headers, body) {
    return post(new URL(path, this.server), { ...headers, 'content-length': Buffer.byteLength(body) }, body, this);
  }

  static load(file, options) {
    const { jwk, ...kept } = JSON.parse(readFileSync(file, 'utf8'));
    return new Device({ ...kept, ...options, key: createPrivateKey({ key: jwk, format: 'jwk' }) });
  }

  static stands(file) {
    return existsSync(file);
  }

  save(file) {
    const { server, platform, name } = this;
    const kept = { server, platform, name, jwk: this.#key.export({ format: 'jwk' }) };
    writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
    chmodSync(file, 0o600);
  }

  // `changes` is for tests: what a proof says otherwise than it should.
  proof(path, body, changes = {}) {
    const jwk = createPublicKey(this.#key).export({ format: 'jwk' });
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk };
    const claims = {
      jti: randomUUID(),
      htm: 'POST',
      htu: new URL(path, this.server).href,
      iat: Math.floor(Date.now() / 1000),
      ath: createHash('sha256').update(body).digest('base64url'),
      ...(this.nonce ? { nonce: this.nonce } : {}),
      ...changes,
    };
    const input = `${encode(header)}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(input), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  }

  async send(path, body, proof) {
    const headers = { 'content-type': 'application/json', dpop: proof };
    const { status, nonce, answer } = await this.transport(path, headers, body);
    this.nonce = nonce ?? this.nonce;
    return { status, answer };
  }

  // With the nonce that the server asks for, and once more with a new one.
  async ask(path, content) {
    const body = JSON.stringify(content);
    let { status, answer } = await this.send(path, body, this.proof(path, body));
    if (answer.error === 'use_dpop_nonce') ({ status, answer } = await this.send(path, body, this.proof(path, body)));
    if (status >= 400) throw new Refused(status, answer);
    return answer;
  }

  register(code) {
    return this.ask('app/register', { code, platform: this.platform, name: this.name, ...(this.push ? { push: this.push } : {}) });
  }

  // It has another address, or none, for push messages.
  moved(push) {
    this.push = push || undefined;
    return this.ask('app/push', { push: push ?? '' });
  }

  async challenges() {
    return (await this.ask('app/challenges', {})).challenges;
  }

  // What is signed is what was shown: the service's name too.
  answer({ challenge, service }, answer, number) {
    return this.ask('app/answer', { challenge, service, answer, ...(answer === 'approve' ? { number } : {}) });
  }
}
