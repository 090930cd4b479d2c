// The OCR farm at work: real workers, real scans. A node dies in the middle of an upload,
// workers die in the middle of a job, a batch is loaded twice, files are hostile, a worker
// of another environment comes by. Nothing is lost, nothing is judged twice.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { operator } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { ROOT, run, sleep, until } from '../lib/demo.mjs';
import { Worker } from '../lib/farm.mjs';

const port = Number(process.env.TASUKI_CLUSTER_PORT ?? 12600);
const bin = process.env.TASUKI_BIN_DIR;
const LONG = { timeout: 240000, every: 20 };
const cluster = await Cluster.make({ name: 'farm', port, binDir: bin, lines: ['job_lease_s = 20'] });
const workers = [];
after(async () => {
  for (const worker of workers) worker.child.kill('SIGKILL');
  await cluster.close();
});
for (const [name, environment] of [['one', 'demo'], ['test', 'verification'], ['prod', 'production']])
  await cluster.mustRun(join(ROOT, 'ops/pki'), ['worker', cluster.pki, '--name', name, '--environment', environment]);
for (const id of [1, 2, 3]) cluster.configure(id, [`worker_listen = 127.0.0.1:${port + 50 + id}`]);
await cluster.bootstrap();
await cluster.settled();
const bases = [1, 2, 3].map((id) => `https://127.0.0.1:${port + 50 + id}`);

// ---- the scans: five applications, of which the last one's second page is a monster

const folder = join(cluster.dir, 'forms');
const made = await run(join(bin, 'tests/ocr/make_forms'), ['--count', '5', '--seed', '33', '--bad', '0.4', folder], { timeout: 120000, env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });
assert.equal(made.code, 0, made.stderr);
const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')).applications;

// The JPEG streams of a TIFF as make_forms writes it: one strip a page.
function strips(tiff) {
  const out = [];
  for (let at = tiff.readUInt32LE(4); at !== 0;) {
    const tags = new Map(Array.from({ length: tiff.readUInt16LE(at) }, (_, i) => at + 2 + i * 12).map((e) => [tiff.readUInt16LE(e), tiff.readUInt32LE(e + 8)]));
    out.push(tiff.subarray(tags.get(273), tags.get(273) + tags.get(279)));
    at = tiff.readUInt32LE(at + 2 + tiff.readUInt16LE(at) * 12);
  }
  return out;
}
function monster() {
  const b = Buffer.from('ffd8ffc0000b080000000001011100ffda0008010100003f00', 'hex');
  b.writeUInt16BE(50000, 7);
  b.writeUInt16BE(50000, 9);
  return b;
}
const hostile = truth[4];
const whole = join(folder, hostile.files[0]);
const form = strips(readFileSync(whole))[hostile.pages.findIndex((page) => page.kind === 'form')];
rmSync(whole);
writeFileSync(join(folder, 'scans/H-1.jpg'), form);
writeFileSync(join(folder, 'scans/H-2.jpg'), monster());
writeFileSync(join(folder, 'scans/broken.pdf'), '%PDF-1.7\nand then nothing');

async function applyAll(applications) {
  for (const { record: r } of applications) {
    const [last, first = ''] = r.name.split(' ');
    const answer = await operator(1, 'POST', '/v1/applications', {
      application_id: r.application_id, kind: 'corporation', received_on: r.received_on,
      profile: {
        corporate_number: r.corporate_number, name: r.company, address1: r.address, rep_last_nm: last, rep_first_nm: first,
        birthday_ymd: r.birth_date.replaceAll('-', ''), email: `${r.application_id.toLowerCase()}@example.test`,
      },
    });
    assert.equal(answer.status, 200, answer.answer.body);
  }
}

// ---- workers

function startWorker(certificate = 'one', ...more) {
  const conf = join(cluster.dir, `worker-${certificate}.conf`);
  writeFileSync(conf, [`nodes = https://127.0.0.1:1 ${bases.join(' ')}`, `ca = ${cluster.pki}/ca.crt`, `cert = ${cluster.pki}/worker-${certificate}.crt`,
    `key = ${cluster.pki}/worker-${certificate}.key`, 'idle_ms = 100', 'time_limit_ms = 120000', 'memory_limit_mb = 1024', ''].join('\n'));
  const child = spawn(join(bin, 'tasuki-ocr'), ['run', '--config', conf, ...more], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });
  const worker = { child, out: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (worker.out += part));
  worker.ended = new Promise((done) => child.on('close', (code, signal) => done({ code, signal })));
  worker.done = () => worker.out.split('\n').filter((line) => line.includes('"ocr.done"')).map((line) => JSON.parse(line));
  workers.push(worker);
  return worker;
}
const jobs = async () => (await operator(1, 'GET', '/v1/applications')).json.jobs;
const leased = (n) => until(`${n} leased`, async () => (await jobs()).leased === n, LONG);
const idle = () => until('nothing is left to do', async () => { const j = await jobs(); return j.waiting + j.leased === 0; }, LONG);
async function found(id) {
  let json;
  await until(`evidence of ${id}`, async () => {
    for (const node of [1, 2, 3]) {
      ({ json } = await operator(node, 'POST', '/v1/applications/evidence', { application_id: id }));
      if (json.evidence) return true;
    }
    return false;
  }, LONG);
  return json;
}
async function judged() {
  const answer = await cluster.ask(['audit', 'search', '--event', 'ocr.result', '--json']);
  assert.equal(answer.code, 0, answer.stderr);
  return JSON.parse(answer.stdout).length;
}

