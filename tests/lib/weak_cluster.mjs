// Checks on a cluster of their own, each with what must turn it red: registered with
// node:test, with a table at the end. A check is { id, what, body }, a weakness { id, what,
// about?, ...hooks }; `body(hooks)` gets the hooks of the weakness, or {}.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { keepResults, table } from './checks.mjs';

export function prove(checks, weaknesses, { timeout = 240000, before = async () => {} } = {}) {
  const rows = [];
  const only = (process.env.TASUKI_CHECKS ?? '').split(',').filter(Boolean);
  after(() => keepResults(rows.map(([id, weakened, verdict, what]) => ({ id, verdict, ...(weakened === '(nothing)' ? { what } : { weakened }) }))));
  after(() => console.log(`\n${table([['id', 'weakened', 'verdict', 'what'], ...rows])}`));
  const verdict = async (body, hooks) => {
    await before();
    try {
      await body(hooks, (text) => (hooks.note = text));
      return null;
    } catch (error) {
      return error;
    }
  };
  for (const { id, what, body } of checks) {
    if (only.length > 0 && !only.includes(id)) continue;
    test(`${id} ${what}`, { timeout }, async () => {
      const hooks = {};
      const error = await verdict(body, hooks);
      rows.push([id, '(nothing)', error ? 'RED' : 'green', `${what}${hooks.note ? ` (${hooks.note})` : ''}`]);
      if (error) throw error;
    });
    for (const weakness of weaknesses.filter((one) => one.id === id && (!one.about || what.includes(one.about)))) {
      test(`${id} turns red: ${weakness.what}`, { timeout }, async () => {
        const error = await verdict(body, { ...weakness });
        rows.push([id, weakness.what, error ? 'red' : 'GREEN', error?.message.split('\n')[0].slice(0, 90) ?? '']);
        assert.ok(error, 'the check stays green');
        assert.match(error.code ?? '', /^ERR_(ASSERTION|JOSE_\w+|JWS_\w+|JWT_\w+)$/, `red by an assertion, not by an accident: ${error.stack}`);
      });
    }
  }
}
