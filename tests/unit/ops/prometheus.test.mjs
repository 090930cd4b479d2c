// The alerts of ops/prometheus: each names a runbook that is there, and only metrics that
// tasukid exports. Where promtool is installed (Debian: prometheus), it tests them too.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../..');
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const rules = read('ops/prometheus/tasuki.rules.yml');
const alerts = [...rules.matchAll(/- alert: (\w+)\n/g)].map((match) => match[1]);

test('every alert has a runbook, and every runbook of an alert an alert', () => {
  const sections = [...read('ops/docs/runbooks.md').matchAll(/^### (Tasuki\w+)$/gm)].map((match) => match[1]);
  assert.ok(alerts.length > 20);
  assert.deepEqual([...sections].sort(), [...alerts].sort());
  for (const alert of alerts) assert.ok(rules.includes(`runbook: runbooks.md#${alert.toLowerCase()}`), alert);
});

test('every drill has a runbook', () => {
  const text = read('ops/docs/runbooks.md');
  for (const file of readdirSync(join(ROOT, 'chaos/drills'))) assert.ok(text.includes(`\`${file.replace('.yaml', '')}\``), file);
});

test('the six kinds of monitoring are there', () => {
  for (const kind of ['log', 'resource', 'disk', 'ping', 'url', 'process']) assert.ok(rules.includes(`kind: ${kind}}`), kind);
});

test('tasukid exports what the alerts read', () => {
  const source = ['server/svc_metrics.c', 'server/svc_metrics.h'].map(read).join('\n');
  const used = new Set([...rules.matchAll(/\b((?:tasuki|process)_[a-z_]+)\b/g)].map((match) => match[1].replace(/_bucket$/, '')));
  assert.ok(used.size > 12);
  for (const metric of used) assert.ok(source.includes(`"${metric}"`), metric);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
test('promtool', { skip: promtool ? false : 'promtool is not installed' }, () => {
  const cwd = join(ROOT, 'ops/prometheus');
  for (const args of [['check', 'rules', 'tasuki.rules.yml'], ['test', 'rules', 'tasuki.rules.test.yml'], ['check', 'config', '--syntax-only', 'prometheus.yml']]) {
    const run = spawnSync('promtool', args, { cwd, encoding: 'utf8' });
    assert.equal(run.status, 0, `${args.join(' ')}: ${run.stdout}${run.stderr}`);
  }
});
