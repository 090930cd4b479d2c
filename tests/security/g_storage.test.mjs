// SECURITY_CHECKS G10: what was tampered with on disk is found, named and not served. A
// cluster of its own, whose files are damaged.
import assert from 'node:assert/strict';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { addAccount, addClient, operator, word } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { until } from '../lib/demo.mjs';
import { signIn } from '../lib/flow.mjs';
import { get } from '../lib/http.mjs';
import { prove } from '../lib/weak_cluster.mjs';

const EXIT = { data: 65, rotten: 77, config: 78 };
const port = Number(process.env.TASUKI_CLUSTER_PORT ?? 12600);
const real = process.env.TASUKI_BIN_DIR;
const cluster = await Cluster.make({ name: 'g-storage', port, binDir: real, lines: ['log_retained_bytes = 65536'] });
after(() => cluster.close());
await cluster.bootstrap();
const rp = await addClient({ name: 'storage' });
const account = await addAccount({ name: 'storage' });

// A daemon that passes over what is wrong with its files: it ends well, and says nothing.
const careless = join(cluster.dir, 'careless');
mkdirSync(careless);
for (const name of ['tasukid', 'tasuki']) {
  writeFileSync(join(careless, name), `#!/bin/sh\n"${join(real, name)}" "$@" >/dev/null 2>&1\nexit 0\n`);
  chmodSync(join(careless, name), 0o755);
}
// One that goes on for ever with them.
const stubborn = join(cluster.dir, 'stubborn');
mkdirSync(stubborn);
writeFileSync(join(stubborn, 'tasukid'), `#!/bin/sh\n"${join(real, 'tasukid')}" "$@" >/dev/null 2>&1 || exec sleep 600\n`);
chmodSync(join(stubborn, 'tasukid'), 0o755);
symlinkSync(join(real, 'tasuki'), join(stubborn, 'tasuki'));

function flip(file, at, bit = 0x10) {
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  writeSync(fd, Buffer.from([byte[0] ^ bit]), 0, 1, at);
  closeSync(fd);
}
function cutFile(file) {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, Math.floor(bytes.length / 2)));
}
const closedSegment = (node) => {
  const name = readdirSync(node.raft).filter((one) => /^\d{16}-\d{16}$/.test(one)).sort().at(-1);
  return name && join(node.raft, name);
};
// Something in the log of every node, and a closed segment of it.
async function fill() {
  await until('a closed segment', async () => {
    for (let i = 0; i < 40; i++)
      await operator(1, 'POST', '/v1/clients', { client_id: `w-${word(8)}`, name: 'x'.repeat(100), profile: 'gbizid', auth: 'basic', alg: 'RS256', scopes: ['openid'], redirect_uris: [`https://rp.example.test/${'z'.repeat(200)}`] });
    return cluster.nodes.every((node) => closedSegment(node));
  }, { timeout: 120000 });
  await cluster.settled();
}
await fill();

// Rows of data.mdb that have the text, wherever it stands: pages that are free have it too.
function flipRow(node) {
  const file = join(node.store, 'data.mdb');
  const bytes = readFileSync(file);
  let n = 0;
  for (let at = bytes.indexOf('rp.example.test'); at >= 0; at = bytes.indexOf('rp.example.test', at + 1), n++) bytes[at] ^= 1;
  assert.ok(n > 0, 'rows are found');
  writeFileSync(file, bytes);
  return /data\.mdb/;
}
const DAMAGE = {
  'a bit of a row': flipRow,
  'a bit of the log': (node) => {
    const file = closedSegment(node);
    flip(file, Math.floor(statSync(file).size / 2));
    return new RegExp(file.split('/').at(-1));
  },
  'half of a segment of the log': (node) => {
    const file = closedSegment(node);
    cutFile(file);
    return /segment|log/i;
  },
  'term and vote': (node) => {
    for (const name of ['metadata1', 'metadata2']) writeFileSync(join(node.raft, name), 'x'.repeat(40));
    return /metadata|term|vote/i;
  },
};

// Daemons with this configuration.
const running = (conf) =>
  readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`\0${conf}\0`) && !/ Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      return false;
    }
  }).map(Number);

