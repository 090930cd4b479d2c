// tasuki-ocr run against a stand-in for a node that speaks the contract of lease.h: jobs
// and evidence as bytes, mutual TLS, a first node that is down, a file that is rotten.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = process.env.TASUKI_BUILD ?? join(TOP, 'build/test');

function openssl(dir, ...args) {
  const run = spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
}

function certificates(dir) {
  openssl(dir, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '2');
  for (const name of ['node', 'worker']) {
    openssl(dir, 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(dir, `${name}.ext`), 'subjectAltName=IP:127.0.0.1\n');
    openssl(dir, 'x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.pem`, '-days', '2', '-extfile', `${name}.ext`);
  }
}

const CHUNK = 48 * 1024;
const u16 = (v) => { const b = Buffer.alloc(2); b.writeUInt16LE(v); return b; };
const u32 = (v) => { const b = Buffer.alloc(4); b.writeUInt32LE(v); return b; };
const text = (s) => { const b = Buffer.from(s); return Buffer.concat([u16(b.length), b]); };

// wire/job_wire.c, written again from its header.
function jobBytes(id, record, files) {
  const scans = files.map((f) => Buffer.concat([createHash('sha256').update(f).digest(), u32(f.length), Buffer.from([1])]));
  return Buffer.concat([u32(0x4a524f54), u16(1), Buffer.from([id.length]), id, u32(3), u32(60000),
    ...['application_id', 'corporate_number', 'company', 'address', 'title', 'name', 'birth_date', 'received_on'].map((k) => text(record[k])),
    Buffer.from([scans.length]), ...scans]);
}

test('a worker leases, fetches, reads and returns', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-worker-'));
  t.after(() => rmSync(dir, { recursive: true }));
  certificates(dir);
  const made = spawnSync(join(BUILD, 'tests/ocr/make_forms'), ['--count', '2', '--seed', '8', '--bad', '0', dir], {
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
  });
  assert.equal(made.status, 0);
  const { applications } = JSON.parse(readFileSync(join(dir, 'truth.json'), 'utf8'));
  const scans = applications.map((a) => readFileSync(join(dir, a.files[0])));
  const jobs = applications.map((a, i) => jobBytes(Buffer.from([i + 1]), a.record, [scans[i]]));
  const rotten = createHash('sha256').update(scans[1]).digest('hex');
  const results = [];
  const server = createServer({
    ca: readFileSync(join(dir, 'ca.pem')), cert: readFileSync(join(dir, 'node.pem')),
    key: readFileSync(join(dir, 'node.key')), requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3',
  }, (req, res) => {
    const parts = [];
    req.on('data', (p) => parts.push(p));
    req.on('end', () => {
      const [, hash, index] = req.url.match(/^\/v1\/jobs\/blob\?sha256=([0-9a-f]{64})&index=(\d+)$/) ?? [];
      const chunk = (bytes) => bytes.subarray(index * CHUNK, (Number(index) + 1) * CHUNK);
      if (req.url === '/v1/jobs/lease') {
        const job = jobs.shift();
        res.writeHead(job ? 200 : 204).end(job);
      } else if (hash === rotten) {
        res.writeHead(200).end(chunk(Buffer.alloc(scans[1].length))); // as long, and not it
      } else if (hash) {
        res.writeHead(200).end(chunk(scans[0]));
      } else if (req.url === '/v1/jobs/result') {
        results.push(Buffer.concat(parts));
        res.writeHead(results.length === 1 ? 503 : 204).end(); // once more, please
      } else res.writeHead(404).end();
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  writeFileSync(join(dir, 'worker.conf'), `# a node that is down comes first
nodes = https://127.0.0.1:1 https://127.0.0.1:${server.address().port}
ca = ${dir}/ca.pem
cert = ${dir}/worker.pem
key = ${dir}/worker.key
`);
  const worker = spawn(join(BUILD, 'tasuki-ocr'), ['run', '--config', join(dir, 'worker.conf'), '--once']);
  let out = '';
  worker.stdout.on('data', (p) => { out += p; });
  worker.stderr.on('data', (p) => { out += p; });
  const code = await new Promise((done) => worker.on('close', done));
  assert.equal(code, 0, out);
  assert.match(out, /read 1, too late 0, failed 1/);
  assert.equal(results.length, 2);
  assert.deepEqual(results[0], results[1]); // the same result, not another reading
  const result = results[1];
  assert.equal(result.readUInt32LE(0), 0x45524f54);
  assert.deepEqual([...result.subarray(6, 8)], [1, 1]); // job 1, as leased
  assert.equal(result.readUInt32LE(8), 3); // and its attempt
});
