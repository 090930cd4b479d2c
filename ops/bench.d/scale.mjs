// ops/bench scale: a large state, and etcd beside it; see USAGE.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TOP, UsageError, build, run, sleep } from './process.mjs';
import { CLUSTER, FILL, MAP_GIB, Replicas, monoMs } from './scale_nodes.mjs';
import { Etcd } from './scale_peer.mjs';
import { printScale, scaleSvg } from './scale_report.mjs';

const PARTS = ['writes', 'restart', 'image', 'failover', 'etcd'];
const SHARES = [0.01, 0.1, 1];
const FAILOVER_CLIENTS = 4;
const IMAGE_CLIENTS = 8;

const USAGE = `usage: ops/bench scale [--accounts N] [--seconds N] [--turns N] [--rounds N] [--image-rate N]
                       [--json FILE] [--svg FILE] [--dir DIR] [PART ...]

Fills three nodes with accounts that have a session, a grant, an access and a refresh
token each, and measures what must not depend on their number, beside etcd (Debian
packages etcd-server and etcd-client) on the same disk and in the same run.

  PART          ${PARTS.join(' ')} (default: all)
  --accounts N  at full size (default 1000000)
  --seconds N   of each measurement (default 8)
  --turns N     measurements of writes and puts (default 3): each turn goes through all
                sizes and etcd, so that other load on the machine meets all of them;
                medians are given
  --rounds N    how often each leader is killed, and a node restarted (default 5)
  --image-rate N  MiB/s at which the image may go at most (default 64, as in tasukid)
  --json FILE   results (default build/bench/scale.json)
  --svg FILE    the same as bars (default build/bench/scale.svg)
  --dir DIR     where the nodes live for the run (default build/bench); about 15 GB at
                full size, deleted afterwards
  --help        this text

  writes     replicated writes of new accounts (about 290 bytes, random keys) at the
             leader, with 1 and 64 outstanding, at 1 %, 10 % and all of the accounts; at
             all of them also of pushed requests (256 bytes, one row and its expiry: what
             is nearest to a put); anonymous memory of each node afterwards
  restart    kill -9 of a follower under writes, to ready and caught up; with its
             store in the page cache and with it evicted
  image      writes with ${IMAGE_CLIENTS} outstanding at the leader, alone and while a follower gives an
             image over TLS, as in tasukid: to a taker that keeps nothing ("given"), and
             to one that writes a blank store on the same disk ("copied")
  failover   kill -9 of the leader to the next write that began after it
  etcd       puts of 256 bytes, random keys, at its leader, 1 and 64 outstanding: with a
             connection each, and over as few as give it the best rate; the same failover

The nodes are the replicas of the tests (tests/unit/raft/repl_node): log, store and peer
links with mutual TLS as in tasukid, without HTTP. Exit code: 0; 1 when something could
not be measured; 64 wrong usage. A target missed is no failure.
`;

function number(name, value, min, max) {
  if (!/^\d{1,7}$/.test(value ?? '') || Number(value) < min || Number(value) > max) {
    throw new UsageError(`${name}: a number from ${min} to ${max} is expected`);
  }
  return Number(value);
}

function parseArguments(args) {
  const options = { accounts: 1_000_000, seconds: 8, turns: 3, rounds: 5, imageRate: 64, dir: join(TOP, 'build/bench'), parts: [] };
  const take = {
    '--accounts': (value) => (options.accounts = number('--accounts', value, 1000, 4_000_000)),
    '--seconds': (value) => (options.seconds = number('--seconds', value, 1, 600)),
    '--turns': (value) => (options.turns = number('--turns', value, 1, 100)),
    '--image-rate': (value) => (options.imageRate = number('--image-rate', value, 1, 4096)),
    '--rounds': (value) => (options.rounds = number('--rounds', value, 1, 100)),
    '--json': (value) => (options.json = value),
    '--svg': (value) => (options.svg = value),
    '--dir': (value) => (options.dir = value),
  };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--help') options.help = true;
    else if (take[args[i]]) {
      if (i + 1 >= args.length) throw new UsageError(`${args[i]} needs a value`);
      take[args[i]](args[++i]);
    } else if (PARTS.includes(args[i])) options.parts.push(args[i]);
    else throw new UsageError(`no option or part ${args[i]}`);
  }
  if (options.parts.length === 0) options.parts = PARTS;
  options.json ??= join(options.dir, 'scale.json');
  options.svg ??= join(options.dir, 'scale.svg');
  return options;
}

const say = (text) => process.stderr.write(`${text}\n`);

