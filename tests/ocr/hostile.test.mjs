// Files that are no scans: each ends in REVIEW with its reason, and the worker goes on.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = process.env.TASUKI_BUILD ?? join(TOP, 'build/test');
const RECORD = {
  application_id: 'P268100000', corporate_number: '7000012050002', company: '株式会社みほん', address: '東京都',
  title: '代表取締役', name: '山本 千尋', birth_date: '1990-10-06', received_on: '2026-11-16',
};

// A classic little-endian TIFF of one strip.
function tiff(width, height, compression, strip) {
  const tags = [[256, 4, width], [257, 4, height], [258, 3, 8], [259, 3, compression], [262, 3, 1],
    [273, 4, 8], [277, 3, 1], [278, 4, height], [279, 4, strip.length]];
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

// SOI, SOF0 of the size, then nothing.
function jpegHeader(width, height) {
  const b = Buffer.from('ffd8ffc0000b080000000001011100ffda0008010100003f00', 'hex');
  b.writeUInt16BE(height, 7);
  b.writeUInt16BE(width, 9);
  return b;
}

test('hostile files end in review, one after another in one worker', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-hostile-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const made = spawnSync(join(BUILD, 'tests/ocr/make_forms'), ['--count', '1', '--seed', '5', '--bad', '0', join(dir, 'good')], {
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
  });
  assert.equal(made.status, 0);
  const good = readFileSync(join(dir, 'good/scans/S00000.tif'));
  const directory = tiff(100, 100, 1, Buffer.alloc(10000, 255));
  directory.writeUInt32LE(directory.readUInt32LE(4), directory.length - 4); // next IFD: itself
  const cases = {
    empty: [Buffer.alloc(0), 'image_unknown'],
    text: [Buffer.from('<html>'), 'image_unknown'],
    truncated: [good.subarray(0, good.length >> 1), 'image_broken'],
    'wide.jpg': [jpegHeader(50000, 50000), 'image_too_large'],
    'wide.tif': [tiff(50000, 50000, 1, Buffer.alloc(16)), 'image_too_large'],
    'bomb.tif': [tiff(6000, 6000, 8, Buffer.alloc(64)), 'image_broken'],
    'loop.tif': [directory, /image_broken|image_too_large/],
    'polyglot.tif': [Buffer.concat([Buffer.from('II*\0'), Buffer.from('%PDF-1.4\n'), Buffer.alloc(500, 0xff)]), 'image_broken'],
    'broken.pdf': [Buffer.from('%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>'), /image_broken|form_missing/],
  };
  const lines = Object.entries(cases).map(([name, [bytes]]) => {
    writeFileSync(join(dir, name), bytes);
    return JSON.stringify({ ...RECORD, files: [join(dir, name)] });
  });
  const run = spawnSync(join(BUILD, 'tasuki-ocr'), ['read', '--batch'], {
    input: `${lines.join('\n')}\n`, encoding: 'utf8',
  });
  const got = run.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(got.length, lines.length, run.stderr);
  Object.entries(cases).forEach(([name, [, want]], i) => {
    const { verdict, reasons } = got[i];
    assert.notEqual(verdict, 'OK', name);
    assert.match(reasons.join(' '), want instanceof RegExp ? want : new RegExp(want), name);
    if (!(want instanceof RegExp)) assert.equal(verdict, 'REVIEW', `${name}: ${reasons}`);
  });
});
