// The form that the server prints, sealed, scanned with all that scanners do to paper, and
// read back: whose it is by its code and by its text, and what its applicant typed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = process.env.TASUKI_BUILD ?? join(TOP, 'build/test');

// Sets of forms, each with the options that made it, read by one program: what it takes to
// start is most of this test's time.
function readBack(t, sets, sorting = false) {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-paper-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const records = sets.flatMap((options, i) => {
    mkdirSync(join(dir, `${i}`));
    const made = spawnSync(join(BUILD, 'tests/ocr/scan_paper'), [...options, join(dir, `${i}`)], {
      encoding: 'utf8',
      // Pango's caches outlive the program: leaks there are not ours.
      env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
    });
    assert.equal(made.status, 0, made.stderr);
    return made.stdout.trim().split('\n').map((line) => ({ ...JSON.parse(line), options }));
  });
  const lines = records.flatMap(({ options, ...record }) => [record, ...(sorting ? [{ ...record, application_id: '-' }] : [])]);
  // Without the sandbox, whose limit of time a busy machine would reach.
  const read = spawnSync(join(BUILD, 'tasuki-ocr'), ['read', '--batch', '--no-sandbox'], {
    encoding: 'utf8', input: lines.map((line) => `${JSON.stringify(line)}\n`).join(''), maxBuffer: 1 << 26,
  });
  assert.equal(read.status, 0, read.stderr);
  const evidence = read.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(evidence.length, lines.length);
  const each = sorting ? 2 : 1;
  return records.map((record, i) => ({ record, ...evidence[i * each], sorted: evidence[i * each + 1] }));
}
const field = (one, name) => one.fields.find((f) => f.field === name);
const plain = (text) => text.replaceAll(/\s/g, '');
const whyOf = (one) => `${one.record.options.join(' ')} ${one.record.application_id}: ${one.verdict} ${one.reasons} ${JSON.stringify(one.fields)}`;

test('whose it is, number, name and birth date agree on every form', (t) => {
  for (const one of readBack(t, [['--count', '4', '--seed', '5']])) {
    const why = whyOf(one);
    assert.deepEqual(one.pages.map(({ kind }) => kind), ['form', 'certificate'], why);
    assert.equal(one.form_version, 400, why);
    assert.equal(field(one, 'application_id').text, one.record.application_id, why);
    assert.equal(field(one, 'form_number').text, one.record.corporate_number, why);
    assert.equal(field(one, 'form_name').text, plain(one.record.name), why);
    assert.equal(one.verdict, 'OK', why);
  }
});

// Upside down, stained, streaked, noisy, and with something stuck over the code.
test('scanned badly, and without its code, it is still its applicant\'s', (t) => {
  const sets = [8, 9, 10].flatMap((seed) => [
    ['--count', '1', '--seed', `${seed}`, '--hard'],
    ['--count', '1', '--seed', `${seed}`, '--hard', '--no-code'],
  ]);
  for (const one of readBack(t, sets, true)) {
    const why = whyOf(one), covered = one.record.options.includes('--no-code');
    assert.deepEqual(one.pages.map(({ kind, turn }) => [kind, turn]), [['form', 180], ['certificate', 0]], why);
    assert.equal(one.form_version, covered ? 0 : 400, why);
    assert.equal(field(one, 'application_id').verdict, 'agrees', why);
    assert.equal(field(one.sorted, 'application_id')?.text, one.record.application_id, `${why} sorted: ${JSON.stringify(one.sorted.fields)}`);
    // A person may have to look at what is so dirty; nothing may be held against anybody.
    assert.notEqual(one.verdict, 'NG', why);
    for (const { field: name, verdict } of one.fields) assert.notEqual(verdict, 'differs', `${name}: ${why}`);
    for (const name of ['form_number', 'form_name', 'form_birth']) assert.equal(field(one, name)?.verdict, 'agrees', `${name}: ${why}`);
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
