// tasukid started wrongly: an exit code and one sentence that says what to do.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { demo, run, until } from '../lib/demo.mjs';
import { findInDemo } from '../lib/pki.mjs';

const EX_CONFIG = 78;
const dir = mkdtempSync(join(tmpdir(), 'tasuki-daemon-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const tasukid = join(demo().binDir, 'tasukid');
const original = readFileSync(findInDemo('node-1.conf'), 'utf8');

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise((done) => {
      const server = net.createServer().listen(0, '127.0.0.1', () => done(server));
    })),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

// A configuration of its own folder and ports; `change` edits the lines.
let count = 0;
async function configuration(change = (text) => text) {
  const own = join(dir, String(++count));
  mkdirSync(own, { mode: 0o700 });
  const [http, balancer, operator, mtls, staff, worker, peer] = await freePorts(7);
  const text = original
    .replace(/^data_dir = .*$/m, `data_dir = ${own}/data`)
    .replace(/^http_listen = .*$/m, `http_listen = 127.0.0.1:${http}`)
    .replace(/^balancer_listen = .*$/m, `balancer_listen = 127.0.0.1:${balancer}`)
    .replace(/^operator_listen = .*$/m, `operator_listen = 127.0.0.1:${operator}`)
    .replace(/^mtls_listen = .*$/m, `mtls_listen = 127.0.0.1:${mtls}`)
    .replace(/^staff_listen = .*$/m, `staff_listen = 127.0.0.1:${staff}`)
    .replace(/^worker_listen = .*$/m, `worker_listen = 127.0.0.1:${worker}`)
    .replace(/^peer = 1 .*$/m, `peer = 1 127.0.0.1:${peer} tokyo`)
    .replace(/^peer = [23] .*\n/gm, '');
  const file = join(own, 'node.conf');
  writeFileSync(file, change(text, own), { mode: 0o600 });
  return { file, own, http, peer };
}

const start = (file, ...more) => run(tasukid, ['--config', file, ...more], { timeout: 15000 });

// One sentence on stderr; never a crash.
function assertRefused(result, code, sentence) {
  assert.equal(result.signal, null, `${result.signal}: ${result.stderr}`);
  assert.ok(!/Sanitizer|runtime error|Assertion/.test(result.stderr), result.stderr);
  assert.equal(result.code, code, `exit ${result.code}: ${result.stderr}`);
  assert.match(result.stderr, sentence);
  assert.equal(result.stdout, '');
}

const bad = {
  'an unknown key': [(t) => `${t}colour = red\n`, /colour/],
  'a key twice': [(t) => `${t}node_id = 1\n`, /node_id/],
  'a key missing': [(t) => t.replace(/^issuer = .*\n/m, ''), /issuer/],
  'no equals sign': [(t) => `${t}nonsense\n`, /key = value/],
  'a number out of range': [(t) => `${t.replace(/^http_threads = .*\n/m, '')}http_threads = 100000\n`, /http_threads.*1 to 256/],
  'a number that is none': [(t) => t.replace(/^node_id = .*$/m, 'node_id = one'), /node_id/],
  'an issuer without slash': [(t) => t.replace(/^issuer = .*$/m, 'issuer = https://localhost'), /issuer/],
  'a plain issuer': [(t) => t.replace(/^issuer = https/m, 'issuer = http'), /issuer/],
  'an address without port': [(t) => t.replace(/^http_listen = .*$/m, 'http_listen = 127.0.0.1'), /http_listen/],
  'a relative path': [(t) => t.replace(/^data_dir = .*$/m, 'data_dir = data'), /data_dir/],
  'a wrong cluster id': [(t) => t.replace(/^cluster_id = .*$/m, 'cluster_id = 1234'), /cluster_id/],
  'a node that is no peer': [(t) => t.replace(/^node_id = .*$/m, 'node_id = 9'), /node_id|peer/],
  'an environment that is none': [(t) => t.replace(/^environment = .*$/m, 'environment = test'), /environment/],
  'a missing key file': [(t, own) => t.replace(/^cluster_key = .*$/m, `cluster_key = ${own}/none`), /cluster_key|none/],
  'NUL bytes': [(t) => `${t}\0\0\n`, /./],
  'not UTF-8': [(t) => Buffer.concat([Buffer.from(t), Buffer.from([0x68, 0x20, 0x3d, 0xff, 0xfe, 0x0a])]), /./],
  'an endless line': [(t) => `${t}host = ${'a'.repeat(100000)}\n`, /./],
  'nothing at all': [() => '', /./],
};

for (const [what, [change, sentence]] of Object.entries(bad)) {
  test(`configuration: ${what}`, async () => {
    const { file } = await configuration(change);
    const result = await start(file);
    assertRefused(result, EX_CONFIG, sentence);
    assert.match(result.stderr, /node\.conf|cluster_key/, 'the file or the key is named');
    assert.equal(result.stderr.trim().split('\n').length, 1, `one sentence: ${result.stderr}`);
  });
}

test('a configuration that is not there', async () => {
  assertRefused(await start(join(dir, 'none.conf')), EX_CONFIG, /none\.conf/);
});

test('no arguments, wrong arguments, help', async () => {
  const none = await run(tasukid, []);
  assert.equal(none.code, 64, none.stderr);
  const wrong = await run(tasukid, ['--no-such-option']);
  assert.equal(wrong.code, 64, wrong.stderr);
  const help = await run(tasukid, ['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--config/);
});

for (const mode of [0o644, 0o640, 0o666]) {
  test(`a secret of mode ${mode.toString(8)} is refused`, async () => {
    for (const key of ['cluster_key', 'http_key', 'peer_key']) {
      const { file } = await configuration((text, own) => {
        const from = text.match(new RegExp(`^${key} = (.*)$`, 'm'))[1];
        const to = join(own, 'secret');
        copyFileSync(from, to);
        chmodSync(to, mode);
        return text.replace(new RegExp(`^${key} = .*$`, 'm'), `${key} = ${to}`);
      });
      assertRefused(await start(file), EX_CONFIG, /secret.*(0600|mode)/);
    }
  });
}

test('a cluster key that is none', async () => {
  const { file } = await configuration((text, own) => {
    writeFileSync(join(own, 'key'), 'abc\n', { mode: 0o600 });
    return text.replace(/^cluster_key = .*$/m, `cluster_key = ${own}/key`);
  });
  const result = await start(file, '--check');
  assertRefused(result, EX_CONFIG, /key/);
  assert.ok(!result.stderr.includes('abc'), 'its contents are not shown');
});

test('a port in use: which one, and of which key', async () => {
  for (const key of ['http_listen', 'peer']) {
    const server = net.createServer();
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address();
    try {
      const { file } = await configuration((text) =>
        key === 'peer'
          ? text.replace(/^peer = 1 \S+/m, `peer = 1 127.0.0.1:${port}`)
          : text.replace(/^http_listen = .*$/m, `http_listen = 127.0.0.1:${port}`),
      );
      const result = await start(file, '--bootstrap');
      assert.equal(result.signal, null, result.stderr);
      assert.notEqual(result.code, 0);
      assert.ok(!/Sanitizer|runtime error|Assertion/.test(result.stderr), result.stderr);
      assert.match(result.stderr, new RegExp(`${port}`), 'the port is named');
      assert.match(result.stderr, /in use/, 'and what is wrong with it');
    } finally {
      server.close();
    }
  }
});

test('--check says that a good configuration is good', async () => {
  const { file } = await configuration();
  const result = await start(file, '--check');
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /good/);
});

// A single node of that configuration is ready, and ends in order.
async function startsAndStops(file) {
  const child = spawn(tasukid, ['--config', file, '--bootstrap'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const ended = new Promise((done) => child.on('close', done));
  try {
    await until('a single node is ready', () => /node\.ready/.test(log) || child.exitCode !== null, { timeout: 60000 });
    assert.match(log, /node\.ready/, log.slice(-2000));
  } finally {
    child.kill('SIGTERM');
  }
  assert.equal(await ended, 0, log.slice(-2000));
}

test("another cluster's data are refused", async () => {
  const { file, own } = await configuration();
  await startsAndStops(file);
  const other = join(own, 'other.conf');
  writeFileSync(other, readFileSync(file, 'utf8').replace(/^cluster_id = .*$/m, `cluster_id = ${'ab'.repeat(16)}`), { mode: 0o600 });
  const refused = await start(other);
  assert.equal(refused.signal, null, refused.stderr);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /cluster/);
});

const together = {
  'two first starts': ['--bootstrap', '--join'],
  'a start and an offline mode': ['--join', '--recover'],
  'two offline modes': ['--reseed', '--restore=x'],
  'a confirmation of nothing': ['--yes-lose-data=x'],
  'JSON of nothing': ['--json'],
  'an option twice': ['--restore=x', '--restore=y'],
  'an option without its value': ['--restore'],
};
for (const [what, options] of Object.entries(together)) {
  test(`options that do not go together: ${what}`, async () => {
    const { file, own } = await configuration();
    const result = await start(file, ...options);
    assert.equal(result.code, 64, result.stderr);
    assert.match(result.stderr, /^tasukid: .{10}[^]*usage: tasukid/);
    assert.ok(!existsSync(join(own, 'data')), 'nothing is begun');
  });
}

test('a folder is used by one tasukid at a time', async () => {
  const { file, own } = await configuration();
  mkdirSync(join(own, 'data'), { mode: 0o700 });
  const holder = spawn('flock', ['--no-fork', join(own, 'data'), 'sh', '-c', 'echo held; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((done) => holder.stdout.once('data', done));
    for (const options of [['--bootstrap'], ['--join'], ['--reseed'], ['--restore=x'], ['--recover']])
      assertRefused(await start(file, ...options), 75, /another tasukid works on this folder/);
  } finally {
    holder.kill('SIGKILL');
  }
});

test('a node that lost its log does not start, in no way', async () => {
  const { file, own } = await configuration();
  await startsAndStops(file);
  rmSync(join(own, 'data', 'raft'), { recursive: true });
  for (const options of [[], ['--bootstrap'], ['--join']]) assertRefused(await start(file, ...options), EX_CONFIG, /log in .*raft is gone/);
});

test('what has no data cannot be re-seeded or recovered; nobody can give it an image', async () => {
  const { file } = await configuration();
  assertRefused(await start(file, '--reseed'), EX_CONFIG, /no data.*--join/);
  const recovery = await start(file, '--recover');
  assert.notEqual(recovery.code, 0);
  assert.equal(recovery.stdout, '');
  assertRefused(await start(file, '--join'), EX_CONFIG, /no peer line but this node/);
});
