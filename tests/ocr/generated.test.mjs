// Invented applications, good and bad, in layouts, fonts and scanners' habits of every kind,
// read by the program in its sandbox and held against what was drawn.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = process.env.TASUKI_BUILD ?? join(TOP, 'build/test');
const COUNT = 32;

function makeForms(dir, args) {
  const made = spawnSync(join(BUILD, 'tests/ocr/make_forms'), [...args, dir], {
    // Pango's caches outlive the program: leaks there are not ours.
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
  });
  assert.equal(made.status, 0, String(made.stderr));
  return JSON.parse(readFileSync(join(dir, 'truth.json'), 'utf8'));
}

function score(dir) {
  const json = join(dir, 'figures.json');
  const run = spawnSync(process.execPath, [
    join(TOP, 'ops/bench.d/ocr.mjs'), dir, '--json', json, '--engine', '--no-sandbox', '--binary', join(BUILD, 'tasuki-ocr'),
  ], { encoding: 'utf8' });
  return { run, f: JSON.parse(readFileSync(json, 'utf8')) };
}

test('invented applications are judged as they were drawn', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-forms-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const truth = makeForms(dir, ['--count', String(COUNT), '--seed', '11', '--bad', '0.3', '--wide']);
  const kinds = new Set(truth.applications.flatMap(({ pages }) => pages.map(({ kind }) => kind)));
  assert.ok(kinds.has('two'), 'both papers on one sheet are among them: else another seed');
  const { run, f } = score(dir);
  assert.equal(f.applications, COUNT, run.stderr);
  assert.equal(f.false_ok, 0, run.stdout);
  assert.equal(f.good_ng, 0, run.stdout);
  assert.ok(f.bad_reason_right >= 0.95 * f.bad_ng, run.stdout);
  // They are few: the bounds of larger sets are in ops/docs/ocr.md.
  assert.ok(f.good_review + f.good_review_seal <= 0.25 * f.good, run.stdout);
  assert.ok(f.pages.form_cert_right >= 0.98 * f.pages.form_cert, run.stdout);
  // A cover letter through which the form's code shines is no form.
  assert.deepEqual(Object.keys(f.pages.confusion).filter((key) => key.endsWith('-> form')), ['form -> form']);
  assert.equal(f.pages.confusion['two -> unknown'], Object.values(truth.applications).filter(({ pages }) => pages[0].kind === 'two').length, run.stdout);
});

test('a tint that was dithered at 150 dpi does not hide what a page is', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-dither-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const truth = makeForms(dir, ['--count', '1', '--first', '9', '--seed', '51206', '--bad', '1', '--wide']);
  const { pages } = truth.applications[0];
  assert.deepEqual(pages.map(({ dpi, bits }) => [dpi, bits]), pages.map(() => [150, 2]), 'dithered: else another seed');
  const { run, f } = score(dir);
  assert.deepEqual(Object.keys(f.pages.confusion).sort(), ['certificate -> certificate', 'form -> form', 'registry -> registry'], run.stdout);
});
