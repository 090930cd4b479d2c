// SECURITY_CHECKS G: the HTTP layer, floods, what is open to whom.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { operator, statusOf } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo, nodePid, sleep } from '../lib/demo.mjs';
import { alice, conf } from '../lib/fixtures.mjs';
import { authorizeParams, authorizePath, isLoginPage } from '../lib/flow.mjs';
import { connect, get, raw, request } from '../lib/http.mjs';
import { digestsAgree, ready } from '../lib/leader.mjs';
import { badPeers } from '../lib/pki.mjs';
import { quantile } from '../lib/stats.mjs';

const hostOf = (target) => target.host ?? new URL(target.base).host;
const DISCOVERY = '/oauth/.well-known/openid-configuration';
const SMUGGLED = (host) => `GET ${DISCOVERY} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

// Each is a whole request in which two readers could see different ends, with a
// second request inside. Never more than one answer, and that one no success.
function smuggling(host) {
  const inner = SMUGGLED(host);
  const head = (lines) => `POST /oauth/token HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\n${lines}\r\n\r\n`;
  const chunked = `0\r\n\r\n${inner}`;
  const te = (value) => `${head(`Content-Length: 5\r\nTransfer-Encoding:${value}`)}${chunked}`;
  return {
    'CL and TE': te(' chunked'),
    'TE and CL': `${head('Transfer-Encoding: chunked\r\nContent-Length: 5')}${chunked}`,
    'TE xchunked': te(' xchunked'),
    'TE with VT': te('\x0bchunked'),
    'TE with TAB': te('\tchunked, identity'),
    'TE twice': `${head('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity')}${chunked}`,
    'TE identity': `${head('Transfer-Encoding: identity')}${inner}`,
    'TE quoted': te(' "chunked"'),
    'TE CHUNKED and CL': te(' CHUNKED'),
    'TE, space before colon': `${head('Content-Length: 5\r\nTransfer-Encoding : chunked')}${chunked}`,
    'two CL, different': `${head(`Content-Length: 0\r\nContent-Length: ${inner.length}`)}${inner}`,
    'CL list': `${head(`Content-Length: 0, ${inner.length}`)}${inner}`,
    'CL +5': `${head('Content-Length: +5')}aaaaa${inner}`,
    'CL -1': `${head('Content-Length: -1')}${inner}`,
    'CL 0x5': `${head('Content-Length: 0x5')}aaaaa${inner}`,
    'CL with blank inside': `${head('Content-Length: 5 5')}aaaaa${inner}`,
    'CL of 30 digits': `${head(`Content-Length: ${'9'.repeat(30)}`)}aaaaa`,
    'CL empty': `${head('Content-Length:')}${inner}`,
    'space before colon': `${head('Content-Length : 5')}aaaaa${inner}`,
    'obs-fold': `${head('X-A: b\r\n Content-Length: 5')}${inner}`,
    'bare LF': `POST /oauth/token HTTP/1.1\nHost: ${host}\nContent-Length: 5\n\naaaaa${inner}`,
    'bare CR': `POST /oauth/token HTTP/1.1\r\nHost: ${host}\r\nX: a\rContent-Length: 5\r\n\r\n${inner}`,
    'NUL in a name': `POST /oauth/token HTTP/1.1\r\nHost: ${host}\r\nX\0: a\r\n\r\n${inner}`,
    'chunk size overflow': `${head('Transfer-Encoding: chunked')}10000000000000005\r\naaaaa\r\n${chunked}`,
    'chunk size with sign': `${head('Transfer-Encoding: chunked')}-1\r\naaaaa\r\n${chunked}`,
    'chunk size in words': `${head('Transfer-Encoding: chunked')}0x5\r\naaaaa\r\n${chunked}`,
    'chunk without CRLF': `${head('Transfer-Encoding: chunked')}5\r\naaaaaX${chunked}`,
    'HTTP/0.9': `GET ${DISCOVERY}\r\n\r\n${inner}`,
    'HTTP/3.9': `GET ${DISCOVERY} HTTP/3.9\r\nHost: ${host}\r\n\r\n${inner}`,
  };
}

check('G01', 'requests with two possible ends are refused and the connection closed', async ({ target, note }) => {
  const host = hostOf(target);
  const good = await raw(target, SMUGGLED(host).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  assert.deepEqual(good.statuses, [200], 'a proper request is served');
  const cases = Object.entries(smuggling(host));
  for (const [what, bytes] of cases) {
    const answer = await raw(target, Buffer.from(bytes, 'latin1'), { quiet: 3000 });
    if (['obs-fold', 'bare LF', 'HTTP/3.9'].includes(what) && target.name === 'balancer') {
      // RFC 9112 §2.2 and §5.2 let a proxy read these in one way, which it hands on in
      // the plain form; what follows is the client's own second request, for itself.
      assert.ok(answer.statuses.length <= 2, `${what}: ${answer.statuses}`);
      continue;
    }
    assert.ok(answer.statuses.length <= 1, `${what}: answers ${answer.statuses}`);
    assert.ok(!answer.text.includes('"issuer"'), `${what}: the second request was served`);
    if (answer.statuses.length > 0) assert.ok([400, 401, 411, 413, 501, 505, 408].includes(answer.statuses[0]), `${what}: ${answer.statuses[0]}`);
    assert.ok(answer.closed, `${what}: the connection stays open`);
  }
  // A neighbour on the same balancer sees its own answer alone.
  const neighbour = await raw(target, `GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  assert.equal(neighbour.statuses.length, 1);
  note(`${cases.length} requests`);
});

