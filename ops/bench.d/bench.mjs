// ops/bench: one run of the measurements; see USAGE.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { Cluster } from './cluster.mjs';
import { runFailover } from './failover.mjs';
import { measureLimits } from './limits.mjs';
import { LOAD_CORE, SERVER_CORE, TOP, UsageError, build, number, run } from './process.mjs';
import { Profile } from './profile.mjs';
import { printTable, writeHtml } from './report.mjs';

const PHASES = {
  discovery: ['discovery'],
  jwks: ['jwks'],
  userinfo: ['userinfo'],
  code: ['code ES256', 'code ES256, few users', 'code RS256'],
  refresh: ['refresh ES256', 'refresh RS256'],
  login: ['login'],
};
const EXTRA = ['limits', 'failover'];

const USAGE = `usage: ops/bench [--seconds N] [--users N] [--crowd N] [--json FILE] [--html FILE] [--profile]
                 [--keep] [--dir DIR] [--port-base N] [PHASE ...]
       ops/bench scale [...]   a large state, and etcd beside it: ops/bench scale --help
       ops/bench peers [...]   the npm package oidc-provider beside it: ops/bench peers --help

Builds the release, starts three nodes with ops/demo on core ${SERVER_CORE} and the load on core ${LOAD_CORE},
and prints requests/s, p50, p99 and errors, beside the limits measured in the same run.

  PHASE          ${Object.keys(PHASES).join(' ')} ${EXTRA.join(' ')}
                 (default: all but failover)
  --seconds N    measured per phase (default 8), after one second of warm-up
  --users N      at once (default 32); each keeps connections to two of the nodes
  --crowd N      users at once for code and refresh (default 256)
  --json FILE    results (default build/bench/bench.json)
  --html FILE    the same as bars, in one self-contained page (default
                 build/bench/bench.html)
  --profile      perf record on the nodes; prints the top symbols of each phase
                 (Debian package linux-perf)
  --rounds N     failover: how often the leader is killed (default 20)
  --keep         leave the cluster running
  --dir DIR      where the cluster lives (default build/bench)
  --port-base N  of the cluster (default 13400)
  --help         this text

What a unit of each phase is:
  discovery, jwks   one GET
  userinfo          one GET with an access token
  code              GET authorize with a session, POST token (PKCE); ID token signed
  refresh           POST token with the newest refresh token; ID token signed
  login             authorize, form, password, token: nothing kept but the connection
  limits            libh2o answering "hello" over TLS; signatures; argon2id
  failover          kill -9 of the leader under 50 logins/s, on all cores: ms until the
                    next success; fails on loss, or on a code redeemed twice

Targets are printed as reached or not; a target missed is no failure. Exit code: 0;
1 when a phase could not be measured; 64 wrong usage.
`;

function parseArguments(args) {
  const options = {
    seconds: 8,
    users: 32,
    crowd: 256,
    rounds: 20,
    portBase: 13400,
    dir: join(TOP, 'build/bench'),
    phases: [],
  };
  const take = {
    '--seconds': (next) => (options.seconds = number('--seconds', next(), 1, 600)),
    '--users': (next) => (options.users = number('--users', next(), 1, 512)),
    '--crowd': (next) => (options.crowd = number('--crowd', next(), 1, 1000)),
    '--rounds': (next) => (options.rounds = number('--rounds', next(), 1, 200)),
    '--port-base': (next) => (options.portBase = number('--port-base', next(), 1024, 65000)),
    '--json': (next) => (options.json = next()),
    '--html': (next) => (options.html = next()),
    '--dir': (next) => (options.dir = next()),
    '--profile': () => (options.profile = true),
    '--keep': () => (options.keep = true),
    '--help': () => (options.help = true),
  };
  for (let i = 0; i < args.length; i++) {
    const next = () => {
      if (i + 1 >= args.length) throw new UsageError(`${args[i]} needs a value`);
      return args[++i];
    };
    if (take[args[i]]) take[args[i]](next);
    else if (PHASES[args[i]] || EXTRA.includes(args[i])) options.phases.push(args[i]);
    else throw new UsageError(`no option or phase ${args[i]}`);
  }
  if (options.phases.length === 0) options.phases = ['limits', ...Object.keys(PHASES)];
  options.json ??= join(options.dir, 'bench.json');
  options.html ??= join(options.dir, 'bench.html');
  return options;
}

function commit() {
  const result = run('git', ['-C', TOP, 'describe', '--always', '--dirty'], { optional: true });
  return result?.trim() ?? 'unknown';
}

async function measurePhases(cluster, options, results) {
  const wanted = Object.keys(PHASES).filter((phase) => options.phases.includes(phase));
  for (const phase of wanted.flatMap((name) => PHASES[name])) {
    const profile = options.profile ? new Profile(cluster.pids, options.dir, phase, options.seconds) : null;
    process.stderr.write(`${phase} ...\n`);
    results.phases[phase] = await cluster.load(phase, options);
    if (profile) results.phases[phase].profile = await profile.end();
  }
}

async function main(args) {
  const options = parseArguments(args);
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  mkdirSync(options.dir, { recursive: true });
  const results = {
    commit: commit(),
    machine: { cpu: cpus()[0].model, cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30) },
    footing: `three nodes on core ${SERVER_CORE}, load on core ${LOAD_CORE}, ${options.users} users (code and refresh: ${options.crowd}), ${options.seconds} s a phase, HTTPS keep-alive, straight to the nodes`,
    limits: {},
    phases: {},
  };
  if (cpus().length < 2) throw new Error('two cores are needed: one for the nodes, one for the load');

  process.stderr.write('building ...\n');
  build(options.phases.every((phase) => phase === 'limits') ? ['bench_parts'] : ['tasukid', 'tasuki', 'bench_parts']);
  if (options.phases.includes('limits')) results.limits = await measureLimits(options);
  const cluster = new Cluster(options.dir, options.portBase, { pinned: true });
  try {
    if (options.phases.some((phase) => PHASES[phase])) {
      process.stderr.write('starting three nodes ...\n');
      cluster.up();
      cluster.addClients();
    }
    await measurePhases(cluster, options, results);
  } finally {
    if (!options.keep) cluster.down();
  }
  if (options.phases.includes('failover')) results.failover = runFailover(options);

  printTable(results);
  writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  writeHtml(results, options.html);
  console.log(`\n${options.json}\n${options.html}`);
  return Object.values(results.phases).some((phase) => phase.failed) ? 1 : 0;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error) => {
    console.error(`ops/bench: ${error.message}`);
    if (error instanceof UsageError) console.error('Try: ops/bench --help');
    process.exitCode = error instanceof UsageError ? 64 : 1;
  },
);
