// SECURITY_CHECKS G02, G03, G07: HTTP/2 as bytes at the balancer (nodes do not speak it), and
// TLS on every port.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { check } from '../lib/checks.mjs';
import { demo, run, sleep, until } from '../lib/demo.mjs';
import { conf } from '../lib/fixtures.mjs';
import { authorizeParams, authorizePath, isLoginPage } from '../lib/flow.mjs';
import { field, FLAG, frame, H2, head, kept, NEWEST, settings, TYPE } from '../lib/h2.mjs';
import { get } from '../lib/http.mjs';
import { badPeers } from '../lib/pki.mjs';
import { quantile } from '../lib/stats.mjs';

const DISCOVERY = '/oauth/.well-known/openid-configuration';
const END = FLAG.END_STREAM | FLAG.END_HEADERS;
const u32 = (value) => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value >>> 0);
  return out;
};

// Logins go on while `work` runs: how long a page takes, and how long one takes at a node
// that nobody floods, on the same machine at the same time.
async function beside(target, work) {
  const rp = await conf();
  let busy = true;
  const times = { here: [], elsewhere: [] };
  const probe = async (at, list) => {
    const began = performance.now();
    const answer = await get(at, authorizePath(authorizeParams(rp)), { fresh: true, timeout: 60000 }).catch((error) => error);
    list.push(performance.now() - began);
    assert.ok(!(answer instanceof Error), `a login page: ${answer.message}`);
    assert.ok(isLoginPage(answer), `a login page: ${answer.status}`);
  };
  const probing = (async () => {
    while (busy) {
      await probe(target, times.here);
      await probe(demo().nodes[1], times.elsewhere);
      await sleep(20);
    }
  })();
  try {
    await Promise.all([probing, work().finally(() => (busy = false))]);
  } finally {
    busy = false;
    await probing.catch(() => {});
  }
  const [here, elsewhere] = [times.here, times.elsewhere].map((list) => quantile(list, 0.5));
  assert.ok(here < 5 * elsewhere + 1000, `a login page took ${here.toFixed(0)} ms meanwhile, elsewhere ${elsewhere.toFixed(0)} ms`);
  return `${times.here.length} logins, p50 ${here.toFixed(0)} ms, elsewhere ${elsewhere.toFixed(0)} ms`;
}

async function serves(h2) {
  h2.write(frame(TYPE.HEADERS, END, 1, head(DISCOVERY, { host: h2.host })));
  await until('an answer', () => h2.status(1) === 200, { timeout: 10000 }).catch(() => assert.fail(`a proper request: ${h2.status(1)}`));
}

const RESETS = Number(process.env.TASUKI_H2_RESETS ?? 100000);

check('G02', 'rapid reset: streams that are opened and reset at once cost others nothing', async ({ target, note }) => {
  const h2 = await H2.open(target);
  await serves(h2);
  let opened = 0;
  const cancel = u32(8);
  const block = head(authorizePath(authorizeParams(await conf())), { host: h2.host });
  const seen = await beside(target, async () => {
    for (let stream = 3; opened < RESETS && !h2.refused; ) {
      const parts = [];
      for (let i = 0; i < 100; i++, stream += 2, opened++) parts.push(frame(TYPE.HEADERS, END, stream, block), frame(TYPE.RST_STREAM, 0, stream, cancel));
      h2.write(...parts);
      await h2.drained();
      await sleep(0);
    }
  });
  const answered = h2.of(TYPE.HEADERS).length;
  h2.close();
  assert.ok(h2.of(TYPE.GOAWAY).length > 0 || answered < opened / 2, `${answered} of ${opened} reset requests were answered in full`);
  const after = await get(target, DISCOVERY, { fresh: true });
  assert.equal(after.status, 200, 'and it goes on');
  note(`${opened} resets, ${answered} answered; ${seen}`);
}, { targets: 'balancer', timeout: 120000 });