check(
  'G04',
  'slow and idle connections end, and others do not notice',
  async ({ target, others, note }) => {
    const host = hostOf(target);
    const quiet = others[0] ?? target;
    const idle = await Promise.all(Array.from({ length: 200 }, () => connect(target)));
    const half = Array.from({ length: 40 }, () => {
      const url = new URL(target.base);
      const socket = net.connect({ host: url.hostname, port: Number(url.port) });
      socket.on('error', () => {});
      return socket;
    });
    // Each is looked after from its first moment: a machine under load takes its time.
    const open = new Set();
    const watched = async () => {
      const socket = await connect(target);
      open.add(socket);
      socket.on('data', () => {});
      socket.on('close', () => open.delete(socket));
      socket.on('end', () => socket.destroy());
      return socket;
    };
    const slow = await Promise.all(Array.from({ length: 60 }, watched));
    const body = await watched();
    body.write(`POST /oauth/token HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n`);
    for (const socket of slow) if (open.has(socket)) socket.write(`GET ${DISCOVERY} HTTP/1.1\r\nHost: ${host}\r\n`);
    const started = Date.now();
    const probes = [];
    const usual = []; // the same of a node that nobody holds, on this machine now
    let ended = 0;
    while (Date.now() - started < 50000 && open.size > 0) {
      for (const socket of open) if (!socket.destroyed) socket.write(socket === body ? 'a' : `X-${randomBytes(2).toString('hex')}: a\r\n`);
      for (const [list, at] of [[probes, target], [usual, quiet]]) {
        const probe = await get(at, DISCOVERY, { fresh: true });
        assert.equal(probe.status, 200);
        list.push(probe.ms);
      }
      await sleep(400);
      ended = Math.round((Date.now() - started) / 1000);
    }
    for (const socket of [...slow, ...idle, ...half, body]) socket.destroy();
    assert.equal(open.size, 0, `${open.size} slow requests still run after 50 s`);
    const [held, free] = [probes, usual].map((list) => quantile(list, 0.5));
    assert.ok(held < 5 * free + 500, `others waited ${held.toFixed(0)} ms, elsewhere ${free.toFixed(0)} ms`);
    note(`all ended after ${ended} s, others waited ${held.toFixed(0)} ms, elsewhere ${free.toFixed(0)} ms`);
  },
  { parallel: true, timeout: 90000 },
);

