// SECURITY_CHECKS E14, G13: files from outside, on their way to the reader and in it; and
// the drill tool, which must not hurt what it was not made for.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { operatorAgent } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo, ROOT, until } from '../lib/demo.mjs';
import { request } from '../lib/http.mjs';
import { ready } from '../lib/leader.mjs';

// The programs that are looked at, for weaken.mjs.
export const programs = { reader: () => [join(demo().binDir, 'tasuki-ocr'), ['read', '--batch']], drill: () => join(demo().binDir, 'chaos/drill/tasuki-chaos') };

const CHUNK = 49152;
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const is4xx = (answer, what) => assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${answer.body.slice(0, 80)}`);

check('E14', 'uploads: bounded, what they say they are, under no name of their own', async ({ target }) => {
  const send = (path, body = '{}') => request({ name: 'operator', base: target.operator }, 'POST', path, { agent: operatorAgent(), body, timeout: 30000 });
  const bytes = randomBytes(2 * CHUNK + 100);
  const hash = sha256(bytes);
  const part = (index, body = bytes.subarray(index * CHUNK, (index + 1) * CHUNK), more = {}) =>
    send(`/v1/blobs/part?${new URLSearchParams({ sha256: hash, size: bytes.length, index, ...more })}`, body);
  is4xx(await part(0, undefined, { size: 1 << 30 }), '1 GiB');
  is4xx(await part(0, undefined, { size: '99999999999999999999' }), 'a size of 20 digits');
  is4xx(await part(0, undefined, { size: -1 }), 'a negative size');
  is4xx(await part(99999), 'a part beyond the end');
  is4xx(await part(0, bytes), 'a part that is longer than parts are');
  is4xx(await part(0, Buffer.alloc(10)), 'a part that is shorter');
  for (const name of ['../../../../etc/passwd', `${hash}/../x`, `${hash.slice(0, 62)}..`, `${hash}\0`, 'x'.repeat(5000), ''])
    is4xx(await part(0, undefined, { sha256: name }), `a name ${JSON.stringify(name.slice(0, 30))}`);
  const commit = (of = hash, size = bytes.length) => send(`/v1/blobs/commit?sha256=${of}&size=${size}`);
  is4xx(await commit(), 'before it has come');
  for (const index of [0, 1, 2]) assert.equal((await part(index, index === 1 ? Buffer.alloc(CHUNK) : undefined)).status, 200);
  is4xx(await commit(), 'other bytes than it says');
  for (const index of [2, 0, 1]) assert.equal((await part(index)).status, 200);
  const done = await commit();
  assert.equal(done.status, 200, done.body);
  for (const node of demo().nodes) assert.ok(await ready(node), node.name);
}, { targets: 'nodes', timeout: 120000 });

check('E14', 'workers: with a certificate of theirs, their own jobs, bounded results', async ({ target }) => {
  const base = target.worker ?? demo().env[`TASUKI_WORKER_${target.id}`];
  const at = { name: 'worker', base };
  const pair = (stem) => ({ cert: readFileSync(demo().need(`TASUKI_${stem}_CERT`)), key: readFileSync(demo().need(`TASUKI_${stem}_KEY`)) });
  const call = (method, path, body, tls = pair('WORKER')) =>
    request(at, method, path, { fresh: true, tls, ...(body === undefined ? {} : { body }), timeout: 20000 }).catch((error) => ({ status: 0, body: error.message, error }));
  const nothing = await call('POST', '/v1/jobs/lease', '');
  assert.ok([200, 204].includes(nothing.status), `a worker asks: ${nothing.status} ${nothing.body}`);
  for (const [who, tls] of Object.entries({ nobody: {}, 'an operator': pair('OPERATOR') })) {
    const answer = await call('POST', '/v1/jobs/lease', '', tls);
    assert.ok(answer.status === 0 || [400, 401, 403].includes(answer.status), `${who}: ${answer.status}`);
  }
  for (const name of ['../../etc/passwd', 'x', 'A'.repeat(64), '0'.repeat(64)]) is4xx(await call('GET', `/v1/jobs/blob?sha256=${encodeURIComponent(name)}&index=0`), `a blob ${name.slice(0, 20)}`);
  const result = (id, attempt = 1) => {
    const head = Buffer.alloc(7 + id.length + 4);
    head.writeUInt32LE(0x45524f54, 0);
    head.writeUInt16LE(1, 4);
    head.writeUInt8(id.length, 6);
    head.write(id, 7, 'latin1');
    head.writeUInt32LE(attempt, 7 + id.length);
    return Buffer.concat([head, Buffer.from([1]), Buffer.alloc(8), Buffer.from([1, 0, 0, 0, 3, 0, 0, 0, 0, 0])]);
  };
  for (const id of ['rP269999999', 's0', `r${'x'.repeat(200)}`, '../x', '']) is4xx(await call('POST', '/v1/jobs/result', result(id)), `the result of ${id.slice(0, 12)}`);
  for (const bytes of [Buffer.alloc(0), randomBytes(100), Buffer.alloc(60000, 255), Buffer.concat([result('rP261'), Buffer.alloc(10)])]) is4xx(await call('POST', '/v1/jobs/result', bytes), `${bytes.length} bytes`);
  const huge = await call('POST', '/v1/jobs/result', Buffer.alloc(8 << 20));
  assert.ok(huge.status === 0 || (huge.status >= 400 && huge.status < 500), `8 MiB: ${huge.status}`);
  for (const node of demo().nodes) assert.ok(await ready(node), node.name);
}, { targets: 'nodes', timeout: 120000 });

function tiff(width, height, compression, strip) {
  const tags = [[256, 4, width], [257, 4, height], [258, 3, 8], [259, 3, compression], [262, 3, 1], [273, 4, 8], [277, 3, 1], [278, 4, height], [279, 4, strip.length]];
  const ifd = Buffer.alloc(2 + tags.length * 12 + 4);
  ifd.writeUInt16LE(tags.length, 0);
  tags.forEach(([tag, type, value], i) => {
    ifd.writeUInt16LE(tag, 2 + i * 12);
    ifd.writeUInt16LE(type, 4 + i * 12);
    ifd.writeUInt32LE(1, 6 + i * 12);
    ifd.writeUInt32LE(value, 10 + i * 12);
  });
  const head = Buffer.from('II*\0\0\0\0\0', 'latin1');
  head.writeUInt32LE(8 + strip.length, 4);
  return Buffer.concat([head, strip, ifd]);
}
function jpeg(width, height, exif = Buffer.alloc(0)) {
  const b = Buffer.from('ffd8ffc0000b080000000001011100ffda0008010100003f00', 'hex');
  b.writeUInt16BE(height, 7);
  b.writeUInt16BE(width, 9);
  return exif.length === 0 ? b : Buffer.concat([b.subarray(0, 2), Buffer.from([0xff, 0xe1, (exif.length + 2) >> 8, (exif.length + 2) & 255]), exif, b.subarray(2)]);
}
const XXE = '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>';

check('E14', 'the reader: hostile files end in review, in bounded time, and give nothing away', async ({ note }) => {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-e14-'));
  try {
    const bomb = deflateSync(Buffer.alloc(64 << 20));
    const cases = {
      'svg with an entity': Buffer.from(XXE), 'html': Buffer.from('<html><script>'), 'a zip': Buffer.concat([Buffer.from('PK\u0003\u0004'), randomBytes(500)]), 'a bomb in a TIFF': tiff(8000, 8000, 8, bomb),
      '50,000 by 50,000 (JPEG)': jpeg(50000, 50000), '50,000 by 50,000 (TIFF)': tiff(50000, 50000, 1, Buffer.alloc(16)), 'EXIF': jpeg(10, 10, Buffer.concat([Buffer.from('Exif\0\0II*\0\xff\xff\xff\x7f', 'latin1'), randomBytes(400)])),
      'TIFF and PDF': Buffer.concat([Buffer.from('II*\0'), Buffer.from('%PDF-1.4\n'), Buffer.alloc(500, 255)]), 'PDF and HTML': Buffer.from('%PDF-1.7\n<script>alert(1)</script>\n1 0 obj<</Type/Catalog/OpenAction<</S/Launch/F(/bin/sh)>>>>endobj\ntrailer<</Root 1 0 R>>'),
      nothing: Buffer.alloc(0), 'random bytes': randomBytes(20000),
    };
    const record = { application_id: 'P268100000', corporate_number: '7000012050002', company: '株式会社みほん', address: '東京都', title: '代表取締役', name: '山本 千尋', birth_date: '1990-10-06', received_on: '2026-11-16' };
    const lines = Object.entries(cases).map(([name, bytes], i) => {
      const file = join(dir, `scan-${i}`);
      writeFileSync(file, bytes);
      assert.ok(name);
      return JSON.stringify({ ...record, files: [file] });
    });
    const [program, args] = programs.reader();
    const before = readdirSync(dir).length;
    const run = spawnSync(program, args, { input: `${lines.join('\n')}\n`, encoding: 'utf8', timeout: 300000, maxBuffer: 16 << 20 });
    const got = run.stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
    assert.equal(got.length, lines.length, `each is answered: ${run.stderr.slice(-300)}`);
    Object.keys(cases).forEach((name, i) => {
      assert.notEqual(got[i].verdict, 'OK', name);
      assert.ok(got[i].reasons?.length > 0, `${name}: it says why`);
    });
    assert.ok(!/root:.*:0:0:/.test(run.stdout + run.stderr), 'no file of the machine');
    assert.equal(readdirSync(dir).length, before, 'nothing is written beside');
    note(`${lines.length} files`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}, { targets: 'once', weaken: true, timeout: 400000 });

// The processes whose command line has the text.
const processesOf = (text) =>
  readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text) && !/ Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      return false;
    }
  });

check('G13', 'drills: not for another environment, and over when their controller is killed', async ({ note }) => {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-g13-'));
  const program = programs.drill();
  try {
    const plan = readFileSync(join(ROOT, 'chaos/drills/leader_loss.yaml'), 'utf8');
    const file = join(dir, 'drill.yaml');
    const run = (text, ...more) => {
      writeFileSync(file, text);
      return spawnSync(program, ['run', file, '--dir', join(dir, 'out'), '--bin', demo().binDir, '--root', ROOT, ...more], { encoding: 'utf8', timeout: 120000 });
    };
    for (const environment of ['production', 'staging']) {
      const labelled = plan.replace('x-lab: {}', `x-lab: {environment: ${environment}}`);
      for (const more of [[], ['--environment', 'demo'], ['--environment', `${environment}x`]]) {
        const refused = run(labelled, ...more);
        assert.ok([64, 65].includes(refused.status), `${environment} ${more}: exit ${refused.status} ${refused.stderr.slice(-200)}`);
        assert.ok(!existsSync(join(dir, 'out', 'node-1')), 'nothing was made');
      }
    }
    // It makes its own cluster: there is no way to name another one.
    const help = spawnSync(program, ['run', '--help'], { encoding: 'utf8' });
    assert.doesNotMatch(help.stdout, /--(url|cluster|nodes|env-file|operator|target)\b/);
    const foreign = run(plan, '--url', demo().nodes[0].operator);
    assert.equal(foreign.status, 64, 'an option that there is not');
    // Killed in the middle: machines, faults and load end, without anybody's help.
    writeFileSync(file, plan.replace('before_s: 4', 'before_s: 60'));
    const out = join(dir, 'killed');
    let child;
    let ended;
    const begin = () => {
      child = spawn(program, ['run', file, '--dir', out, '--bin', demo().binDir, '--root', ROOT], { stdio: 'ignore', detached: true });
      ended = new Promise((done) => child.on('exit', (code) => done(code)));
    };
    begin();
    await until('its nodes run', () => {
      if (child.exitCode === 75) begin(); // another drill runs on this machine: one at a time
      return processesOf(out).length >= 4;
    }, { timeout: 300000, every: 1000 }).catch(() => assert.fail(`no drill came up: exit ${child.exitCode}`));
    const ran = processesOf(out).length;
    process.kill(child.pid, 'SIGKILL');
    await ended;
    await until('all of it has ended', () => processesOf(out).length === 0, { timeout: 60000, every: 200 }).catch(() => assert.fail(`${processesOf(out).length} processes are left`));
    for (const node of demo().nodes) assert.ok(await ready(node), `${node.name}: the demo was not touched`);
    note(`${ran} processes ended with it`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}, { targets: 'once', weaken: true, timeout: 400000 });
