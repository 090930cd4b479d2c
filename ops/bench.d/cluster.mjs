// The cluster under measurement: ops/demo's three nodes, all on one core.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runLoad } from './limits.mjs';
import { BUILD, SERVER_CORE, TOP, run } from './process.mjs';

const REDIRECT_URI = 'https://rp.bench.example/callback';
const SCOPE = 'openid profile email';
const CLIENTS = { ES256: 'bench-es256', RS256: 'bench-rs256' };

// What bench_load is told for each phase; `client` also says that users sign in.
// `crowd`: commands are committed in groups, so that many users at once are needed
// to see what the cluster can do.
const LOADS = {
  discovery: { args: ['--path', '/oauth/.well-known/openid-configuration'] },
  jwks: { args: ['--path', '/oauth/jwks'] },
  userinfo: { args: ['--path', '/oauth/userinfo', '--bearer'], client: 'ES256' },
  'code ES256': { args: ['--flow', 'code'], client: 'ES256', crowd: true },
  'code ES256, few users': { args: ['--flow', 'code'], client: 'ES256' },
  'code RS256': { args: ['--flow', 'code'], client: 'RS256', crowd: true },
  'refresh ES256': { args: ['--flow', 'refresh'], client: 'ES256', scope: `${SCOPE} offline_access`, crowd: true },
  'refresh RS256': { args: ['--flow', 'refresh'], client: 'RS256', scope: `${SCOPE} offline_access`, crowd: true },
  login: { args: ['--flow', 'login'], client: 'ES256' },
};

// NAME=value lines as a shell reads them: bare, 'single' or "double" quoted.
export function parseEnv(text) {
  const env = {};
  for (const line of text.split('\n')) {
    const match = line.match(/^(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)$/);
    if (!match) continue;
    const [, name, value] = match;
    env[name] = value.startsWith("'")
      ? value.slice(1, -1).replaceAll("'\\''", "'")
      : value.replace(/^"(.*)"$/, '$1');
  }
  return env;
}

export class Cluster {
  // `pinned`: all nodes on SERVER_CORE.
  constructor(dir, portBase, { name = 'cluster', pinned = false } = {}) {
    this.dir = join(dir, name);
    this.portBase = portBase;
    this.pinned = pinned;
    this.place = ['--dir', this.dir];
    this.secrets = {};
  }

  up() {
    const demo = [
      ...[`${TOP}/ops/demo`, 'up', ...this.place, '--port-base', String(this.portBase), '--workers', '0'],
      // All load comes from one address; the limit is tested elsewhere.
      ...['--build-dir', BUILD, '--login-limit', '0'],
    ];
    if (this.pinned) {
      // Nodes that share one core have one thread of it each.
      run('taskset', ['-c', String(SERVER_CORE), ...demo, '--http-threads', '1']);
    } else {
      run(demo[0], demo.slice(1));
    }
    this.started = true;
    this.envFile = join(this.dir, 'demo.env');
    this.env = parseEnv(readFileSync(this.envFile, 'utf8'));
  }

  addClients() {
    for (const [alg, id] of Object.entries(CLIENTS)) this.secrets[alg] = this.addClient(id, alg);
  }

  addClient(id, alg) {
    const answer = run(`${BUILD}/tasuki`, [
      ...['rp', 'add', id, '--env', this.envFile, '--json', '--name', id, '--alg', alg],
      ...['--redirect-uri', REDIRECT_URI, '--scope', `${SCOPE} offline_access`],
      ...['--profile', 'standard', '--government', '--environment', 'demo', '--replace'],
    ]);
    return JSON.parse(answer).client_secret;
  }

  down() {
    if (!this.started) return;
    run(`${TOP}/ops/demo`, ['down', ...this.place], { optional: true });
    this.started = false;
  }

  get pids() {
    return [1, 2, 3].map((n) => this.env[`TASUKI_NODE_${n}_PID`]).filter(Boolean);
  }

  async load(phase, options) {
    const { args, client, scope = SCOPE, crowd } = LOADS[phase];
    const nodes = [1, 2, 3].flatMap((n) => ['--node', this.env[`TASUKI_NODE_${n}`]]);
    const signIn = client
      ? [
          ...['--client', CLIENTS[client], '--secret', this.secrets[client]],
          ...['--redirect', REDIRECT_URI, '--scope', scope, '--account', this.env.TASUKI_ENTRY_ACCOUNT],
        ]
      : [];
    return runLoad(
      [
        ...nodes,
        ...['--ca', this.env.TASUKI_CA, '--users', String(crowd ? options.crowd : options.users)],
        ...['--seconds', String(options.seconds), ...signIn, ...args],
      ],
      this.env.TASUKI_PASSWORD,
    );
  }
}