const rss = (pid) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) * 1024;

check('G05', 'oversized and malformed input: a quick 4xx, flat memory', async ({ target, note }) => {
  const host = hostOf(target);
  const rp = await conf();
  const pids = demo().nodes.map((n) => nodePid(n.id)).filter((pid) => existsSync(`/proc/${pid}`));
  assert.equal(pids.length, demo().nodes.length, 'all nodes run');
  const heavy = {
    'URL of 1 MiB': `GET /oauth/authorize?${'a'.repeat(1 << 20)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    'URL of 9,000 bytes': `GET ${authorizePath(authorizeParams(rp))}&x=${'a'.repeat(9000)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    '10,000 headers': `GET ${DISCOVERY} HTTP/1.1\r\nHost: ${host}\r\n${Array.from({ length: 10000 }, (_, i) => `X-${i}: a\r\n`).join('')}\r\n`,
    'a header of 1 MiB': `GET ${DISCOVERY} HTTP/1.1\r\nHost: ${host}\r\nX: ${'a'.repeat(1 << 20)}\r\n\r\n`,
    'cookie of 1 MiB': `GET ${authorizePath(authorizeParams(rp))} HTTP/1.1\r\nHost: ${host}\r\nCookie: a=${'a'.repeat(1 << 20)}\r\n\r\n`,
    'request line without end': `GET /${'a'.repeat(1 << 20)}`,
  };
  const before = pids.map(rss);
  const best = new Map(); // of three rounds: a machine under load may hold up one
  for (let round = 0; round < 3; round++) {
    for (const [what, bytes] of Object.entries(heavy)) {
      const answer = await raw(target, bytes, { quiet: 4000 });
      const ms = answer.firstMs ?? 0;
      best.set(what, Math.min(best.get(what) ?? Infinity, ms));
      if (answer.statuses.length === 0) assert.ok(answer.closed || what === 'request line without end', `${what}: neither answered nor closed`);
      else assert.ok(answer.statuses[0] >= 400 && answer.statuses[0] < 500, `${what}: ${answer.statuses[0]}`);
    }
  }
  for (const [what, ms] of best) assert.ok(ms < 1000, `${what}: ${ms} ms`);
  const slowest = Math.max(...best.values());
  const form = async (body, headers = {}) => {
    try {
      return (await request(target, 'POST', '/oauth/token', { fresh: true, body, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } })).status;
    } catch (error) {
      assert.match(error.code ?? error.message, /ECONNRESET|EPIPE|hang up/);
      return 0;
    }
  };
  const is4xx = (status, what) => assert.ok(status === 0 || (status >= 400 && status < 500), `${what}: ${status}`);
  is4xx(await form('a=1&'.repeat(1 << 20)), 'a million fields');
  is4xx(await form(`grant_type=${'x'.repeat(70000)}`), '70,000 bytes');
  is4xx(await form('a=1&'.repeat(16000)), '16,000 fields within 64 KiB');
  is4xx(await form(`grant_type=${'x'.repeat(9000)}`), 'a value of 9,000');
  is4xx(await form(`${'n'.repeat(100)}=1`), 'a name of 100');
  is4xx(await form('grant_type=%ff%fe&code=%c0%80'), 'not UTF-8');
  is4xx(await form('grant_type=%ed%a0%80'), 'a surrogate');
  is4xx(await form('grant_type=a%00b'), 'NUL');
  is4xx(await form('grant_type=%zz'), 'a broken escape');
  is4xx(await form('{"grant_type":"authorization_code"}', { 'content-type': 'application/json' }), 'JSON');
  is4xx(await form('['.repeat(60000), { 'content-type': 'application/json' }), 'deep JSON');
  is4xx(await form('grant_type=x', { 'content-type': 'multipart/form-data; boundary=x' }), 'multipart');
  is4xx(await form('', {}), 'nothing');
  const nul = await get(target, '/oauth/authorize?client_id=%00');
  assert.equal(nul.status, 400);
  const utf8 = await get(target, `/oauth/authorize?client_id=${rp.clientId}&redirect_uri=%ff%fe`);
  assert.equal(utf8.status, 400);
  const cookie = await get(target, authorizePath(authorizeParams(rp)), { headers: { cookie: 'session_chunks=99999999; a; =; ;;;; __Host-x=%ff\u00ff"; __Host-tasuki=' } });
  assert.ok(isLoginPage(cookie) || cookie.status === 400, 'odd cookies');
  const growth = Math.max(...pids.map((pid, i) => rss(pid) - before[i]));
  assert.ok(growth < 96 << 20, `memory grew by ${growth >> 20} MiB`);
  note(`slowest ${slowest} ms, memory +${growth >> 20} MiB`);
});

