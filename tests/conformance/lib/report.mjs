// From the results of variants to a line per module, and to the exit code.

// A module passes when each of its variants does. `expected`: plan -> module -> why it
// is known to fail; a module that passes in spite of it is an error, so that the list
// stays true.
export function judge(rows, expected) {
  const lines = new Map();
  for (const row of rows) {
    const key = `${row.plan} ${row.name}`;
    const line = lines.get(key) ?? { plan: row.plan, name: row.name, variants: 0, passed: 0, verdict: 'passed', reasons: [] };
    lines.set(key, line);
    line.variants++;
    if (row.verdict === 'passed') line.passed++;
    if (row.verdict === 'failed') line.verdict = 'failed';
    if (row.reason) line.reasons.push(row.variant ? `${row.variant}: ${row.reason}` : row.reason);
  }
  return [...lines.values()].map((line) => {
    if (line.verdict === 'passed' && line.passed === 0) line.verdict = 'skipped';
    const known = expected[line.plan]?.[line.name];
    const good = line.verdict === 'failed' ? known !== undefined : known === undefined;
    const reason = line.verdict === 'failed' && known ? `${known} (${line.reasons[0]})` : line.reasons[0] ?? '';
    return { ...line, known, good, reason: line.verdict !== 'failed' && known !== undefined ? `known to fail, but does not: take it from expected_failures.json (${known})` : reason };
  });
}

const shown = (line) => (line.variants > 1 ? `${line.passed}/${line.variants}` : '');

export function table(lines) {
  const rows = [['plan', 'module', 'verdict', 'variants', 'why'], ...lines.map((line) => [line.plan, line.name, line.good ? line.verdict : `${line.verdict} !`, shown(line), line.reason])];
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) => row.map((cell, i) => (i === 4 ? cell : cell.padEnd(widths[i]))).join('  ').trimEnd()).join('\n');
}

const count = (list, verdict) => list.filter((one) => one.verdict === verdict).length;

export function summary(lines, rows) {
  const plans = [...new Set(lines.map((line) => line.plan))];
  const of = (list, what) => `${list.length} ${what}: ${count(list, 'passed')} passed, ${count(list, 'skipped')} skipped, ${count(list, 'failed')} failed`;
  return [
    ...plans.map((plan) => `${plan}: ${of(lines.filter((line) => line.plan === plan), 'modules')}`),
    of(lines, 'modules'),
    of(rows, 'runs of modules in variants'),
    `not as expected: ${lines.filter((line) => !line.good).length}`,
  ].join('\n');
}

export function markdown(lines, rows) {
  const escape = (text) => text.replaceAll('|', '\\|');
  return [
    '# Conformance',
    '',
    summary(lines, rows).split('\n').map((line) => `- ${line}`).join('\n'),
    '',
    '| plan | module | verdict | variants | why |',
    '|---|---|---|---|---|',
    ...lines.map((line) => `| ${line.plan} | \`${line.name}\` | ${line.verdict} | ${shown(line)} | ${escape(line.reason)} |`),
    '',
  ].join('\n');
}

export const exitCode = (lines) => (lines.length > 0 && lines.every((line) => line.good) ? 0 : 1);