async function damaged(hooks, note) {
  const id = 3;
  const node = cluster.node(id);
  await cluster.stop(id);
  await cluster.mustRun('cp', ['-a', node.data, `${node.data}.kept`]);
  cluster.binDir = hooks.binDir ?? real;
  try {
    for (const [what, make] of Object.entries(DAMAGE)) {
      rmSync(node.data, { recursive: true });
      await cluster.mustRun('cp', ['-a', `${node.data}.kept`, node.data]);
      const named = make(node);
      cluster.cutLog(id);
      cluster.start(id);
      let served = false;
      const ended = await until('it ends', async () => {
        served ||= (await get(node, '/health', { timeout: 1000 }).catch(() => ({}))).status === 200;
        return !cluster.runs(id) && cluster.children.get(id).ended;
      }, { timeout: hooks.binDir ? 8000 : 60000 }).catch(() => assert.fail(`${what}: the node goes on`));
      assert.equal(served, false, `${what} is served`);
      assert.ok([EXIT.rotten, EXIT.config].includes(ended.code), `${what}: exit ${ended.code} ${cluster.logText(id).slice(-600)}`);
      assert.match(cluster.logText(id), named, `${what} is named`);
      assert.ok(!/Sanitizer/.test(cluster.logText(id)), 'and not by a crash');
    }
  } finally {
    cluster.binDir = real;
    if (cluster.runs(id)) await cluster.kill(id);
    for (const pid of running(node.conf)) process.kill(pid, 'SIGKILL'); // what a wrapper has left
    await until('it has ended', () => running(node.conf).length === 0);
    rmSync(node.data, { recursive: true, force: true });
    await cluster.mustRun('mv', [`${node.data}.kept`, node.data]);
    cluster.start(id);
    await cluster.ready(id);
  }
  assert.ok((await signIn(node, rp, account)).code, 'the node as it was serves');
  note(Object.keys(DAMAGE).join(', '));
}

async function backups(hooks, note) {
  const backup = join(cluster.dir, `good-${word()}.backup`);
  const made = await cluster.tasuki(['backup', backup, '--config', cluster.node(2).conf]);
  assert.equal(made.code, 0, made.stderr);
  const whole = readFileSync(backup);
  const flipped = (at) => {
    const bytes = Buffer.from(whole);
    bytes[at] ^= 0x20;
    return bytes;
  };
  const bad = {
    'a bit of its head': flipped(40), 'a bit in the middle': flipped(whole.length >> 1), 'a bit of its end': flipped(whole.length - 3), 'half of it': whole.subarray(0, whole.length >> 1),
    'a byte more': Buffer.concat([whole, Buffer.from([0])]), 'another file': Buffer.from('PK\u0003\u0004 something else '.repeat(50)),
  };
  const node = await blank();
  cluster.binDir = hooks.binDir ?? real;
  try {
    for (const [what, bytes] of Object.entries(bad)) {
      const file = join(cluster.dir, 'bad.backup');
      writeFileSync(file, bytes);
      const refused = await cluster.tasuki(['restore', file, '--config', node.conf]);
      assert.equal(refused.code, EXIT.data, `${what}: exit ${refused.code} ${refused.stderr}`);
      assert.match(refused.stderr, /restore: .{10}/, `${what}: it says why`);
      assert.ok(!existsSync(join(node.data, 'store')), `${what}: nothing is left`);
    }
    writeFileSync(node.conf, readFileSync(node.conf, 'utf8').replace(/cluster_id = ./, (line) => `${line.slice(0, -1)}${line.endsWith('f') ? '0' : 'f'}`));
    const other = await cluster.tasuki(['restore', backup, '--config', node.conf]);
    assert.equal(other.code, EXIT.data, `another cluster's: ${other.code} ${other.stderr}`);
    assert.match(other.stderr, /cluster/);
  } finally {
    cluster.binDir = real;
    rmSync(node.dir, { recursive: true, force: true });
  }
  note(`${Object.keys(bad).length + 1} files`);
}
// A machine without data.
async function blank() {
  const dir = join(cluster.dir, `blank-${word()}`);
  mkdirSync(dir);
  const conf = join(dir, 'node.conf');
  writeFileSync(conf, readFileSync(cluster.node(1).conf, 'utf8').replace(cluster.node(1).data, join(dir, 'data')), { mode: 0o600 });
  return { dir, conf, data: join(dir, 'data') };
}

prove(
  [
    { id: 'G10', what: 'bits and halves of rows, log, term and vote: named, and never served', body: damaged },
    { id: 'G10', what: 'backups that are damaged, or of another cluster, are refused and leave nothing', body: backups },
  ],
  [
    { id: 'G10', about: 'rows', what: 'damage is passed over in silence', binDir: careless },
    { id: 'G10', about: 'rows', what: 'a damaged node goes on', binDir: stubborn },
    { id: 'G10', about: 'backups', what: 'a damaged backup is taken', binDir: careless },
  ],
);