check('G06', 'methods and paths: one decision for equivalent paths', async ({ target }) => {
  const host = hostOf(target);
  for (const method of ['TRACE', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'TRACK', 'DEBUG', 'XYZZY']) {
    for (const path of [DISCOVERY, '/oauth/token', '/oauth/authorize', '/oauth/login', '/', '/health']) {
      const answer = await raw(target, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nX-Canary: canary-${method}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      assert.ok([400, 403, 404, 405, 501].includes(answer.statuses[0]), `${method} ${path}: ${answer.statuses[0]}`);
      assert.ok(!answer.text.includes('canary-'), 'TRACE echoes nothing');
    }
  }
  const tunnel = await raw(target, `CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  assert.ok(tunnel.statuses.length === 0 || (tunnel.statuses[0] >= 400 && tunnel.statuses[0] < 600), `CONNECT: ${tunnel.statuses[0]}`);
  assert.ok(!/SSH-/.test(tunnel.text));
  const wrong = await get(target, '/oauth/token');
  assert.ok([404, 405].includes(wrong.status), `GET /oauth/token: ${wrong.status}`);
  if (wrong.status === 405) assert.match(wrong.headers.allow ?? '', /POST/, 'RFC 9110 §15.5.6: Allow');
  // Nothing but the path itself reaches an endpoint, and none of these a file.
  for (const path of [
    '//oauth/jwks',
    '/oauth//jwks',
    '/oauth/./jwks',
    '/oauth/x/../jwks',
    '/.%2e/oauth/jwks',
    '/oauth/%6awks',
    '/oauth%2fjwks',
    '/oauth/jwks/',
    '/oauth/jwks%00',
    '/oauth/jwks;x',
    '/oauth/jwks%20',
    '/OAUTH/JWKS',
    '/oauth/Jwks',
    '/oauth\\jwks',
    '/oauth/jwks%2e',
  ]) {
    const answer = await raw(target, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.ok([200, 301, 308, 400, 404].includes(answer.statuses[0]), `${path}: ${answer.statuses[0]}`);
    if (/jwks.|OAUTH|Jwks|%2f|\\/.test(path)) assert.ok(!answer.text.includes('"keys"'), `${path} is another path`);
  }
  for (const path of ['/../../../../etc/passwd', '/..%2f..%2fetc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/static/../../etc/passwd', '/static/%00']) {
    const answer = await raw(target, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.ok([400, 403, 404].includes(answer.statuses[0]), `${path}: ${answer.statuses[0]}`);
    assert.ok(!answer.text.includes('root:'));
  }
});

function handshake(target, options) {
  const url = new URL(target.base);
  return new Promise((done) => {
    const socket = tls.connect({ host: url.hostname, port: Number(url.port), rejectUnauthorized: false, ...options });
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer')));
    socket.once('secureConnect', () => {
      done({ protocol: socket.getProtocol(), alpn: socket.alpnProtocol, cipher: socket.getCipher().name });
      socket.destroy();
    });
    socket.once('error', (error) => done({ error }));
    socket.once('close', () => done({ error: new Error('closed') }));
  });
}

check('G07', 'TLS 1.2 and 1.3 alone, with modern ciphers', async ({ target }) => {
  if (!target.base.startsWith('https')) assert.fail('not over TLS');
  for (const version of ['TLSv1', 'TLSv1.1']) {
    const result = await handshake(target, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
    assert.ok(result.error, `${version} is accepted`);
  }
  assert.equal((await handshake(target, { minVersion: 'TLSv1.3' })).protocol, 'TLSv1.3');
  for (const ciphers of ['AES128-SHA', 'ECDHE-RSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA', 'AES128-GCM-SHA256', 'NULL-SHA256']) {
    const result = await handshake(target, { maxVersion: 'TLSv1.2', ciphers: `${ciphers}@SECLEVEL=0` });
    assert.ok(result.error, `${ciphers}: ${result.cipher}`);
  }
});

check('G02', 'a node speaks HTTP/1.1 and never negotiates h2', async ({ target }) => {
  if (!target.base.startsWith('https')) assert.fail('not over TLS');
  const offered = await handshake(target, { ALPNProtocols: ['h2', 'http/1.1'] });
  assert.ok(!offered.error, `h2 and http/1.1 offered: ${offered.error?.message}`);
  assert.equal(offered.alpn, 'http/1.1');
  const alone = await handshake(target, { ALPNProtocols: ['h2'] });
  assert.ok(alone.error || alone.alpn !== 'h2', 'h2 alone');
  const host = hostOf(target);
  const preface = await raw(target, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
  assert.ok(!preface.text.startsWith('\0') && (preface.statuses[0] ?? 400) >= 400, 'prior knowledge');
  const upgrade = await raw(target, `GET ${DISCOVERY} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`);
  assert.notEqual(upgrade.statuses[0], 101, 'h2c');
}, { targets: 'nodes' });

check('G08', 'nothing of the inside is reachable from outside', async ({ target }) => {
  for (const path of ['/metrics', '/v1/status', '/v1/clients', '/v1/accounts', '/v1/transfer', '/status', '/debug', '/debug/pprof', '/admin', '/.git/config', '/.env', '/core', '/backup.tar', '/server-status', '/data.mdb', '/cluster.key', '/health/detail', '/health?verbose=1&full=true', '/oauth/v1/status']) {
    const answer = await get(target, path);
    if (path.startsWith('/health?')) assert.equal(answer.status, 200);
    else assert.equal(answer.status, 404, path);
    assert.ok(!/leader|digest|applied|tasuki_\w+ \d/.test(answer.body), path);
  }
  const health = await get(target, '/health');
  assert.equal(health.status, 200);
  assert.ok(health.bytes.length < 200, '/health is terse');
  assert.ok(!/\b(h2o|openssl|tasukid?)\/[\d.]+/i.test(health.headers.server ?? ''), `no version in Server: ${health.headers.server}`);
  // The operator port asks for a certificate of an operator.
  for (const node of demo().nodes) {
    const without = await request({ name: node.name, base: node.operator }, 'GET', '/v1/status', { fresh: true }).catch((error) => error);
    assert.ok(without instanceof Error || [400, 401, 403].includes(without.status), `without certificate: ${without.status}`);
    assert.equal((await operator(node.id, 'GET', '/v1/status')).status, 200, 'with it');
  }
});

// What a peer port does with a connection: { closed, bytes } within `wait`.
function peerAttempt(peer, { tlsOptions, bytes, wait = 4000 }) {
  const [host, port] = peer.split(':');
  return new Promise((done) => {
    let received = 0;
    let secure = false;
    const socket = tlsOptions ? tls.connect({ host, port: Number(port), rejectUnauthorized: false, ...tlsOptions }) : net.connect({ host, port: Number(port) });
    const finish = (closed) => {
      clearTimeout(timer);
      socket.destroy();
      done({ closed, received, secure });
    };
    const timer = setTimeout(() => finish(false), wait);
    socket.on('data', (chunk) => (received += chunk.length));
    socket.on('error', () => finish(true));
    socket.on('close', () => finish(true));
    socket.on('end', () => finish(true));
    socket.once(tlsOptions ? 'secureConnect' : 'connect', () => {
      secure = true;
      for (const part of [bytes].flat()) if (part) socket.write(part);
    });
  });
}

check(
  'G09',
  'the peer port lets in nodes of this cluster alone',
  async ({ target, note }) => {
    const bad = await badPeers();
    const before = await digestsAgree();
    const terms = (await statusOf(target.id)).term;
    const length = Buffer.alloc(64, 0xff); // any length field that is read says 4 GiB
    const own = { cert: readFileSync(demo().need('TASUKI_OPERATOR_CERT')), key: readFileSync(demo().need('TASUKI_OPERATOR_KEY')) };
    const cases = {
      'no TLS': { bytes: 'hello\r\n\r\n' },
      'no TLS, 4 GiB': { bytes: length },
      'no TLS, random bytes': { bytes: Array.from({ length: 50 }, () => randomBytes(1000)) },
      'TLS without certificate': { tlsOptions: { minVersion: 'TLSv1.3' }, bytes: length },
      'TLS 1.2': { tlsOptions: { maxVersion: 'TLSv1.2', ...own }, bytes: length },
      "another CA's certificate": { tlsOptions: bad.foreign, bytes: length },
      "another cluster's id": { tlsOptions: bad.other, bytes: length },
      'an expired certificate': { tlsOptions: bad.expired, bytes: length },
      'a node that is no member': { tlsOptions: bad.stranger, bytes: length },
      "an operator's certificate": { tlsOptions: bad.operator, bytes: length },
    };
    for (const [what, attempt] of Object.entries(cases)) {
      const result = await peerAttempt(target.peer, attempt);
      assert.ok(result.closed, `${what}: the connection stays open`);
      assert.ok(result.received < 4096, `${what}: ${result.received} bytes came back`);
    }
    // One that says nothing must not hold a place for ever.
    const silent = await peerAttempt(target.peer, { wait: 15000 });
    assert.ok(silent.closed, 'a silent connection stays open');
    for (let i = 0; i < 300; i++) await peerAttempt(target.peer, { bytes: randomBytes(200), wait: 2000 });
    for (const node of demo().nodes) assert.ok(await ready(node), `${node.name} is ready`);
    const after = await digestsAgree();
    assert.ok(after.index >= before.index);
    assert.equal((await statusOf(target.id)).term, terms, 'no election');
    note(`${Object.keys(cases).length} kinds, 300 times random bytes`);
  },
  { targets: 'nodes', timeout: 120000 },
);

check('G11', 'a header with line breaks and odd names does not end up in a log line of its own', async ({ target }) => {
  const marker = `logcanary${randomBytes(6).toString('hex')}`;
  await get(target, `/${marker}%0a%7b%22event%22%3a%22${marker}%22%7d`, { headers: { 'user-agent': `${marker}" , "event":"x` } });
  await raw(target, `GET /${marker} HTTP/1.1\r\nHost: ${hostOf(target)}\r\nUser-Agent: ${marker}\n{"event":"${marker}"}\r\nConnection: close\r\n\r\n`);
  const account = await alice();
  assert.ok(account.id);
  const { nodeLogs } = await import('../lib/logs.mjs');
  for (const { file, lines } of nodeLogs()) {
    for (const line of lines) {
      if (!line.includes(marker)) continue;
      const event = JSON.parse(line);
      assert.notEqual(event.event, marker, `${file}: an injected line`);
    }
  }
});
