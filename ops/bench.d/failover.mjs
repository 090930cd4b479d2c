// Failover: the integration test's own rounds, on a release build.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD, TOP, run } from './process.mjs';

const SCRIPT = join(TOP, 'tests/integration/failover.test.mjs');

export async function runFailover(options) {
  process.stderr.write(`failover, ${options.rounds} rounds ...\n`);
  const file = join(options.dir, 'failover.json');
  const args = ['--rounds', String(options.rounds), '--rate', '50', '--json', file];
  const said = run('node', [SCRIPT, ...args], { env: { ...process.env, TASUKI_BUILD: BUILD } });
  if (!existsSync(file)) return { failed: `no result: ${said.slice(-500)}` };
  return JSON.parse(readFileSync(file, 'utf8'));
}
