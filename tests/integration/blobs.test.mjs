// Scans and evidence on two nodes of two regions: whatever rots, dies, is replaced, fills
// up or is restored, each of them can be read in the end, byte for byte.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { operator, operatorAgent, statusOf } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo, ROOT, until } from '../lib/demo.mjs';
import { joins } from '../lib/epoch.mjs';
import { Worker } from '../lib/farm.mjs';
import { request } from '../lib/http.mjs';

const port = Number(process.env.TASUKI_CLUSTER_PORT ?? 12600);
const cluster = await Cluster.make({ name: 'blobs', port, binDir: process.env.TASUKI_BIN_DIR, lines: ['blob_lost_after_s = 10'] });
after(() => cluster.close());
await cluster.mustRun(join(ROOT, 'ops/pki'), ['worker', cluster.pki, '--name', 'one']);
const workerPort = (id) => `127.0.0.1:${port + 50 + id}`;
const listen = (id, ...lines) => cluster.configure(id, [`worker_listen = ${workerPort(id)}`, ...lines]);
for (const id of [1, 2, 3]) listen(id);
await cluster.bootstrap();
await cluster.settled();

const one = new Worker({ pki: cluster.pki, name: 'one', bases: [1, 2, 3, 4].map((id) => `https://${workerPort(id)}`), magic: '544f5245' });
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const LONG = { timeout: 120000, every: 200 };
const scans = new Map(); // hash: bytes
const folder = join(cluster.dir, 'scans');
const put = (id, path, body = '{}') => request({ name: 'operator', base: demo().nodes[id - 1].operator }, 'POST', path, { agent: operatorAgent(), body });
const stocks = async (id = 1) => (await operator(id, 'GET', '/v1/applications')).json;
const none = (id = 1) => until('no blob is short', async () => {
  const { blobs, blobs_short: short } = await stocks(id);
  return blobs >= scans.size && short === 0;
}, LONG);
const file = (id, hash) => join(cluster.node(id).data, 'blobs', hash.slice(0, 2), hash);
const holders = (hash, ids = [1, 2, 3]) => ids.filter((id) => existsSync(file(id, hash)));

async function readBack(id, hash) {
  const bytes = await one.scan({ hash, size: scans.get(hash).length }, id - 1);
  return bytes?.equals(scans.get(hash)) ?? false;
}
async function allReadable(ids) {
  for (const hash of scans.keys()) {
    const whole = [];
    for (const id of ids) if (await readBack(id, hash)) whole.push(id);
    assert.ok(whole.length >= 2, `${hash}: whole on ${whole}`);
  }
}

// Through the command, as the operation center does: in the morning `name`, so many.
async function load(name, count) {
  const dir = join(folder, name);
  mkdirSync(dir, { recursive: true });
  for (let i = 0; i < count; i++) {
    const bytes = randomBytes(60000 + i * 7000);
    writeFileSync(join(dir, `S${i}.tif`), bytes);
    scans.set(sha256(bytes), bytes);
  }
  const taken = await cluster.ask(['intake', dir, '--label', name, '--json']);
  assert.equal(taken.code, 0, taken.stderr);
  assert.equal(JSON.parse(taken.stdout).added, count);
  return [...scans.keys()].slice(-count);
}

test('an upload counts once it stands in two regions, and one copy of each is enough', async () => {
  await load('monday', 6);
  for (const hash of scans.keys()) assert.ok(holders(hash).length >= 2);
  await none();
  await allReadable([1, 2, 3]);
  const status = await statusOf(1);
  assert.equal(status.blobs, 6);
  assert.deepEqual(status.blob_nodes.map(({ id, state }) => [id, state]), [[1, 'keeps'], [2, 'keeps'], [3, 'keeps']]);
  assert.match((await cluster.ask(['status'])).stdout, /blobs: 6, 0 of them with too few copies/);
});

test('two runs that send one scan at once do not meet in one file', async () => {
  const bytes = randomBytes(200000);
  const hash = sha256(bytes);
  const send = async (writer, wrong) => {
    for (let index = 0; index * 49152 < bytes.length; index++) {
      const chunk = Buffer.from(bytes.subarray(index * 49152, (index + 1) * 49152));
      if (wrong) chunk[0] ^= 1;
      assert.equal((await put(1, `/v1/blobs/part?sha256=${hash}&size=${bytes.length}&index=${index}&writer=${writer}`, chunk)).status, 200);
    }
    return put(1, `/v1/blobs/commit?sha256=${hash}&size=${bytes.length}&writer=${writer}`);
  };
  const [bad, good] = await Promise.all([send('bad', true), send('600d', false)]);
  assert.equal(good.status, 200, good.body);
  assert.ok([200, 409].includes(bad.status), bad.body); // 200: the other one was there first
  scans.set(hash, bytes);
  assert.ok(await readBack(1, hash));
  assert.equal((await put(1, `/v1/blobs/part?sha256=${hash}&size=${bytes.length}&index=0&writer=zz`, bytes.subarray(0, 49152))).status, 422);
});

