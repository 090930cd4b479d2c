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
const IMAGE_BYTES_PER_S = 64 * 2 ** 20; // tasukid's own default

const USAGE = `usage: ops/bench scale [--accounts N] [--seconds N] [--rounds N] [--json FILE] [--svg FILE]
                       [--dir DIR] [PART ...]

Fills three nodes with accounts that have a session, a grant, an access and a refresh
token each, and measures what must not depend on their number, beside etcd (Debian
packages etcd-server and etcd-client) on the same disk and in the same run.

  PART          ${PARTS.join(' ')} (default: all)
  --accounts N  at full size (default 1000000)
  --seconds N   of each measurement (default 8)
  --rounds N    how often each leader is killed, and a node restarted (default 5)
  --json FILE   results (default build/bench/scale.json)
  --svg FILE    the same as bars (default build/bench/scale.svg)
  --dir DIR     where the nodes live for the run (default build/bench); about 12 GB at
                full size, deleted afterwards
  --help        this text

  writes     replicated writes of new accounts (about 290 bytes, random keys) at the
             leader, with 1 and 64 outstanding, at 1 %, 10 % and all of the accounts;
             anonymous memory of each node afterwards
  restart    kill -9 of a follower under writes, to ready and caught up; with its
             store in the page cache and with it evicted
  image      writes with ${IMAGE_CLIENTS} outstanding at the leader, without and with an image of a
             follower's store being read, hashed, and written into a blank store on the
             same disk, at 64 MiB/s; no TLS, no network
  failover   kill -9 of the leader to the next write that began after it
  etcd       puts of 256 bytes, random keys, at its leader, 1 and 64 outstanding, over
             one or several connections, whichever is faster; the same failover

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
  const options = { accounts: 1_000_000, seconds: 8, rounds: 5, dir: join(TOP, 'build/bench'), parts: [] };
  const take = {
    '--accounts': (value) => (options.accounts = number('--accounts', value, 1000, 4_000_000)),
    '--seconds': (value) => (options.seconds = number('--seconds', value, 1, 600)),
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

// Writes at one size. The nodes stay up when the size is the last one.
async function writesAt(cluster, leader, options) {
  const result = {};
  for (const clients of [1, 64]) {
    say(`  writes, ${clients} outstanding ...`);
    await leader.bench(1, clients);
    result[clients] = await leader.bench(options.seconds, clients);
  }
  await cluster.equal();
  result.anonymous_mb = [...cluster.nodes.values()].map((node) => node.anonymousMb());
  return result;
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

async function measureImage(cluster, options) {
  const leader = await cluster.leader();
  const [donor] = cluster.others(leader);
  const blank = join(cluster.dir, 'blank');
  const result = { clients: IMAGE_CLIENTS, before: [], during: [] };
  mkdirSync(blank, { mode: 0o700 });
  for (let i = 0; i < 3; i++) result.before.push(await leader.bench(options.seconds, IMAGE_CLIENTS));
  let ended = false;
  const copying = promisify(execFile)(FILL, ['image', join(donor.dir, 'store'), blank, CLUSTER, String(IMAGE_BYTES_PER_S), String(MAP_GIB)]);
  copying.then(
    () => (ended = true),
    () => (ended = true),
  );
  await sleep(Math.min(200, options.seconds * 100));
  while (!ended) {
    say('  image ...');
    const measured = await leader.bench(Math.min(4, options.seconds), IMAGE_CLIENTS);
    if (!ended) result.during.push(measured);
  }
  result.image = JSON.parse((await copying).stdout);
  if (result.during.length === 0) result.too_short = true;
  rmSync(blank, { recursive: true });
  return result;
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

async function measureEtcd(dir, options, results, label) {
  const etcd = new Etcd(join(dir, `etcd-${label}`));
  try {
    say(`etcd, ${label} ...`);
    await etcd.up();
    results.etcd ??= {};
    for (const clients of [1, 64]) {
      const measured = await etcd.bench(options.seconds, clients);
      const best = results.etcd[clients];
      if (!best || measured.per_second > best.per_second) results.etcd[clients] = measured;
    }
    if (label === 'after' && options.parts.includes('failover')) {
      results.etcd.failover_ms = [];
      for (let i = 0; i < options.rounds; i++) results.etcd.failover_ms.push(await etcd.failover());
    }
  } finally {
    await etcd.down();
    rmSync(etcd.dir, { recursive: true, force: true });
  }
}

async function measureOurs(cluster, options, results) {
  const shares = options.parts.includes('writes') ? SHARES : [1];
  let from = 0;
  await cluster.prepare();
  await cluster.makeSeed();
  for (const share of shares) {
    const to = Math.round(options.accounts * share);
    say(`filling up to ${to} accounts ...`);
    const begun = monoMs();
    const used = cluster.spread(from, to);
    from = to;
    const leader = await cluster.up();
    const size = { accounts: to, used_bytes: used, fill_s: (monoMs() - begun) / 1000 };
    if (options.parts.includes('writes')) Object.assign(size, await writesAt(cluster, leader, options));
    results.sizes.push(size);
    if (share < 1) await cluster.down();
  }
  if (options.parts.includes('restart')) results.restart = await measureRestart(cluster, options);
  if (options.parts.includes('image')) results.image = await measureImage(cluster, options);
  if (options.parts.includes('failover')) results.failover_ms = await measureFailover(cluster, options);
  await cluster.equal();
  await cluster.down();
}

async function main(args) {
  const options = parseArguments(args);
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const etcd = options.parts.includes('etcd');
  for (const tool of etcd ? ['etcd', 'etcdctl'] : []) {
    if (run(tool, ['--version'], { optional: true }) === null && run(tool, ['version'], { optional: true }) === null) {
      throw new Error(`${tool} is missing: Debian packages etcd-server, etcd-client (or leave the part etcd out)`);
    }
  }
  say('building ...');
  build(['repl_node', 'scale_fill', 'scale_etcd']);
  mkdirSync(options.dir, { recursive: true });
  const dir = mkdtempSync(join(options.dir, 'scale-'));
  const results = {
    machine: { cpu: cpus()[0].model, cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30) },
    accounts: options.accounts,
    seconds: options.seconds,
    load_average: { before: loadavg() },
    sizes: [],
  };
  const cluster = new Replicas(dir);
  try {
    if (etcd) await measureEtcd(dir, options, results, 'before');
    await measureOurs(cluster, options, results);
    if (etcd) await measureEtcd(dir, options, results, 'after');
  } finally {
    await cluster.abort();
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
