// Each module of the list has its test, and the judge of the results is right itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences, loadExpected, loadList, loadPlans } from './lib/list.mjs';
import { exitCode, judge, markdown } from './lib/report.mjs';

test('a test for each module of each plan', async () => {
  assert.deepEqual(differences(await loadPlans()), []);
  assert.ok(Object.keys(loadList()).length >= 2);
});

test('what is missing, double or unknown is found', () => {
  const run = () => {};
  const plan = (wanted, names) => [{ name: 'p', wanted, tests: names.map((name) => ({ name, run })) }];
  assert.deepEqual(differences(plan(['a'], ['a']), {}), []);
  assert.match(differences(plan(['a', 'b'], ['a']), {}).join(), /no test of b/);
  assert.match(differences(plan(['a'], ['a', 'b']), {}).join(), /b is not in/);
  assert.match(differences(plan(['a'], ['a', 'a']), {}).join(), /a twice/);
  assert.match(differences(plan(['a'], ['a']), { p: { z: 'x' } }).join(), /z is no module/);
  assert.match(differences([{ name: 'p', wanted: ['a'], tests: [{ name: 'a' }] }], {}).join(), /cannot be run/);
});

test('a module fails with one of its variants, and known failures must fail', () => {
  const row = (verdict, name = 'm', variant = undefined) => ({ plan: 'p', name, verdict, variant, reason: verdict === 'failed' ? 'why' : '' });
  const one = (rows, expected = {}) => judge(rows, expected)[0];
  assert.equal(one([row('passed', 'm', 'a'), row('failed', 'm', 'b')]).verdict, 'failed');
  assert.equal(one([row('passed', 'm', 'a'), row('skipped', 'm', 'b')]).verdict, 'passed');
  assert.equal(one([row('skipped')]).verdict, 'skipped');
  assert.equal(exitCode(judge([row('passed')], {})), 0);
  assert.equal(exitCode(judge([row('failed')], {})), 1);
  assert.equal(exitCode(judge([row('failed')], { p: { m: 'not built' } })), 0);
  assert.equal(exitCode(judge([row('passed')], { p: { m: 'not built' } })), 1, 'it has to be taken from the list');
  assert.equal(exitCode(judge([row('skipped')], { p: { m: 'not built' } })), 1);
  assert.equal(exitCode([]), 1, 'nothing was run');
  assert.match(markdown(judge([row('failed')], {}), [row('failed')]), /\| p \| `m` \| failed \|/);
  assert.equal(Object.values(loadExpected()).every((modules) => Object.values(modules).every((why) => why.length > 5)), true);
});