test('one copy rots while the node that has the other one is down', async () => {
  const [hash] = [...scans.keys()].filter((one) => holders(one).length === 2);
  const [a, b] = holders(hash);
  const up = [1, 2, 3].find((id) => id !== a && id !== b);
  await cluster.kill(b);
  const bytes = readFileSync(file(a, hash));
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(file(a, hash), bytes);
  await until('it is found', async () => cluster.events(a, 'blob.rotten').some((event) => event.blob === hash), LONG);
  await until('and shown', async () => {
    const short = (await stocks(up)).short_blobs.find((row) => row.sha256 === hash);
    return short && !short.holders.includes(a);
  }, LONG);
  assert.equal(await readBack(a, hash), false, 'nobody is given rotten bytes');
  cluster.start(b);
  await cluster.ready(b);
  await none(up);
  await allReadable([1, 2, 3]);
});

test('a region that is lost with what it holds: copies are made in the others', async () => {
  const lost = 3;
  await until('the leader is elsewhere', async () => (await statusOf(1)).leader_id !== 0);
  await cluster.kill(lost);
  await until('it counts no more', async () => (await statusOf(1)).blob_nodes.find(({ id }) => id === lost).state === 'lost', LONG);
  assert.match((await cluster.ask(['status'])).stdout, /node 3: lost, its copies do not count/);
  // The walk that finds what is short now has only begun.
  await until('both have all of them', () => [...scans.keys()].every((hash) => holders(hash, [1, 2]).length === 2), LONG);
  await none();
  await allReadable([1, 2]);
  cluster.start(lost);
  await cluster.ready(lost);
  await until('it counts again', async () => (await statusOf(1)).blob_nodes.find(({ id }) => id === lost).state === 'keeps', LONG);
  // What it has is a third copy: of each, one node gives its own back, and one only.
  await until('each is on two nodes', () => [...scans.keys()].every((hash) => holders(hash).length === 2), LONG);
  assert.ok([1, 2, 3].some((id) => cluster.events(id, 'blob.given_back').length > 0));
  await none();
  await allReadable([1, 2, 3]);
});

test('a node is replaced while blobs are short: the new one gets what it shall hold', async () => {
  const fresh = await load('tuesday', 8);
  const here = fresh.filter((hash) => holders(hash).includes(3));
  assert.ok(here.length > 0, 'node 3 holds some of them');
  await cluster.kill(3);
  rmSync(cluster.node(3).data, { recursive: true });
  await cluster.prepare(4);
  listen(4);
  cluster.start(4, '--join');
  const node = cluster.node(4);
  const replaced = await cluster.ask(['node', 'replace', '3', '4', node.peer, node.region]);
  assert.equal(replaced.code, 0, replaced.stderr);
  cluster.include(4);
  await cluster.ready(4);
  await none();
  assert.deepEqual((await statusOf(1)).blob_nodes.map(({ id }) => id), [1, 2, 4], 'it is forgotten');
  // The walk that finds what is short now has only begun.
  await until('each stands on two', () => [...scans.keys()].every((hash) => holders(hash, [1, 2, 4]).length >= 2), LONG);
  await none();
  await allReadable([1, 2, 4]);
});

test('a node that is full refuses scans, and nothing else; no scan is lost by it', async () => {
  const { bavail, bsize } = statfsSync(cluster.node(1).data);
  await cluster.stop(1);
  // Its own reserve is kept, that of scans is not.
  listen(1, `free_bytes_min = ${Math.floor((bavail * bsize) * 0.7)}`);
  cluster.start(1);
  await cluster.ready(1);
  const bytes = randomBytes(50);
  const refused = await put(1, `/v1/blobs/part?sha256=${sha256(bytes)}&size=50&index=0`, bytes);
  assert.equal(refused.status, 507, refused.body);
  assert.match(refused.body, /room/);
  assert.equal((await statusOf(1)).ready, true, 'it serves');
  assert.deepEqual(readdirSync(join(cluster.node(1).data, 'blobs', 'tmp')), []);
  const fresh = await load('wednesday', 4); // the command goes on to another node
  for (const hash of fresh) assert.equal(existsSync(file(1, hash)), false);
  await none();
  await allReadable([1, 2, 4]);
  await cluster.stop(1);
  listen(1);
  cluster.start(1);
  await cluster.ready(1);
  assert.equal((await put(1, `/v1/blobs/part?sha256=${sha256(bytes)}&size=50&index=0`, bytes)).status, 200);
});

