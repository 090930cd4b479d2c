// etcd, three nodes on loopback, measured beside ours by ops/bench scale.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { part, run, sleep } from './process.mjs';
import { freePort, monoMs } from './scale_nodes.mjs';

// As quick to notice a lost leader as our own defaults, or quicker.
const TIMERS = ['--heartbeat-interval', '20', '--election-timeout', '200'];
const PUT = part('scale_etcd');

export class Etcd {
  constructor(dir) {
    this.dir = dir;
    this.child = [];
  }

  async up() {
    mkdirSync(this.dir, { recursive: true });
    this.client ??= await Promise.all([0, 1, 2].map(freePort));
    this.peer ??= await Promise.all([0, 1, 2].map(freePort));
    [0, 1, 2].forEach((i) => this.start(i));
    await this.leader();
  }

  start(i) {
    const url = (port) => `http://127.0.0.1:${port}`;
    const log = openSync(join(this.dir, `n${i}.log`), 'a');
    const args = [
      ...['--name', `n${i}`, '--data-dir', join(this.dir, `n${i}`), ...TIMERS, '--log-level', 'error'],
      ...['--listen-client-urls', url(this.client[i]), '--advertise-client-urls', url(this.client[i])],
      ...['--listen-peer-urls', url(this.peer[i]), '--initial-advertise-peer-urls', url(this.peer[i])],
      ...['--initial-cluster', this.peer.map((port, n) => `n${n}=${url(port)}`).join(',')],
    ];
    const child = spawn('etcd', args, { stdio: ['ignore', log, log] });
    child.gone = new Promise((resolve, reject) => {
      child.on('close', resolve);
      child.on('error', reject);
    });
    child.gone.catch(() => {});
    this.child[i] = child;
  }

  // Its number, once all three answer and agree.
  async leader() {
    for (const until = monoMs() + 30_000; monoMs() < until; await sleep(50)) {
      const endpoints = this.client.map((port) => `127.0.0.1:${port}`).join(',');
      const text = run('etcdctl', ['--endpoints', endpoints, 'endpoint', 'status', '-w', 'json'], {
        optional: true,
        env: { ...process.env, ETCDCTL_API: '3' },
      });
      const all = text ? JSON.parse(text) : [];
      const id = all[0]?.Status.leader;
      const at = all.findIndex(({ Status }) => Status.header.member_id === id);
      if (all.length === 3 && at >= 0 && all.every(({ Status }) => Status.leader === id)) return at;
    }
    throw new Error(`etcd: no leader; see ${this.dir}`);
  }

  async puts(seconds, streams, conns) {
    const node = `127.0.0.1:${this.client[await this.leader()]}`;
    const args = ['--node', node, '--seconds', String(seconds), '--streams', String(streams), '--conns', String(conns)];
    const told = JSON.parse(await output(PUT, args));
    if (told.errors > 0) throw new Error(`etcd refused ${told.errors} puts`);
    return { per_second: told.per_second, p50_ms: told.p50_us / 1000, p99_ms: told.p99_us / 1000, client_cpu: told.client_cpu };
  }

  // At the leader: as clients of their own, with a connection each, and over as few
  // connections as give etcd the best rate.
  async bench(seconds, clients) {
    const tried = [];
    for (const conns of clients === 1 ? [1] : [1, 8, clients]) {
      tried.push({ ...(await this.puts(seconds, clients / conns, conns)), conns });
    }
    const own = tried.at(-1);
    return { own, best: tried.sort((a, b) => b.per_second - a.per_second)[0] };
  }

  // ms from kill -9 of the leader to the first success, at another node, of a put
  // that was sent after it.
  async failover() {
    const leader = await this.leader();
    const other = this.client[(leader + 1) % 3];
    const child = spawn(PUT, ['--node', `127.0.0.1:${other}`, '--every', '5', '--seconds', '12'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = new Promise((resolve) => child.on('close', resolve));
    let killed = Infinity;
    const recovered = new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [word, sent, acked] = line.split(' ');
        if (word === 'ack' && Number(sent) / 1000 > killed) resolve(Number(acked) / 1000 - killed);
      });
      gone.then(() => reject(new Error('etcd: no success after the kill')));
    });
    recovered.catch(() => {});
    await sleep(1000);
    killed = monoMs();
    this.child[leader].kill('SIGKILL');
    const ms = await recovered;
    child.kill('SIGKILL');
    await Promise.all([gone, this.child[leader].gone]);
    this.start(leader);
    await this.leader();
    return ms;
  }

  async down() {
    const all = this.child.splice(0);
    all.forEach((child) => child.kill('SIGTERM'));
    await Promise.all(all.map((child) => child.gone.catch(() => {})));
  }
}

function output(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (data) => (text += data));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`${command}: exit code ${code}`))));
  });
}
