// ops/bench peers: Tasuki beside the npm package oidc-provider; see USAGE.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Cluster } from './cluster.mjs';
import { makeCertificate, measureCrypto, runLoad } from './limits.mjs';
import { BUILD, LOAD_CORE, SERVER_CORE, TOP, UsageError, build, number, run, sleep, start } from './process.mjs';
import { printPeers, writePeers } from './peers_report.mjs';

// What is measured of both; `times`: how many times as quick as the peer we are asked to be.
// Where a client signs, it is asked that we are no slower than without (`than`), but for
// verifying so many `signatures`.
const USERINFO = { times: 10, args: ['--path', '/oauth/userinfo', '--bearer'], load: 'userinfo' };
const CODE = { times: 4, args: ['--flow', 'code'], load: 'code ES256' };
const CLIENT = { times: 4, args: ['--flow', 'client'], machine: true };
const SIGNED = { ...CLIENT, times: undefined };
const KEY = { ...SIGNED, key: true, signatures: 1 };
const DPOP = { ...SIGNED, dpop: true, signatures: 1 };
const BOTH = { ...SIGNED, key: true, dpop: true, signatures: 2 };
const PHASES = {
  userinfo: { ...USERINFO, crowd: true, title: 'userinfo, opaque token' },
  'userinfo, few users': { ...USERINFO, title: 'userinfo, opaque token' },
  code: { ...CODE, crowd: true, title: 'code exchange, ES256' },
  'code, few users': { ...CODE, title: 'code exchange, ES256' },
  client: { ...CLIENT, crowd: true, title: 'client_credentials, JWT ES256, secret' },
  'client, few users': { ...CLIENT, title: 'client_credentials, JWT ES256, secret' },
  'client, key': { ...KEY, crowd: true, title: 'client_credentials, private_key_jwt ES256' },
  'client, key, few users': { ...KEY, title: 'client_credentials, private_key_jwt ES256' },
  'client, dpop': { ...DPOP, crowd: true, title: 'client_credentials, secret and DPoP ES256' },
  'client, dpop, few users': { ...DPOP, title: 'client_credentials, secret and DPoP ES256' },
  'client, key and dpop': { ...BOTH, crowd: true, title: 'client_credentials, private_key_jwt and DPoP' },
  'client, key and dpop, few users': { ...BOTH, title: 'client_credentials, private_key_jwt and DPoP' },
};

const RESOURCE = 'https://api.bench.example';
const REDIRECT_URI = 'https://rp.bench.example/callback';

const NAMES = ['userinfo', 'code', 'client'];

const USAGE = `usage: ops/bench peers [--seconds N] [--rounds N] [--users N] [--crowd N] [--json FILE]
                       [--html FILE] [--dir DIR] [--port-base N] [PHASE ...]

Measures three nodes of Tasuki on core ${SERVER_CORE} and one process of the npm package oidc-provider
(in memory, no replication) on the same core, in turns, with the same load from core
${LOAD_CORE} over TLS with keep-alive, and prints how many times as many requests Tasuki answers.

  PHASE          ${NAMES.join(' ')} (default: all)
  --seconds N    measured per turn (default 5), after one second of warm-up
  --rounds N     turns of each (default 3); the median counts
  --users N      few users at once (default 32)
  --crowd N      many (default 256); each phase is measured with both
  --json FILE    results (default build/bench/peers.json)
  --html FILE    the same as bars (default build/bench/peers.html)
  --dir DIR      where the cluster lives (default build/bench)
  --port-base N  of the cluster (default 13400); the peer is at N + 80
  --help         this text

The peer's packages are installed by: ops/install bench

Ratios are printed as reached or not; a target missed is no failure. Exit code: 0;
1 when a phase could not be measured; 64 wrong usage.
`;