// What is not in the page cache must be read from the disk again. No process has it
// mapped.
const evict = (file) => run('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);

// One size in one turn: both numbers of clients, each after a warm-up.
async function measureSize(size, options) {
  const leader = await size.cluster.up();
  for (const clients of [1, 64]) {
    await leader.bench(1, clients);
    size.tried[clients].push(await leader.bench(options.seconds, clients));
  }
  for (const clients of size.pushed ? [1, 64] : []) {
    await leader.bench(1, clients, 'push');
    size.pushed[clients].push(await leader.bench(options.seconds, clients, 'push'));
  }
  await size.cluster.equal();
  size.anonymous_mb = [...size.cluster.nodes.values()].map((node) => node.anonymousMb());
  await size.cluster.down();
}

async function measureEtcd(etcd, options) {
  await etcd.up();
  for (const clients of [1, 64]) {
    const { own, best } = await etcd.bench(options.seconds, clients);
    etcd.tried[clients].push(best);
    if (clients > 1) etcd.own.push(own);
  }
  await etcd.down();
}

async function takeTurns(sizes, etcd, options) {
  for (let turn = 1; turn <= options.turns; turn++) {
    for (const size of options.parts.includes('writes') ? sizes : []) {
      say(`turn ${turn}: writes, ${size.accounts} accounts ...`);
      await measureSize(size, options);
    }
    if (etcd) say(`turn ${turn}: etcd ...`);
    if (etcd) await measureEtcd(etcd, options);
  }
}

async function restartOnce(cluster, cold) {
  const leader = await cluster.leader();
  const [node] = cluster.others(leader);
  await leader.ask(`load ${FAILOVER_CLIENTS}`);
  await sleep(500);
  await cluster.kill(node);
  const store = join(node.dir, 'store/data.mdb');
  run('sync', [store]);
  if (cold) evict(store);
  const { applied } = await leader.status();
  const begun = monoMs();
  const again = await cluster.start(node.id);
  for (;;) {
    const status = await again.status();
    if (status.ready && status.applied >= applied) break;
    if (monoMs() - begun > 60_000) throw new Error('a restarted node does not become ready');
    await sleep(5);
  }
  const ms = monoMs() - begun;
  await leader.ask('pause');
  return ms;
}

async function measureRestart(cluster, options) {
  const result = { warm_ms: [], cold_ms: [] };
  for (let i = 0; i < options.rounds; i++) {
    say(`  restart ${i + 1} ...`);
    result.warm_ms.push(await restartOnce(cluster, false));
    result.cold_ms.push(await restartOnce(cluster, true));
  }
  return result;
}

// Writes at the leader while an image of the donor's store is made into `out`.
// The taker goes by the certificate of the leader's node, which is a member.
async function writesDuringImage(cluster, leader, donor, out, options) {
  const during = [];
  let ended = false;
  const address = `127.0.0.1:${cluster.ports[donor.id - 1]}`;
  const args = ['take', cluster.dir, String(leader.id), CLUSTER, String(donor.id), address, out, String(MAP_GIB)];
  const copying = promisify(execFile)(FILL, args).finally(() => (ended = true));
  copying.catch(() => {}); // awaited below
  await sleep(Math.min(200, options.seconds * 100));
  while (!ended) {
    say(`  image to ${out === '-' ? 'nowhere' : 'a blank store'} ...`);
    const measured = await leader.bench(Math.min(4, options.seconds), IMAGE_CLIENTS);
    if (!ended) during.push(measured);
  }
  return { during, ...JSON.parse((await copying).stdout) };
}

async function measureImage(cluster, options) {
  const leader = await cluster.leader();
  const [donor] = cluster.others(leader);
  const blank = join(cluster.dir, 'blank');
  const before = [];
  const plain = async () => before.push(await leader.bench(options.seconds, IMAGE_CLIENTS));
  mkdirSync(blank, { mode: 0o700 });
  for (let i = 0; i < 3; i++) await plain();
  const given = await writesDuringImage(cluster, leader, donor, '-', options);
  await plain();
  const copied = await writesDuringImage(cluster, leader, donor, blank, options);
  for (let i = 0; i < 3; i++) await plain();
  rmSync(blank, { recursive: true });
  return { clients: IMAGE_CLIENTS, rate_mib: options.imageRate, before, given, copied };
}

// ms from kill -9 of the leader to the first success, at another node, of a write
// that began after it: so many acks may be of writes that began before.
async function failoverOnce(cluster) {
  const leader = await cluster.leader();
  const [other] = cluster.others(leader);
  await other.ask(`load ${FAILOVER_CLIENTS}`);
  await sleep(1000);
  const killed = monoMs();
  await cluster.kill(leader);
  const after = () => other.acks.filter((ms) => ms > killed);
  while (after().length <= FAILOVER_CLIENTS) {
    if (monoMs() - killed > 30_000) throw new Error('no success after the kill of the leader');
    await sleep(1);
  }
  const ms = after()[FAILOVER_CLIENTS] - killed;
  await other.ask('pause');
  await cluster.start(leader.id);
  return ms;
}

async function measureFailover(cluster, options) {
  const times = [];
  for (let i = 0; i < options.rounds; i++) {
    say(`  failover ${i + 1} ...`);
    times.push(await failoverOnce(cluster));
  }
  return times;
}

// The three sizes, each a cluster of its own. The last one is the full one.
async function fillSizes(dir, options) {
  const base = new Replicas(join(dir, 'base'));
  const sizes = [];
  mkdirSync(base.dir, { mode: 0o700 });
  await base.prepare();
  try {
    await base.makeSeed();
  } finally {
    await base.abort();
  }
  let from = 0;
  for (const share of options.parts.includes('writes') ? SHARES : [1]) {
    const accounts = Math.round(options.accounts * share);
    const begun = monoMs();
    say(`filling up to ${accounts} accounts ...`);
    const used_bytes = base.fill(from, accounts);
    const cluster = base.copy(join(dir, `size-${accounts}`));
    sizes.push({ accounts, used_bytes, fill_s: (monoMs() - begun) / 1000, tried: { 1: [], 64: [] }, cluster });
    from = accounts;
  }
  sizes.at(-1).pushed = { 1: [], 64: [] };
  return sizes;
}

async function measureState(cluster, options, results) {
  const wanted = (name) => options.parts.includes(name);
  if (!['restart', 'image', 'failover'].some(wanted)) return;
  await cluster.up();
  if (wanted('restart')) results.restart = await measureRestart(cluster, options);
  if (wanted('image')) results.image = await measureImage(cluster, options);
  if (wanted('failover')) results.failover_ms = await measureFailover(cluster, options);
  await cluster.equal();
  await cluster.down();
}

async function measureEtcdFailover(etcd, options) {
  const times = [];
  await etcd.up();
  for (let i = 0; i < options.rounds; i++) {
    say(`  etcd, failover ${i + 1} ...`);
    times.push(await etcd.failover());
  }
  await etcd.down();
  return times;
}

// Of all turns.
function medians(tried) {
  if (tried.length === 0) return undefined;
  const median = (name) => tried.map((one) => one[name]).sort((a, b) => a - b)[Math.floor(tried.length / 2)];
  return { per_second: median('per_second'), p50_ms: median('p50_ms'), p99_ms: median('p99_ms'), tried };
}

const summary = (tried) => ({ 1: medians(tried[1]), 64: medians(tried[64]) });

async function measure(dir, options, results) {
  const etcd = options.parts.includes('etcd') ? Object.assign(new Etcd(join(dir, 'etcd')), { tried: { 1: [], 64: [] }, own: [] }) : null;
  let sizes = [];
  try {
    sizes = await fillSizes(dir, options);
    await takeTurns(sizes, etcd, options);
    await measureState(sizes.at(-1).cluster, options, results);
    if (etcd) results.etcd = { ...summary(etcd.tried), own: medians(etcd.own) };
    if (etcd && options.parts.includes('failover')) results.etcd.failover_ms = await measureEtcdFailover(etcd, options);
    results.sizes = sizes.map(({ cluster, pushed, ...size }) => ({ ...size, ...summary(size.tried), ...(pushed && { pushed: summary(pushed) }) }));
  } finally {
    await Promise.all(sizes.map(({ cluster }) => cluster.abort()));
    await etcd?.down();
  }
}

async function main(args) {
  const options = parseArguments(args);
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  for (const tool of options.parts.includes('etcd') ? ['etcd', 'etcdctl'] : []) {
    if (run('which', [tool], { optional: true }) === null) {
      throw new Error(`${tool} is missing: Debian packages etcd-server and etcd-client (or name the parts without etcd)`);
    }
  }
  say('building ...');
  build(['repl_node', 'scale_fill', 'scale_etcd']);
  mkdirSync(options.dir, { recursive: true });
  const dir = mkdtempSync(join(options.dir, 'scale-'));
  process.env.REPL_IMAGE_MIB = String(options.imageRate); // what the nodes begin with
  const results = {
    machine: { cpu: cpus()[0].model, cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30) },
    accounts: options.accounts,
    seconds: options.seconds,
    load_average: { before: loadavg() },
  };
  try {
    await measure(dir, options, results);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  results.load_average.after = loadavg();
  printScale(results);
  writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(options.svg, scaleSvg(results));
  console.log(`\n${options.json}\n${options.svg}`);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error) => {
    console.error(`ops/bench scale: ${error.message}`);
    if (error instanceof UsageError) console.error('Try: ops/bench scale --help');
    process.exitCode = error instanceof UsageError ? 64 : 1;
  },
);
