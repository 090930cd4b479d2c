// From a folder of scans to the desk: intake, blobs on two nodes, jobs, workers that die,
// nodes that die, batches that come twice. Nothing is lost, nothing is judged twice.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { operator, operatorAgent, statusOf } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo, ROOT, sleep, until } from '../lib/demo.mjs';
import { EVIDENCE_MAGIC, Worker } from '../lib/farm.mjs';
import { request } from '../lib/http.mjs';

const port = Number(process.env.TASUKI_CLUSTER_PORT ?? 12600);
const cluster = await Cluster.make({ name: 'intake', port, binDir: process.env.TASUKI_BIN_DIR });
after(() => cluster.close());
for (const name of ['one', 'two']) await cluster.mustRun(join(ROOT, 'ops/pki'), ['worker', cluster.pki, '--name', name]);
for (const id of [1, 2, 3]) cluster.configure(id, [`worker_listen = 127.0.0.1:${port + 50 + id}`]);
await cluster.bootstrap();
await cluster.settled();

const bases = [1, 2, 3].map((id) => `https://127.0.0.1:${port + 50 + id}`);
const MAGIC = EVIDENCE_MAGIC;
const one = new Worker({ pki: cluster.pki, name: 'one', bases, magic: MAGIC });
const two = new Worker({ pki: cluster.pki, name: 'two', bases, magic: MAGIC });
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const folder = join(cluster.dir, 'scans');
mkdirSync(join(folder, 'B01'), { recursive: true });

const NUMBERS = ['7000012050002', '4000012090001', '1180301018771'];
async function apply(n, options = {}) {
  const answer = await operator(1, 'POST', '/v1/applications', {
    application_id: `P26${n}`,
    kind: 'corporation',
    profile: {
      corporate_number: NUMBERS[n % 3], name: '襷株式会社', address1: '東京都港区芝公園１丁目１番１号', rep_last_nm: '山本', rep_first_nm: '千尋',
      birthday_ymd: `1990010${1 + n}`, email: `applicant-${n}@example.test`,
    },
    ...options,
  });
  assert.equal(answer.status, 200, answer.answer.body);
  return answer.json.application_id;
}
const stock = async (state) => {
  const { json } = await operator(1, 'GET', '/v1/applications');
  return json.stocks.filter((row) => row.state === state).reduce((all, row) => all + row.count, 0);
};
const blobFile = (id, hash) => join(cluster.node(id).data, 'blobs', hash.slice(0, 2), hash);
const holders = (hash) => [1, 2, 3].filter((id) => existsSync(blobFile(id, hash)));

const scans = [1, 2].map(() => randomBytes(130000));
scans.forEach((bytes, i) => writeFileSync(join(folder, 'B01', `S000${i + 1}.tif`), bytes));
writeFileSync(join(folder, 'notes.txt'), 'no scan');

test('a folder is loaded; each scan stands on two nodes, sealed, before it counts', async () => {
  for (const n of [0, 1, 2]) await apply(n);
  const taken = await cluster.ask(['intake', folder, '--label', '朝の便', '--received-on', '2026-11-16', '--json']);
  assert.equal(taken.code, 0, taken.stderr);
  const result = JSON.parse(taken.stdout);
  assert.deepEqual([result.files, result.bundles, result.added, result.known, result.failed], [2, 2, 2, 0, 0]);
  assert.equal(result.not_taken.length, 1);
  for (const bytes of scans) {
    const at = holders(sha256(bytes));
    assert.ok(at.length >= 2, `two copies, found ${at}`);
    assert.equal(readFileSync(blobFile(at[0], sha256(bytes))).indexOf(bytes.subarray(0, 16)), -1, 'sealed');
  }
});

test('a batch that is loaded twice changes nothing', async () => {
  const before = (await operator(1, 'GET', '/v1/applications')).json;
  const again = await cluster.ask(['intake', folder, '--json', '--wait', '0']);
  assert.equal(again.code, 0, again.stderr);
  const result = JSON.parse(again.stdout);
  assert.deepEqual([result.added, result.known, result.failed], [0, 2, 0]);
  for (const wait of ['', 'x', '-1']) assert.equal((await cluster.ask(['intake', folder, `--wait=${wait}`])).code, 64, wait);
  assert.deepEqual((await operator(1, 'GET', '/v1/applications')).json, before);
});