const backup = join(cluster.dir, 'tasuki.backup');
const kept = join(cluster.dir, 'kept-blobs');
const keptFile = (hash) => join(kept, 'blobs', hash.slice(0, 2), hash);
const take = async (...more) => cluster.tasuki(['backup', backup, '--config', cluster.node(2).conf, '--blobs', kept, '--json', ...more]);
const verify = () => cluster.tasuki(['backup', '--verify', backup, '--config', cluster.node(2).conf, '--blobs', kept, '--json']);

test('a backup brings the blobs that it names, once each; what is missing or damaged is named', async () => {
  const named = [...scans.keys()].filter((_, i) => i !== 6); // the one that no batch names
  const first = await take();
  assert.equal(first.code, 0, first.stderr);
  const made = JSON.parse(first.stdout);
  assert.deepEqual([made.blobs, made.blobs_there, made.blobs_brought, made.blobs_bad], [named.length, 0, named.length, 0]);
  await load('thursday', 2);
  const again = JSON.parse((await take('--force')).stdout);
  assert.deepEqual([again.blobs, again.blobs_there, again.blobs_brought, again.blobs_bad], [named.length + 2, named.length, 2, 0]);
  assert.equal(readFileSync(keptFile(named[0])).indexOf(scans.get(named[0]).subarray(0, 16)), -1, 'sealed');
  const whole = await verify();
  assert.equal(whole.code, 0, whole.stderr);
  assert.equal(JSON.parse(whole.stdout).blobs_there, named.length + 2);
  const bytes = readFileSync(keptFile(named[1]));
  bytes[100] ^= 1;
  writeFileSync(keptFile(named[1]), bytes);
  rmSync(keptFile(named[2]));
  const bad = await verify();
  assert.equal(bad.code, 65, bad.stderr);
  assert.match(bad.stderr, new RegExp(`blob ${named[1]} .*damaged`));
  assert.match(bad.stderr, new RegExp(`blob ${named[2]} .*missing`));
  assert.match(bad.stderr, /2 of \d+ blobs are missing or damaged/);
});

const damaged = join(cluster.dir, 'damaged-blobs');

test('the same command again mends the folder', async () => {
  cpSync(kept, damaged, { recursive: true });
  const [, , hash] = [...scans.keys()];
  const bad = (await verify()).stderr.match(/blob (\w{64}) .*damaged/)[1];
  rmSync(keptFile(bad)); // of the right length: only reading tells
  const again = JSON.parse((await take('--force')).stdout);
  assert.deepEqual([again.blobs_brought, again.blobs_bad], [2, 0]);
  assert.ok(existsSync(keptFile(hash)));
  assert.equal((await verify()).code, 0);
});

test('restored on blank hosts: nothing without every blob, then each of them byte for byte', async () => {
  await Promise.all([1, 2, 4].map((id) => cluster.stop(id)));
  for (const id of [1, 2, 4]) rmSync(cluster.node(id).data, { recursive: true });
  const restore = (blobs) => cluster.tasuki(['restore', backup, '--config', cluster.node(1).conf, '--blobs', blobs, '--json']);
  const { data } = cluster.node(1);
  for (const blobs of [damaged, join(cluster.dir, 'no-such-folder')]) {
    const refused = await restore(blobs);
    assert.notEqual(refused.code, 0, refused.stderr);
    assert.match(refused.stderr, /missing or damaged|no-such-folder/);
    assert.deepEqual(existsSync(data) ? readdirSync(data) : [], [], 'nothing was written');
  }
  const done = await restore(kept);
  assert.equal(done.code, 0, done.stderr);
  const result = JSON.parse(done.stdout);
  assert.equal(result.blobs_brought, result.blobs);
  cluster.start(1);
  await cluster.ready(1);
  const [unnamed] = [...scans.keys()].slice(6, 7); // no batch names it, so no backup brought it
  scans.delete(unnamed);
  await until('it says what it holds', async () => {
    const { blob_nodes: nodes, short_blobs: short } = await stocks();
    return nodes.length === 1 && short.length > 0 && short.filter((row) => row.sha256 !== unnamed).every(({ copies }) => copies === 1);
  }, LONG);
  for (const hash of scans.keys()) assert.ok(await readBack(1, hash), hash);
  for (const id of [2, 4]) await joins(cluster, id);
  await until('none of them is short', async () => (await stocks()).short_blobs.every(({ sha256: hash }) => hash === unnamed), LONG);
  await allReadable([1, 2, 4]);
  await cluster.digestsAgree([1, 2, 4]);
});
