// A check that cannot fail is worthless: behind a proxy that weakens one answer, the
// check of that id must turn red; behind one that changes nothing it must be green.
process.env.TASUKI_COLLECT_CHECKS = '1';
process.env.TASUKI_TIMING_SAMPLES ??= '180';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

const { registry, table } = await import('../lib/checks.mjs');
for (const file of ['a_authorize', 'a_request', 'b_proof', 'b_token', 'c_keys', 'd_login', 'e_account', 'e_factor', 'e_recover', 'f_pages', 'f_parties', 'g_http', 'p_devices']) await import(`./${file}.test.mjs`);
const { pipe, proxy, weaknesses } = await import('./weaken.mjs');
const { demo } = await import('../lib/demo.mjs');
const { whole } = await import('../lib/leader.mjs');

const OF_BYTES = new Set(['A22', 'D06', 'G01', 'G04', 'G05']);
const rows = [];
const only = (process.env.TASUKI_CHECKS ?? '').split(',').filter(Boolean);
const wanted = weaknesses.filter((w) => only.length === 0 || only.includes(w.id));
const checksOf = (id) => registry.filter((c) => c.id === id && c.options.targets !== 'once');

async function verdict(id, target) {
  for (const { body } of checksOf(id)) {
    try {
      await body({ target, others: demo().nodes.filter((n) => n.id !== target.id), note: () => {} });
    } catch (error) {
      return error;
    }
  }
  return null;
}

await whole();

for (const id of new Set(wanted.map((w) => w.id))) {
  test(`${id} is green behind a proxy that changes nothing`, { timeout: 180000 }, async () => {
    assert.ok(checksOf(id).length > 0, 'there is such a check');
    const { target, close } = await (OF_BYTES.has(id) ? pipe : proxy)(demo().nodes[0]);
    try {
      const error = await verdict(id, target);
      rows.push([id, '(nothing)', error ? 'RED' : 'green']);
      if (error) throw error;
    } finally {
      close();
    }
  });
}

for (const weakness of wanted) {
  test(`${weakness.id} turns red: ${weakness.what}`, { timeout: 180000 }, async () => {
    const { target, close } = await proxy(demo().nodes[0], weakness);
    const disarm = weakness.arm?.();
    try {
      const error = await verdict(weakness.id, target);
      rows.push([weakness.id, weakness.what, error ? 'red' : 'GREEN', error ? error.message.split('\n')[0].slice(0, 100) : '']);
      assert.ok(error, 'the check stays green');
      assert.match(error.code ?? '', /^ERR_(ASSERTION|JOSE_\w+|JWS_\w+|JWT_\w+)$/, `red by an assertion, not by an accident: ${error.stack}`);
    } finally {
      disarm?.();
      close();
    }
  });
}

after(() => console.log(`\n${table([['id', 'weakened', 'verdict', 'what the check says'], ...rows])}`));