function parseArguments(args) {
  const options = { seconds: 5, rounds: 3, users: 32, crowd: 256, portBase: 13400, dir: join(TOP, 'build/bench'), phases: [] };
  const take = {
    '--seconds': (next) => (options.seconds = number('--seconds', next(), 1, 600)),
    '--rounds': (next) => (options.rounds = number('--rounds', next(), 1, 100)),
    '--users': (next) => (options.users = number('--users', next(), 1, 512)),
    '--crowd': (next) => (options.crowd = number('--crowd', next(), 1, 1000)),
    '--port-base': (next) => (options.portBase = number('--port-base', next(), 1024, 65000)),
    '--json': (next) => (options.json = next()),
    '--html': (next) => (options.html = next()),
    '--dir': (next) => (options.dir = next()),
    '--help': () => (options.help = true),
  };
  for (let i = 0; i < args.length; i++) {
    const next = () => {
      if (i + 1 >= args.length) throw new UsageError(`${args[i]} needs a value`);
      return args[++i];
    };
    if (take[args[i]]) take[args[i]](next);
    else if (NAMES.includes(args[i])) options.phases.push(args[i]);
    else throw new UsageError(`no option or phase ${args[i]}`);
  }
  if (options.phases.length === 0) options.phases = NAMES;
  options.phases = Object.keys(PHASES).filter((name) => options.phases.includes(name.split(',')[0]));
  options.json ??= join(options.dir, 'peers.json');
  options.html ??= join(options.dir, 'peers.html');
  return options;
}

// A machine's own key: for bench_load as a file, for servers as a JWK Set.
function makeKey(dir) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [file, jwksFile] = [join(dir, 'machine.pem'), join(dir, 'machine.jwks')];
  const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' }] });
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(jwksFile, jwks);
  return { file, jwksFile, jwks };
}

// How a machine proves who it is, in this phase, at this issuer.
function machineArgs(phase, { client, secret, key, issuer, endpoint }) {
  const { key: signs, dpop } = PHASES[phase];
  return [
    ...['--client', signs ? `${client}-key` : client, ...(signs ? [] : ['--secret', secret])],
    ...(signs || dpop ? ['--key', key.file] : []),
    ...(signs ? ['--assert', issuer] : []),
    ...(dpop ? ['--dpop', endpoint] : []),
  ];
}

// The peer, on the servers' core.
class Peer {
  constructor(options, key) {
    this.options = options;
    this.key = key;
    this.secret = randomBytes(24).toString('base64url');
    this.port = options.portBase + 80;
  }

  async up() {
    const { cert, key } = makeCertificate(this.options.dir, 'peer');
    this.cert = cert;
    const server = join(TOP, 'ops/bench.d/peer_server.mjs');
    this.process = start(SERVER_CORE, process.execPath, [server, String(this.port), cert, key], {
      env: { ...process.env, NODE_ENV: 'production', PEER_SECRET: this.secret, PEER_CLIENT_JWKS: this.key.jwks },
    });
    const ready = new Promise((resolve) => this.process.child.stdout.once('data', resolve));
    const gone = this.process.ended.then(({ stderr }) => {
      throw new Error(`the peer ended: ${stderr.trim().slice(-1000)}`);
    });
    gone.catch(() => {});
    await Promise.race([ready, gone, sleep(20_000).then(() => { throw new Error('the peer does not start'); })]);
  }

  load(phase, users) {
    const { args, machine } = PHASES[phase];
    const issuer = `https://127.0.0.1:${this.port}`;
    const proof = { client: 'machine', secret: this.secret, key: this.key, issuer, endpoint: `${issuer}/oauth/token` };
    return runLoad(
      [
        ...['--node', issuer, '--ca', this.cert, '--users', String(users)],
        ...['--seconds', String(this.options.seconds), '--redirect', REDIRECT_URI],
        ...(machine
          ? [...machineArgs(phase, proof), '--scope', 'api', '--resource', RESOURCE]
          : ['--client', 'bench', '--secret', this.secret, '--scope', 'openid profile email']),
        ...['--account', 'bench', ...args],
      ],
      'none',
    );
  }

  async down() {
    this.process?.child.kill('SIGTERM');
    await this.process?.ended;
  }
}

