// Every check of SECURITY_CHECKS.md is here under its id, and has something that must turn
// it red; what a product cannot have is said with its reason. Of what the runs have left,
// a table: build/security.md.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { table } from '../lib/checks.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const COUNTS = { A: 22, B: 17, C: 7, D: 16, E: 14, F: 10, G: 13 };
const IDS = Object.entries(COUNTS).flatMap(([letter, n]) => Array.from({ length: n }, (_, i) => `${letter}${String(i + 1).padStart(2, '0')}`));

// Parts of checks that cannot be, and why. Whole ids: none.
const REASONS = {
  A16: 'where query and signed object disagree, the object alone counts (RFC 9101 section 6.3); none of the query is used',
  C04: 'nothing that a client registers is fetched but by back-channel logout, whose calls have bounds of their own (F07, tests/unit/server)',
  D04: 'caps are by address (/64 of IPv6), account and service: a node knows of no autonomous systems, and one /24 of IPv4 is many customers of one provider',
  G02: 'nodes do not negotiate HTTP/2; the flood runs against HAProxy, with its configuration of production',
  G13: 'a drill makes its own cluster and touches no running one, so there is no control endpoint, no token that could expire and nothing that two people would have to release; what there is, the label of the environment and the end of faults with their controller, is checked',
};

const files = readdirSync(HERE).filter((name) => name.endsWith('.mjs'));
const text = (name) => readFileSync(join(HERE, name), 'utf8');

// A check: check('A01', ...); { id: 'A01', ..., body: ... } of a cluster of its own; a
// member `E03: [` of e_messages. A weakness: { id: 'A01', ... } with a hook.
const checks = new Map();
const weaknesses = new Map();
const add = (to, id, where) => to.set(id, [...(to.get(id) ?? []), where]);
for (const name of files) {
  const source = text(name);
  for (const [, id] of source.matchAll(/\bcheck\(\s*'([A-G]\d\d)'/g)) add(checks, id, name);
  for (const [, id] of source.matchAll(/^ {2}([A-G]\d\d): \['/gm)) add(checks, id, name);
  for (const [line, id] of source.matchAll(/^ +\{ id: '([A-G]\d\d)',[^\n]*/gm)) add(/\bbody: \w+ \}/.test(line) ? checks : weaknesses, id, name);
}

const results = () => {
  const dir = join(process.env.TASUKI_OUT_DIR ?? '.', 'security');
  return existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.json')).flatMap((name) => JSON.parse(readFileSync(join(dir, name), 'utf8'))) : [];
};

test('all 99 ids have a check', () => {
  assert.equal(IDS.length, 99);
  assert.deepEqual(IDS.filter((id) => !checks.has(id)), []);
  assert.deepEqual([...checks.keys()].filter((id) => !IDS.includes(id)), [], 'none that the list does not know');
});

test('all of them have what must turn them red', () => {
  assert.deepEqual(IDS.filter((id) => !weaknesses.has(id)), []);
});

test('a reason is of a check that is there', () => {
  for (const id of Object.keys(REASONS)) assert.ok(checks.has(id), id);
});

test('the table', () => {
  const all = results();
  const lines = IDS.map((id) => {
    const ran = all.filter((one) => one.id === id && one.what);
    const weak = all.filter((one) => one.id === id && one.weakened);
    const what = [...new Set(ran.map((one) => one.what.replace(/ \(.*\)$/, '')))];
    const verdict = ran.length === 0 ? 'not run' : ran.every((one) => one.verdict === 'green') ? 'green' : 'RED';
    const red = weak.filter((one) => one.verdict === 'red').length;
    const weakened = weak.length === 0 ? `${weaknesses.get(id)?.length ?? 0} known, not run` : `${red} of ${weak.length} red`;
    return { id, what, verdict, runs: ran.length, weakened, names: [...new Set(weak.map((one) => one.weakened))] };
  });
  const cell = (words) => words.replaceAll('|', '/');
  const md = [
    '# The 99 security checks', '', '| id | what | verdict | runs | weakenings |', '|---|---|---|---|---|',
    ...lines.map(({ id, what, verdict, runs, weakened, names }) => `| ${id} | ${cell(what.join('; ') || '-')}${REASONS[id] ? ` (${cell(REASONS[id])})` : ''} | ${verdict} | ${runs} | ${weakened}${names.length > 0 ? `: ${cell(names.join('; '))}` : ''} |`), '',
  ].join('\n');
  writeFileSync(join(process.env.TASUKI_OUT_DIR ?? '.', 'security.md'), md);
  console.log(`\n${table([['id', 'verdict', 'runs', 'weakenings', 'what'], ...lines.map((one) => [one.id, one.verdict, one.runs, one.weakened, (one.what[0] ?? '-').slice(0, 90)])])}`);
  assert.deepEqual(lines.filter(({ verdict }) => verdict === 'RED').map(({ id }) => id), []);
});
