// tasuki-check: exit codes, and what it says about a history.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { run, scratch } from '../ops/helper.mjs';

const CHECK = process.env.TASUKI_CHECK;
const take = (call_us, result) =>
  `${JSON.stringify({ model: 'once', key: 5, op: 'take', process: 3, call_us, ...(result === undefined ? {} : { return_us: call_us + 1, result }) })}\n`;

// Thirty writers at once, then two readers that saw two of them.
function tooHard() {
  const op = (i, kind, call_us, return_us, result) =>
    `${JSON.stringify({ model: 'register', key: 1, op: kind, argument: i + 1, call_us, return_us, result })}\n`;
  const writes = Array.from({ length: 30 }, (_, i) => op(i, 'write', i, 999, 1));
  return writes.join('') + op(0, 'read', 1000, 1001, 1) + op(0, 'read', 1002, 1003, 2);
}

test('a history that is linearizable', async () => {
  const { code, out, err } = await run(CHECK, ['-'], { input: take(1) + take(3, 1) + take(5, 0) });
  assert.equal(code, 0, err);
  assert.match(out, /^linearizable: 3 operations \(1 without answer\) on 1 objects/);
});

test('one that is not: which object, and the shortest beginning', async (t) => {
  const file = `${scratch(t)}/history`;
  writeFileSync(file, take(1, 1) + take(3, 1) + take(5, 0));
  const text = await run(CHECK, [file]);
  assert.equal(text.code, 1);
  assert.match(text.err, /once 5: not linearizable/);
  const { code, out } = await run(CHECK, ['--json', file]);
  const result = JSON.parse(out);
  assert.equal(code, 1);
  assert.equal(result.verdict, 'not linearizable');
  assert.equal(result.broken, 1);
  assert.deepEqual(result.findings.map(({ model, key }) => ({ model, key })), [{ model: 'once', key: 5 }]);
  assert.match(result.findings[0].text, /up to 0\.000004 s; the last of 2 operations/);
});

test('one that is given up is not called linearizable', async () => {
  const { code, out } = await run(CHECK, ['--json', '-'], { input: tooHard() });
  assert.equal(code, 2);
  assert.equal(JSON.parse(out).verdict, 'undecided');
});

test('bad input names the line', async (t) => {
  for (const [input, why] of [
    [`${take(1, 1)}{}\n`, /line 2: "key" must be a whole number/],
    [take(1, 1).trimEnd(), /line 1: cut short/],
    [`${take(1, 1)}${' '.repeat(5000)}\n`, /line 2: .*longer than/],
    ['\0\n', /line 1: /],
  ]) {
    const { code, err } = await run(CHECK, ['-'], { input });
    assert.equal(code, 65, err);
    assert.match(err, why);
  }
  assert.equal((await run(CHECK, [scratch(t)])).code, 65); // a folder
  assert.equal((await run(CHECK, ['/nonexistent'])).code, 66);
});

test('usage', async () => {
  const help = await run(CHECK, ['--help']);
  assert.equal(help.code, 0);
  assert.match(help.out, /usage: tasuki-check/);
  for (const args of [[], ['--frob', '-'], ['a', 'b']]) {
    assert.equal((await run(CHECK, args)).code, 64, args.join(' '));
  }
});