test('a node is killed in the middle of an upload: the rest goes to the others, and all of it counts', async () => {
  await applyAll(truth);
  const parts = join(cluster.node(1).data, 'blobs/tmp');
  const loading = cluster.ask(['intake', join(folder, 'scans'), '--received-on', '2026-11-16', '--json']);
  for (let tries = 0; tries < 20000 && !(existsSync(parts) && readdirSync(parts).length > 0); tries++) await sleep(1);
  await cluster.kill(1);
  const taken = await loading;
  cluster.start(1);
  await cluster.ready(1);
  const again = taken.code === 0 ? taken : await cluster.ask(['intake', join(folder, 'scans'), '--received-on', '2026-11-16', '--json']);
  assert.equal(again.code, 0, again.stderr + again.stdout);
  const { bundles, failed, added, known } = JSON.parse(again.stdout);
  assert.deepEqual([bundles, failed, added + known], [6, 0, 6]);
});

test('workers are killed in the middle of jobs: others have them after the lease, and each verdict counts once', async () => {
  const first = startWorker();
  await leased(1);
  first.child.kill('SIGKILL');
  await first.ended;
  assert.equal((await jobs()).leased, 1, 'it is still leased to the dead one');
  const rest = [startWorker(), startWorker()];
  await idle();
  await until("the dead one's job was done by another", () => rest.some((worker) => worker.done().some((done) => done.attempt > 1)), LONG);
  for (const { record, expected } of truth.slice(0, 4)) {
    const { verdict, reasons } = await found(record.application_id);
    if (expected === 'NG') assert.notEqual(verdict, 'OK', `${record.application_id}: ${reasons}`);
    else assert.notEqual(verdict, 'NG', `${record.application_id}: ${reasons}`);
  }
  assert.equal(await judged(), 5, 'one verdict for each application');
});

test('a page of fifty thousand pixels a side goes with its application to a person', async () => {
  const { verdict, reasons, evidence } = await found(hostile.record.application_id);
  assert.equal(verdict, 'REVIEW');
  assert.ok(reasons.includes('image_too_large'), String(reasons));
  assert.equal(evidence.pages.length, 2, 'it has its place');
});

test('a file that is no scan is listed at once, and nobody is asked again and again', async () => {
  const taken = await cluster.ask(['intake', join(folder, 'scans'), '--json']);
  const { progress } = JSON.parse(taken.stdout);
  assert.deepEqual([progress.bundles, progress.sorted], [6, 6]);
  assert.deepEqual(progress.open.map(({ state, file }) => [state, file.replace(/^.*\//, '')]), [['unreadable', 'broken.pdf']]);
});

test('the batch is loaded twice: nothing is added, nothing is read again', async () => {
  const before = await operator(1, 'GET', '/v1/applications');
  const taken = await cluster.ask(['intake', join(folder, 'scans'), '--received-on', '2026-11-16', '--json']);
  const { added, known, failed } = JSON.parse(taken.stdout);
  assert.deepEqual([added, known, failed], [0, 6, 0]);
  await idle();
  assert.deepEqual((await operator(1, 'GET', '/v1/applications')).json, before.json);
  assert.equal(await judged(), 5);
});

test('a worker that is told to end does its job first', async () => {
  for (const worker of workers) worker.child.kill('SIGTERM');
  for (const worker of workers.slice(1)) assert.deepEqual(await worker.ended, { code: 0, signal: null }, worker.out);
  const more = join(cluster.dir, 'more');
  await run(join(bin, 'tests/ocr/make_forms'), ['--count', '1', '--seed', '34', '--bad', '0', more], { timeout: 120000, env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });
  const scans = join(more, 'scans');
  mkdirSync(join(scans, 'B'), { recursive: true });
  assert.equal((await cluster.ask(['intake', scans, '--json'])).code, 0);
  const worker = startWorker();
  await leased(1);
  worker.child.kill('SIGTERM');
  assert.deepEqual(await worker.ended, { code: 0, signal: null }, worker.out);
  assert.equal(worker.done().length, 1, worker.out);
  assert.equal(worker.done()[0].taken, true);
  assert.equal((await jobs()).leased, 0, 'nothing has to lapse');
});

test('what a worker cannot do it gives back, and it is offered again', async () => {
  const scans = join(cluster.dir, 'rotten');
  mkdirSync(scans);
  writeFileSync(join(scans, 'R.jpg'), Buffer.concat([form, Buffer.from('x')]));
  const taken = await cluster.ask(['intake', scans, '--json']);
  assert.equal(taken.code, 0, taken.stderr);
  const fake = new Worker({ pki: cluster.pki, name: 'one', bases, magic: '544f5245' });
  const job = await fake.lease();
  assert.equal((await fake.call('POST', `/v1/jobs/failed?job=${job.id}&attempt=${job.attempt}&why=no_room`, '')).status, 200);
  const next = startWorker();
  await idle();
  await until('the worker says so', () => next.done().length > 0, LONG);
  assert.equal(next.done()[0].job, job.id);
  assert.equal(next.done()[0].attempt, job.attempt + 1);
});

test('a worker of another environment is refused, though the authority is the same', async () => {
  for (const name of ['test', 'prod']) {
    const stranger = new Worker({ pki: cluster.pki, name, bases, magic: '544f5245' });
    await assert.rejects(stranger.lease(), undefined, name);
  }
  const worker = startWorker('test', '--once');
  assert.equal((await worker.ended).code, 1);
  assert.match(worker.out, /no node answered|refuses/);
});
