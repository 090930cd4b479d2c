// A check that cannot fail is worthless: behind a proxy that weakens one answer, the
// check of that id must turn red; behind one that changes nothing it must be green.
process.env.TASUKI_COLLECT_CHECKS = '1';
process.env.TASUKI_TIMING_SAMPLES ??= '180';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

const { keepResults, registry, table } = await import('../lib/checks.mjs');
for (const file of ['a_authorize', 'a_request', 'b_proof', 'b_token', 'c_keys', 'd_login', 'e_account', 'e_factor', 'e_recover', 'e_scan', 'f_pages', 'f_parties', 'g_console', 'g_http', 'g_transport', 'p_devices']) await import(`./${file}.test.mjs`);
const { weaknesses } = await import('./weaken.mjs');
const { pipe, proxy, tunnel } = await import('./weaken_front.mjs');
const { demo } = await import('../lib/demo.mjs');
const { whole } = await import('../lib/leader.mjs');
const { consoles } = await import('../lib/staff.mjs');

const rows = [];
const only = (process.env.TASUKI_CHECKS ?? '').split(',').filter(Boolean);
const letters = process.env.TASUKI_WEAKEN ?? 'ABCDEFGP'; // of the checks that are looked at
const wanted = weaknesses.filter((w) => letters.includes(w.id[0]) && (only.length === 0 || only.includes(w.id)));
const checksOf = (id) => registry.filter((c) => c.id === id && (c.options.targets !== 'once' || c.options.weaken));

// Of bytes: what passes must not be read. Of TLS: it must not end in between.
const OF_BYTES = new Set(['A22', 'D06', 'G01', 'G04', 'G05']);
const OF_TLS = new Set(['G02', 'G03', 'G07', 'G09']);
const plain = (id) => (OF_TLS.has(id) ? tunnel : OF_BYTES.has(id) ? pipe : proxy);

function nodeFor({ options }) {
  if (options.place === 'console') return consoles().nodes[0];
  return options.targets === 'balancer' ? demo().balancer : demo().nodes[0];
}

async function verdict(id, open) {
  for (const one of checksOf(id)) {
    const { target, close } = await open(nodeFor(one));
    try {
      await one.body({ target, others: demo().nodes.filter((n) => n.id !== target.id), note: () => {} });
    } catch (error) {
      return error;
    } finally {
      close();
    }
  }
  return null;
}

await whole();

for (const id of new Set(wanted.map((w) => w.id))) {
  test(`${id} is green behind a proxy that changes nothing`, { timeout: 300000 }, async () => {
    assert.ok(checksOf(id).length > 0, 'there is such a check');
    const error = await verdict(id, plain(id));
    rows.push([id, '(nothing)', error ? 'RED' : 'green']);
    if (error) throw error;
  });
}

for (const weakness of wanted) {
  test(`${weakness.id} turns red: ${weakness.what}`, { timeout: 300000 }, async () => {
    const disarm = weakness.arm?.();
    try {
      const error = await verdict(weakness.id, (node) => (weakness.front ?? proxy)(node, weakness));
      rows.push([weakness.id, weakness.what, error ? 'red' : 'GREEN', error ? error.message.split('\n')[0].slice(0, 100) : '']);
      assert.ok(error, 'the check stays green');
      assert.match(error.code ?? '', /^ERR_(ASSERTION|JOSE_\w+|JWS_\w+|JWT_\w+)$/, `red by an assertion, not by an accident: ${error.stack}`);
    } finally {
      disarm?.();
    }
  });
}

after(() => keepResults(rows.filter(([, weakened]) => weakened !== '(nothing)').map(([id, weakened, verdict]) => ({ id, weakened, verdict }))));
after(() => console.log(`\n${table([['id', 'weakened', 'verdict', 'what the check says'], ...rows])}`));
