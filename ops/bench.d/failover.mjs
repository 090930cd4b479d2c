// Failover: the integration test's own rounds, on a release build and all cores.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from './cluster.mjs';
import { TOP, run } from './process.mjs';

const SCRIPT = join(TOP, 'tests/integration/failover.test.mjs');

// { rate, summary, rounds }: as the script writes it.
export function runFailover(options) {
  process.stderr.write(`failover, ${options.rounds} rounds of about 10 s ...\n`);
  const file = join(options.dir, 'failover.json');
  const cluster = new Cluster(options.dir, options.portBase, { name: 'failover-cluster' });
  try {
    cluster.up();
    run('node', ['--test-reporter=spec', SCRIPT], {
      env: {
        ...process.env,
        TASUKI_DEMO_ENV: cluster.envFile,
        TASUKI_FAILOVER_ROUNDS: String(options.rounds),
        TASUKI_FAILOVER_RATE: '50',
        TASUKI_FAILOVER_OUT: file,
      },
    });
  } finally {
    cluster.down();
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}
