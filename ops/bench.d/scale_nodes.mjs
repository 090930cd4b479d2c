// Three replicas (tests' repl_node: store and log, no HTTP) for ops/bench scale.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BUILD, run, sleep } from './process.mjs';

export const CLUSTER = '101112131415161718191a1b1c1d1e1f';
export const MAP_GIB = 16;
export const FILL = `${BUILD}/tests/scale/scale_fill`;
const NODE = `${BUILD}/tests/unit/raft/repl_node`;
const ANSWER_MS = 60_000;

export const monoMs = () => Number(process.hrtime.bigint()) / 1e6;

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

class Replica {
  constructor(cluster, id) {
    this.id = id;
    this.dir = join(cluster.dir, `node${id}`);
    this.waiting = [];
    this.acks = []; // when, ms
    this.child = spawn(
      NODE,
      [cluster.dir, String(id), String(cluster.runs++), CLUSTER, cluster.ports.join(',')],
      { env: { ...process.env, REPL_MAP_GIB: String(MAP_GIB), REPL_SCATTER: '1' }, stdio: ['pipe', 'pipe', 'inherit'] },
    );
    this.started = this.answer();
    createInterface({ input: this.child.stdout }).on('line', (line) => this.take(line));
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    this.ended.then(() => this.waiting.splice(0).forEach(({ reject }) => reject(new Error(`node ${id} ended`))));
  }

  take(line) {
    if (line.startsWith('ack ')) this.acks.push(Number(line.split(' ')[2]) / 1000);
    else this.waiting.shift()?.resolve(line);
  }

  answer() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`node ${this.id} gave no answer`)), ANSWER_MS);
      const settle = (end) => (value) => {
        clearTimeout(timer);
        end(value);
      };
      this.waiting.push({ resolve: settle(resolve), reject: settle(reject) });
    });
  }

  ask(command) {
    const answer = this.answer();
    this.child.stdin.write(`${command}\n`);
    return answer;
  }

  async status() {
    const words = (await this.ask('status')).split(' ');
    return { ready: words[1] === '1', leader: Number(words[2]), applied: Number(words[4]), digest: `${words[5]} ${words[6]}` };
  }

  // Acknowledged writes a second with `clients` outstanding: of accounts (`bench`), or of
  // requests (`push`).
  async bench(seconds, clients, what = 'bench') {
    const [, acks, p50, p99] = (await this.ask(`${what} ${seconds} ${clients}`)).split(' ').map(Number);
    return { per_second: acks / seconds, p50_ms: p50 / 1000, p99_ms: p99 / 1000 };
  }

  anonymousMb() {
    const [, kb] = readFileSync(`/proc/${this.child.pid}/status`, 'utf8').match(/RssAnon:\s+(\d+) kB/);
    return Number(kb) / 1024;
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  async quit() {
    this.child.stdin.on('error', () => {});
    this.child.stdin.write('quit\n');
    await this.ended;
  }
}

export class Replicas {
  constructor(dir) {
    this.dir = dir;
    this.runs = 1;
    this.nodes = new Map();
  }

  async prepare() {
    this.ports = await Promise.all([1, 2, 3].map(freePort));
    run(FILL, ['certs', this.dir, CLUSTER, '3']);
  }

  async start(id) {
    const node = new Replica(this, id);
    this.nodes.set(id, node);
    const said = await node.started;
    if (said !== 'started') throw new Error(`node ${id}: ${said}`);
    return node;
  }

  async up() {
    await Promise.all([1, 2, 3].map((id) => this.start(id)));
    return this.leader();
  }

  // Once all that run are ready and agree.
  async leader() {
    const until = monoMs() + 60_000;
    while (monoMs() < until) {
      const all = await Promise.all([...this.nodes.values()].map((node) => node.status()));
      const [{ leader }] = all;
      if (this.nodes.has(leader) && all.every((status) => status.ready && status.leader === leader)) return this.nodes.get(leader);
      await sleep(20);
    }
    throw new Error('the nodes agree on no leader');
  }

  others(node) {
    return [...this.nodes.values()].filter((other) => other !== node);
  }

  async kill(node) {
    this.nodes.delete(node.id);
    await node.kill();
  }

  // Same index, same digest.
  async equal() {
    for (const until = monoMs() + 30_000; monoMs() < until; await sleep(50)) {
      const all = await Promise.all([...this.nodes.values()].map((node) => node.status()));
      if (all.every(({ applied, digest }) => applied === all[0].applied && digest === all[0].digest)) return;
    }
    throw new Error('the nodes do not come to the same state');
  }

  async down() {
    const all = [...this.nodes.values()];
    this.nodes.clear();
    await Promise.all(all.map((node) => node.quit()));
  }

  async abort() {
    await Promise.all([...this.nodes.values()].map((node) => node.kill()));
    this.nodes.clear();
  }

  // A cluster that has just begun; its first node's directory becomes the seed.
  async makeSeed() {
    await this.up();
    await sleep(500);
    await this.equal();
    await this.down();
    cpSync(join(this.dir, 'node1'), join(this.dir, 'seed'), { recursive: true });
  }

  // Rows into the seed; bytes that its store takes.
  fill(from, to) {
    return JSON.parse(run(FILL, ['rows', join(this.dir, 'seed/store'), String(from), String(to), String(MAP_GIB)])).used_bytes;
  }

  // Another cluster in `dir`, whose nodes have the seed's log and state. It has the
  // same ports, so only one of them runs at a time.
  copy(dir) {
    const other = new Replicas(dir);
    other.ports = this.ports;
    other.runs = this.runs + 10;
    run('mkdir', ['-p', dir]);
    run('cp', [...readdirSync(this.dir).filter((name) => /\.(pem|key)$/.test(name)).map((name) => join(this.dir, name)), dir]);
    for (const id of [1, 2, 3]) {
      const to = join(dir, `node${id}`);
      mkdirSync(to, { mode: 0o700 });
      run('cp', ['-a', `${this.dir}/seed/.`, to]);
      run('sync', [join(to, 'store/data.mdb')]);
    }
    return other;
  }
}