// What one connection may not do: refused by GOAWAY, a reset or the end, within a bound.
const FLOODS = {
  CONTINUATION: {
    start: (h2) => h2.write(frame(TYPE.HEADERS, FLAG.END_STREAM, 3, head('/', { host: h2.host }))),
    more: (h2) => h2.write(frame(TYPE.CONTINUATION, 0, 3, field('x', 'a'.repeat(1000)))),
    times: 4000,
  },
  'SETTINGS of an odd length': { start: (h2) => h2.write(frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(7))), more: () => {}, times: 50 },
  'a header list bomb': {
    start: (h2) => h2.write(frame(TYPE.HEADERS, END, 3, Buffer.concat([head('/', { host: h2.host }), kept('x', 'b'.repeat(3900)), ...Array.from({ length: 12000 }, () => NEWEST)]))),
    more: () => {},
    times: 50,
  },
  'a stream number of 2^31 - 1, and then a lower one': {
    start: (h2) => h2.write(frame(TYPE.HEADERS, END, 0x7fffffff, head('/health', { host: h2.host })), frame(TYPE.HEADERS, END, 5, head('/health', { host: h2.host }))),
    more: () => {},
    times: 50,
  },
  'a stream of an even number': { start: (h2) => h2.write(frame(TYPE.HEADERS, END, 4, head('/', { host: h2.host }))), more: () => {}, times: 50 },
  'a window beyond 2^31': { start: (h2) => h2.write(frame(TYPE.WINDOW_UPDATE, 0, 0, u32(0x7fffffff)), frame(TYPE.WINDOW_UPDATE, 0, 0, u32(0x7fffffff))), more: () => {}, times: 50 },
  'a frame of 1 MiB': { start: (h2) => h2.write(frame(TYPE.DATA, 0, 1, Buffer.alloc(1 << 20))), more: () => {}, times: 50 },
  'PUSH_PROMISE of a client': { start: (h2) => h2.write(frame(TYPE.PUSH_PROMISE, FLAG.END_HEADERS, 1, Buffer.concat([u32(2), head('/', { host: h2.host })]))), more: () => {}, times: 50 },
  'an HPACK index that is not there': { start: (h2) => h2.write(frame(TYPE.HEADERS, END, 3, Buffer.from([0xff, 0xff, 0xff, 0x7f]))), more: () => {}, times: 50 },
};

check('G03', 'frames that flood or contradict end the connection, and cost others nothing', async ({ target, note }) => {
  const seen = await beside(target, async () => {
    for (const [what, { start, more, times }] of Object.entries(FLOODS)) {
      const h2 = await H2.open(target);
      start(h2);
      for (let i = 0; i < times && !h2.refused && h2.status(3) === undefined; i++) {
        more(h2);
        if (i % 50 === 49) await h2.drained();
        await sleep(i < 100 ? 5 : 0);
      }
      await until(what, () => h2.refused || h2.status(3) !== undefined || h2.status(5) !== undefined, { timeout: 8000 }).catch(() => assert.fail(`${what}: the connection goes on`));
      const status = h2.status(3) ?? h2.status(5);
      assert.ok(h2.refused || status === 'reset' || (status >= 400 && status < 500), `${what}: status ${status}`);
      h2.close();
    }
  });
  note(`${Object.keys(FLOODS).length} kinds; ${seen}`);
}, { targets: 'balancer', timeout: 180000 });

check('G03', 'SETTINGS, PING and windows of nothing: bounded answers, others are served', async ({ target, note }) => {
  const seen = await beside(target, async () => {
    for (const one of [settings([[3, 100]]), frame(TYPE.PING, 0, 0, Buffer.alloc(8))]) {
      const h2 = await H2.open(target);
      for (let i = 0; i < 200 && !h2.refused; i++) {
        h2.write(...Array.from({ length: 100 }, () => one));
        await h2.drained();
        await sleep(0);
      }
      await sleep(100);
      assert.ok(h2.of(TYPE.PING).length + h2.of(TYPE.SETTINGS).length <= 20100, 'no more answers than questions');
      h2.close();
    }
    // Nobody takes the answers: windows of nothing on a hundred streams.
    const stalled = await H2.open(target, { first: [[4, 0]] });
    for (let i = 0; i < 100; i++) stalled.write(frame(TYPE.HEADERS, END, 1 + 2 * i, head(DISCOVERY, { host: stalled.host })));
    await sleep(1500);
    assert.equal(stalled.of(TYPE.DATA).filter(({ payload }) => payload.length > 0).length, 0, 'no byte beyond the window');
    await until('a stalled connection ends', () => stalled.refused, { timeout: 40000 }).catch(() => assert.fail('a connection whose answers nobody takes is kept'));
    stalled.close();
  });
  note(seen);
}, { targets: 'balancer', timeout: 120000 });