class Ours extends Cluster {
  // Two that get tokens for themselves, JWTs signed with ES256: one has a secret, one a key.
  addMachines(key) {
    this.key = key;
    this.machine = this.addMachine('bench-machine', []);
    this.addMachine('bench-machine-key', ['--auth', 'private_key_jwt', '--jwks-file', key.jwksFile]);
  }

  addMachine(id, auth) {
    const answer = run(`${BUILD}/tasuki`, [
      ...['rp', 'add', id, '--env', this.envFile, '--json', '--name', id, '--alg', 'ES256', ...auth],
      ...['--profile', 'standard', '--environment', 'demo', '--feature', 'credentials', '--feature', 'jwt_access'],
      ...['--scope', 'openid', '--redirect-uri', REDIRECT_URI, '--audience', RESOURCE, '--replace'],
    ]);
    return JSON.parse(answer).client_secret;
  }

  async measure(phase, users, options) {
    if (!PHASES[phase].machine) return this.load(PHASES[phase].load, { ...options, users, crowd: users });
    const nodes = [1, 2, 3].flatMap((n) => ['--node', this.env[`TASUKI_NODE_${n}`]]);
    const issuer = this.env.TASUKI_ISSUER;
    const proof = { client: 'bench-machine', secret: this.machine, key: this.key, issuer, endpoint: `${issuer}token` };
    return runLoad([
      ...nodes,
      ...['--ca', this.env.TASUKI_CA, '--users', String(users), '--seconds', String(options.seconds)],
      ...[...machineArgs(phase, proof), '--scope', '', ...PHASES[phase].args],
    ]);
  }
}

// Turn by turn, so that other work on the machine meets both alike.
async function takeTurns(ours, peer, options, results) {
  for (const phase of options.phases) {
    const users = PHASES[phase].crowd ? options.crowd : options.users;
    const turns = { ours: [], peer: [] };
    for (let turn = 1; turn <= options.rounds; turn++) {
      process.stderr.write(`${phase}, turn ${turn} of ${options.rounds} ...\n`);
      turns.peer.push(await peer.load(phase, users));
      turns.ours.push(await ours.measure(phase, users, options));
    }
    const { title, times, signatures, crowd } = PHASES[phase];
    const than = signatures && (crowd ? 'client' : 'client, few users');
    results.phases[phase] = { title, times, than, signatures, users, ...turns };
  }
}

export async function main(args) {
  const options = parseArguments(args);
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (cpus().length < 2) throw new Error('two cores are needed: one for the servers, one for the load');
  if (!existsSync(join(TOP, 'ops/bench.d/node_modules/oidc-provider'))) {
    throw new Error('the peer is not installed. Run: ops/install bench');
  }
  mkdirSync(options.dir, { recursive: true });
  process.stderr.write('building ...\n');
  build(['tasukid', 'tasuki', 'bench_parts']);
  const results = {
    machine: { cpu: cpus()[0].model, cores: cpus().length },
    footing: `servers on core ${SERVER_CORE}, load on core ${LOAD_CORE}, TLS with keep-alive, ${options.rounds} turns of ${options.seconds} s each, medians; the peer keeps everything in memory of one process, Tasuki commits every write on two of three nodes`,
    crypto: await measureCrypto(2),
    phases: {},
  };
  const ours = new Ours(options.dir, options.portBase, { pinned: true });
  const key = makeKey(options.dir);
  const peer = new Peer(options, key);
  try {
    process.stderr.write('starting three nodes and the peer ...\n');
    ours.up();
    ours.addClients();
    if (options.phases.includes('client')) ours.addMachines(key);
    await peer.up();
    await takeTurns(ours, peer, options, results);
  } finally {
    await peer.down();
    ours.down();
  }
  printPeers(results);
  writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  writePeers(results, options.html);
  console.log(`\n${options.json}\n${options.html}`);
  const failed = Object.values(results.phases).some(({ ours: a, peer: b }) => [...a, ...b].some((turn) => turn.failed));
  return failed ? 1 : 0;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error) => {
    console.error(`ops/bench peers: ${error.message}`);
    if (error instanceof UsageError) console.error('Try: ops/bench peers --help');
    process.exitCode = error instanceof UsageError ? 64 : 1;
  },
);
