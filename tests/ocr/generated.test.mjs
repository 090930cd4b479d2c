// Sixty invented applications, good and bad, in layouts and fonts of every kind, read by
// the program in its sandbox and held against what was drawn.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = process.env.TASUKI_BUILD ?? join(TOP, 'build/test');

test('invented applications are judged as they were drawn', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-forms-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const made = spawnSync(join(BUILD, 'tests/ocr/make_forms'), ['--count', '60', '--seed', '3', '--bad', '0.4', dir], {
    // Pango's caches outlive the program: leaks there are not ours.
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
  });
  assert.equal(made.status, 0, String(made.stderr));
  const json = join(dir, 'figures.json');
  const run = spawnSync(process.execPath, [
    join(TOP, 'ops/bench.d/ocr.mjs'), dir, '--json', json, '--engine', '--binary', join(BUILD, 'tasuki-ocr'),
  ], { encoding: 'utf8' });
  const f = JSON.parse(readFileSync(json, 'utf8'));
  assert.equal(f.applications, 60, run.stderr);
  assert.equal(f.false_ok, 0, run.stdout);
  assert.equal(f.good_ng, 0, run.stdout);
  assert.ok(f.bad_reason_right >= 0.95 * f.bad_ng, run.stdout);
  // Sixty are few: the bounds of larger sets are in ops/docs/ocr.md.
  assert.ok(f.good_review + f.good_review_seal <= 0.25 * f.good, run.stdout);
  assert.ok(f.pages.form_cert_right >= 0.98 * f.pages.form_cert, run.stdout);
});