check('G03', 'no header is smuggled through HTTP/2', async ({ target, note }) => {
  const inner = (host) => `x\r\nHost: ${host}\r\n\r\nGET ${DISCOVERY} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const cases = {
    'CRLF in a value': (host) => head('/health', { host, more: [['x-a', inner(host)]] }),
    'LF in a value': (host) => head('/health', { host, more: [['x-a', 'a\nx-real-ip: 1.2.3.4']] }),
    'CR in a value': (host) => head('/health', { host, more: [['x-a', 'a\rb']] }),
    'NUL in a value': (host) => head('/health', { host, more: [['x-a', 'a\0b']] }),
    'CRLF in a name': (host) => head('/health', { host, more: [['x\r\ny', 'a']] }),
    'a colon in a name': (host) => head('/health', { host, more: [['x:y', 'a']] }),
    'a blank in a name': (host) => head('/health', { host, more: [['x y', 'a']] }),
    'capitals in a name': (host) => head('/health', { host, more: [['X-Upper', 'a']] }),
    'CRLF in the path': (host) => head(`/health HTTP/1.1\r\nHost: ${host}\r\n\r\nGET ${DISCOVERY}`, { host }),
    'a blank in the path': (host) => head('/health x', { host }),
    'CRLF in the method': (host) => head('/health', { host, method: `GET ${DISCOVERY} HTTP/1.1\r\nX:` }),
    'an authority with a path': (host) => head('/health', { host: `${host}/x` }),
    'Connection': (host) => head('/health', { host, more: [['connection', 'keep-alive, x-real-ip']] }),
    'Transfer-Encoding': (host) => head('/oauth/token', { host, method: 'POST', more: [['transfer-encoding', 'chunked']] }),
    'Upgrade': (host) => head('/health', { host, more: [['upgrade', 'websocket']] }),
    'TE': (host) => head('/health', { host, more: [['te', 'gzip']] }),
    'a pseudo-header after a header': (host) => Buffer.concat([field(':method', 'GET'), field(':scheme', 'https'), field('x', 'y'), field(':authority', host), field(':path', '/health')]),
    'a pseudo-header twice': (host) => Buffer.concat([head('/health', { host }), field(':path', DISCOVERY)]),
    'an unknown pseudo-header': (host) => Buffer.concat([field(':x', 'y'), head('/health', { host })]),
    'no path': (host) => Buffer.concat([field(':method', 'GET'), field(':scheme', 'https'), field(':authority', host)]),
    'an empty path': (host) => head('', { host }),
    'two Content-Lengths': (host) => head('/oauth/token', { host, method: 'POST', more: [['content-length', '0'], ['content-length', '5']] }),
    'Content-Length and no body': (host) => head('/oauth/token', { host, method: 'POST', more: [['content-length', '50']] }),
    'Content-Length of +5': (host) => head('/oauth/token', { host, method: 'POST', more: [['content-length', '+5']] }),
    'CONNECT': (host) => Buffer.concat([field(':method', 'CONNECT'), field(':authority', host)]),
  };
  for (const [what, make] of Object.entries(cases)) {
    const h2 = await H2.open(target);
    h2.write(frame(TYPE.HEADERS, END, 1, make(h2.host)));
    await until(what, () => h2.refused || h2.status(1) !== undefined, { timeout: 10000 }).catch(() => assert.fail(`${what}: no answer`));
    await sleep(30);
    const status = h2.status(1);
    assert.ok(h2.refused || status === 'reset' || (status >= 400 && status < 600), `${what}: ${status}`);
    assert.ok(!h2.body(1).includes('"issuer"'), `${what}: a second request was served`);
    h2.close();
  }
  // More, and less, of a body than it says.
  for (const [said, sent] of [[5, 50], [50, 5]]) {
    const h2 = await H2.open(target);
    h2.write(
      frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, head('/oauth/token', { host: h2.host, method: 'POST', more: [['content-length', String(said)], ['content-type', 'application/x-www-form-urlencoded']] })),
      frame(TYPE.DATA, FLAG.END_STREAM, 1, Buffer.alloc(sent, 'a')),
    );
    await until('an answer', () => h2.refused || h2.status(1) !== undefined, { timeout: 10000 }).catch(() => assert.fail(`a body of ${sent} for ${said}: no answer`));
    const status = h2.status(1);
    assert.ok(h2.refused || status === 'reset' || (status >= 400 && status < 600), `a body of ${sent} for ${said}: ${status}`);
    h2.close();
  }
  note(`${Object.keys(cases).length + 2} requests`);
}, { targets: 'balancer', timeout: 120000 });

// { protocol, error } of one handshake.
function handshake(at, options) {
  return new Promise((done) => {
    const socket = tls.connect({ ...at, rejectUnauthorized: false, ...options });
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer')));
    socket.once('secureConnect', () => setTimeout(() => {
      done({ protocol: socket.getProtocol(), name: socket.getPeerCertificate()?.subject?.CN });
      socket.destroy();
    }, 50));
    socket.once('error', (error) => done({ error }));
    socket.once('close', () => done({ error: new Error('closed') }));
  });
}
const placeOf = (address) => {
  const [, host, port] = /^(?:https:\/\/)?(.*):(\d+)$/.exec(address);
  return { host, port: Number(port) };
};

check('G07', 'TLS: no renegotiation, no early data, any server name has the one certificate', async ({ target }) => {
  const at = placeOf(target.base);
  for (const name of [undefined, 'localhost', 'evil.test', 'x'.repeat(200)]) {
    const got = await handshake(at, name ? { servername: name } : {});
    assert.ok(got.error || /^(localhost|tasuki)/i.test(got.name ?? 'localhost'), `server name ${name}: ${got.name}`);
    const answer = await get(target, '/', { fresh: true, headers: { host: 'evil.test' } });
    assert.ok([400, 421].includes(answer.status), 'and another Host is none of ours');
  }
  const s_client = async (args, input) => run('openssl', ['s_client', '-connect', `${at.host}:${at.port}`, '-servername', 'localhost', ...args], { input, timeout: 15000 });
  const renegotiation = await s_client(['-tls1_2', '-legacy_renegotiation'], `R\nGET /health HTTP/1.1\r\nHost: ${at.host}\r\n\r\n`);
  assert.doesNotMatch(renegotiation.stdout, /RENEGOTIATING[\s\S]*HTTP\/1\.1 200/, 'renegotiation by the client');
  const early = await s_client(['-tls1_3', '-status'], 'Q\n');
  assert.doesNotMatch(`${early.stdout}`, /Max Early Data: [1-9]/, 'early data are offered');
  assert.match(early.stdout, /TLSv1\.3/);
});

check('G07', 'peers and operators: TLS 1.3 alone, with a certificate that is good now', async ({ target }) => {
  const bad = await badPeers();
  const peer = placeOf(target.peer);
  const operator = placeOf(target.operator);
  const good = { cert: readFileSync(demo().need('TASUKI_OPERATOR_CERT')), key: readFileSync(demo().need('TASUKI_OPERATOR_KEY')) };
  const own = join(demo().dir, 'pki', 'node-1');
  const node = { cert: readFileSync(`${own}.crt`), key: readFileSync(`${own}.key`) };
  const served = async (place, options) => {
    const socket = tls.connect({ ...place, rejectUnauthorized: false, ...options });
    return new Promise((done) => {
      let said = '';
      const end = () => {
        socket.destroy();
        done(said);
      };
      socket.setTimeout(4000, end);
      socket.on('data', (bytes) => {
        said += bytes.toString('latin1');
        if (/HTTP\/1\.1 \d+/.test(said)) end();
      });
      socket.on('error', end).on('close', end);
      socket.once('secureConnect', () => socket.write('GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
    });
  };
  assert.match(await served(operator, good), /HTTP\/1\.1 (200|421)/, 'an operator with a good one');
  for (const [what, pair] of Object.entries({ 'of another CA': bad.foreign, expired: bad.expired, 'of a node': node }))
    assert.doesNotMatch(await served(operator, pair), /HTTP\/1\.1 200/, `an operator's port, ${what}`);
  assert.doesNotMatch(await served(operator, {}), /HTTP\/1\.1 200/, 'without any');
  for (const [what, pair] of Object.entries({ expired: bad.expired, 'of another CA': bad.foreign })) {
    const got = await handshake(peer, { ...pair });
    const lives = !got.error && await stays(peer, pair);
    assert.ok(got.error || !lives, `a peer's certificate that is ${what}`);
  }
  for (const place of [peer, operator]) {
    for (const version of ['TLSv1', 'TLSv1.1', ...(place === peer ? ['TLSv1.2'] : [])]) {
      const got = await handshake(place, { ...(place === peer ? node : good), minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
      assert.ok(got.error, `${version} at ${place.port}`);
    }
    const plain = await new Promise((done) => {
      const socket = net.connect(place);
      socket.setTimeout(16000, () => done('open'));
      socket.on('data', (bytes) => done(bytes[0] === 0x15 ? 'alert' : 'data')).on('close', () => done('closed')).on('error', () => done('closed'));
      socket.on('connect', () => socket.write('GET / HTTP/1.1\r\n\r\n'));
    });
    assert.notEqual(plain, 'data', 'no plain text');
  }
}, { targets: 'nodes', timeout: 120000 });

// Does the port keep a connection with this certificate for longer than a moment?
function stays(place, pair) {
  return new Promise((done) => {
    const socket = tls.connect({ ...place, rejectUnauthorized: false, ...pair });
    socket.on('error', () => done(false)).on('close', () => done(false)).on('end', () => done(false));
    setTimeout(() => {
      done(true);
      socket.destroy();
    }, 1500);
  });
}
