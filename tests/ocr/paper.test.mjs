// The form that the server prints, sealed, scanned with all that scanners do to paper, and
// read back: whose it is by its code and by its text, and what its applicant typed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = process.env.TASUKI_BUILD ?? join(TOP, 'build/test');

function readBack(t, options) {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-paper-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const made = spawnSync(join(BUILD, 'tests/ocr/scan_paper'), [...options, dir], {
    encoding: 'utf8',
    // Pango's caches outlive the program: leaks there are not ours.
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
  });
  assert.equal(made.status, 0, made.stderr);
  const records = made.stdout.trim().split('\n').map((line) => JSON.parse(line));
  const read = spawnSync(join(BUILD, 'tasuki-ocr'), ['read', '--batch'], { encoding: 'utf8', input: made.stdout, maxBuffer: 1 << 26 });
  assert.equal(read.status, 0, read.stderr);
  const evidence = read.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(evidence.length, records.length);
  return records.map((record, i) => ({ record, ...evidence[i] }));
}
const field = (one, name) => one.fields.find((f) => f.field === name);
const plain = (text) => text.replaceAll(/\s/g, '');

test('whose it is, number, name and birth date agree on every form', (t) => {
  for (const one of readBack(t, ['--count', '4', '--seed', '5'])) {
    const why = `${one.record.application_id}: ${JSON.stringify(one.fields)}`;
    assert.deepEqual(one.pages.map(({ kind }) => kind), ['form', 'certificate'], why);
    assert.equal(one.form_version, 400, why);
    assert.equal(field(one, 'application_id').text, one.record.application_id, why);
    assert.equal(field(one, 'form_number').text, one.record.corporate_number, why);
    assert.equal(field(one, 'form_name').text, plain(one.record.name), why);
    assert.equal(one.verdict, 'OK', why);
  }
});

test('the font is embedded, as a subset', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-paper-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const made = spawnSync(join(BUILD, 'tests/ocr/scan_paper'), ['--print', join(dir, 'form.pdf')], { encoding: 'utf8', env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });
  assert.equal(made.status, 0, made.stderr);
  const pdf = readFileSync(join(dir, 'form.pdf'), 'latin1');
  assert.match(pdf, /^%PDF-/);
  assert.match(pdf, /\/BaseFont\s*\/[A-Z]{6}\+IPAexMincho/);
  assert.match(pdf, /\/FontFile/);
  assert.ok(pdf.length < 1 << 20, `${pdf.length} bytes`);
});