test('pages are sorted by the worker that lives; what the dead one says is late', async () => {
  const dead = await one.lease();
  assert.match(dead.id, /^s/);
  assert.equal(sha256(await one.scan(dead.scans[0])), dead.scans[0].hash);
  const other = await two.lease(1);
  assert.notEqual(other.id, dead.id, 'nobody has it twice');
  const mine = dead.scans[0].hash === sha256(scans[0]) ? 'P260' : 'P261';
  const others = mine === 'P260' ? 'P261' : 'P260';
  const pages = (id) => [{ scan: 0, index: 0, kind: 'certificate' }, { scan: 0, index: 1, kind: 'form', id }];
  assert.equal((await two.result(other, 'REVIEW', { reasons: 1n << 32n, pages: pages(others), node: 1 })).status, 200);
  assert.equal((await two.result(dead, 'REVIEW', { reasons: 1n << 32n, pages: pages(mine) })).status, 409, "another one's job");
  assert.equal((await one.result(dead, 'REVIEW', { reasons: 1n << 32n, pages: pages(mine), node: 2 })).status, 200, 'through another node');
  assert.equal((await one.result(dead, 'REVIEW', { reasons: 1n << 32n, pages: pages(mine) })).status, 200, 'said again: the same answer');
  await until('both are waiting', async () => (await stock('waiting')) === 2);
});

test('the record comes opened to the worker, and one verdict counts', async () => {
  const job = await one.lease();
  assert.match(job.id, /^rP26[01]$/);
  assert.equal(job.record.company, '襷株式会社');
  assert.equal(job.record.name, '山本 千尋');
  assert.match(job.record.birthDate, /^1990-01-0[12]$/);
  assert.equal(job.record.receivedOn, '2026-11-16');
  assert.equal(job.scans.length, 1);
  assert.equal((await one.result(job, 'OK')).status, 200);
  assert.equal((await one.result(job, 'NG', { reasons: 1 })).status, 200, 'repeated: nothing changes');
  await until('one at the desk', async () => (await stock('staff')) === 1);
  assert.equal(await stock('approved'), 0, 'no machine approves');
  assert.equal(await stock('denied'), 0);
});

test('a node is killed in mid-upload: what was not acknowledged is sent anew', async () => {
  const bytes = randomBytes(150000);
  const hash = sha256(bytes);
  const put = (id, index) =>
    request({ name: 'operator', base: demo().nodes[id - 1].operator }, 'POST', `/v1/blobs/part?sha256=${hash}&size=${bytes.length}&index=${index}`, {
      agent: operatorAgent(),
      body: bytes.subarray(index * 49152, (index + 1) * 49152),
    });
  assert.equal((await put(2, 0)).status, 200);
  await cluster.kill(2);
  cluster.start(2);
  await cluster.ready(2);
  const early = await request({ name: 'operator', base: demo().nodes[1].operator }, 'POST', `/v1/blobs/commit?sha256=${hash}&size=${bytes.length}`, { agent: operatorAgent(), body: '{}' });
  assert.equal(early.status, 409, 'half of it is not received');
  for (const index of [3, 0, 2, 1]) assert.equal((await put(2, index)).status, 200);
  const done = await request({ name: 'operator', base: demo().nodes[1].operator }, 'POST', `/v1/blobs/commit?sha256=${hash}&size=${bytes.length}`, { agent: operatorAgent(), body: '{}' });
  assert.equal(done.status, 200, done.body);
  assert.ok(holders(hash).length >= 2);
});

test('a rotten blob is found, and fetched again', async () => {
  const hash = sha256(scans[0]);
  const [id] = holders(hash);
  const file = blobFile(id, hash);
  const whole = readFileSync(file);
  const rotten = Buffer.from(whole);
  rotten[whole.length >> 1] ^= 1;
  writeFileSync(file, rotten);
  await until('it is whole again', async () => existsSync(file) && (await one.scan({ hash, size: scans[0].length }, id - 1))?.equals(scans[0]), { timeout: 60000, every: 200 });
  rmSync(file);
  await until('a lost one, too', async () => existsSync(file), { timeout: 60000, every: 200 });
  await until('none is short', async () => (await operator(1, 'GET', '/v1/applications')).json.blobs_short === 0, { timeout: 30000 });
});

test('nodes agree on all of it', async () => {
  await cluster.digestsAgree([1, 2, 3]);
  assert.ok(readdirSync(join(cluster.node(1).data, 'blobs')).length > 1);
  await sleep(10);
  assert.ok((await statusOf(1)).applied_index > 0);
});
