// The black-box checks: each is named by its id in SECURITY_CHECKS.md, and runs
// against every target that it names. A file of checks run by itself registers them
// with node:test and prints a table; weaken.test.mjs only collects them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { demo, targets } from './demo.mjs';

export const registry = [];
const rows = [];

const wanted = () => (process.env.TASUKI_CHECKS ?? '').split(',').filter(Boolean);

function targetsOf(which) {
  if (typeof which === 'function') return which();
  if (which === 'nodes') return demo().nodes;
  if (which === 'balancer') return [demo().balancer];
  if (which === 'once') return [{ ...demo().balancer, name: 'cluster' }];
  return targets();
}

// options.targets: 'all' (default), 'nodes', 'balancer', 'once' (the check picks its
// targets itself), or a function that gives a list. options.place: 'console' when these
// are of the staff console (for weaken.test.mjs). options.parallel: all targets at once (for checks that wait).
export function check(id, what, body, options = {}) {
  registry.push({ id, what, body, options });
  if (process.env.TASUKI_COLLECT_CHECKS) return;
  if (wanted().length > 0 && !wanted().includes(id)) return;
  const timeout = options.timeout ?? 120000;
  test(`${id} ${what}`, { timeout: timeout * 5, concurrency: Boolean(options.parallel) }, async (t) => {
    const list = targetsOf(options.targets);
    const one = (target) =>
      t.test(target.name, { timeout }, async () => {
        const row = { id, target: target.name, verdict: 'FAIL', what };
        rows.push(row);
        await body({ target, others: demo().nodes.filter((n) => n.name !== target.name), note: (text) => (row.note = text) });
        row.verdict = 'ok';
      });
    if (options.parallel) await Promise.all(list.map(one));
    else for (const target of list) await one(target);
  });
}

// What became of each check, for build/security.md (tests/security/listed.test.mjs): one
// file a process. results: [{ id, what, verdict, weakened? }].
export function keepResults(results) {
  const dir = process.env.TASUKI_OUT_DIR ?? process.env.TASUKI_BIN_DIR;
  if (!dir || process.env.TASUKI_CHECKS) return;
  mkdirSync(join(dir, 'security'), { recursive: true });
  writeFileSync(join(dir, 'security', `${basename(process.argv[1], '.test.mjs')}${process.env.TASUKI_WEAKEN ?? ''}.json`), JSON.stringify(results));
}

export function table(lines) {
  const widths = [];
  for (const line of lines) line.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, String(cell).length)));
  return lines.map((line) => line.map((cell, i) => String(cell).padEnd(widths[i])).join('  ').trimEnd()).join('\n');
}

if (!process.env.TASUKI_COLLECT_CHECKS) {
  after(() => {
    keepResults(rows.map(({ id, what, verdict }) => ({ id, what, verdict: verdict === 'ok' ? 'green' : 'RED' })));
    if (rows.length > 0)
      console.log(`\n${table([['id', 'target', 'verdict', 'what'], ...rows.map((r) => [r.id, r.target, r.verdict, r.note ? `${r.what} (${r.note})` : r.what])])}`);
  });
}
