// A cluster of bare nodes that one test owns: processes, folders, configuration files.
// For what the shared demo must not suffer: damaged files, lost nodes, new epochs. The
// libraries that ask for demo() are given this cluster.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { statusOf } from './admin.mjs';
import { demo, ROOT, run, sleep, switchDemo, until } from './demo.mjs';
import { dropConnections, get } from './http.mjs';

const REGIONS = ['tokyo', 'osaka', 'fukuoka'];

export class Cluster {
  // `port`: the first of 60 ports. `voters`: nodes 1 to so many begin the cluster.
  // `clocks`: each node has a wall clock of its own (`clock`).
  static async make({ name, port, binDir, voters = 3, lines = [], clocks = false }) {
    const cluster = new Cluster();
    Object.assign(cluster, { port, binDir, voters, lines, clocks, nodes: [], children: new Map() });
    cluster.dir = mkdtempSync(join(tmpdir(), `tasuki-${name}-`));
    cluster.pki = join(cluster.dir, 'pki');
    await cluster.mustRun(join(ROOT, 'ops/pki'), ['init', cluster.pki]);
    await cluster.mustRun(join(ROOT, 'ops/pki'), ['operator', cluster.pki]);
    await cluster.mustRun(join(ROOT, 'ops/pki'), ['http', cluster.pki, '--host', 'localhost', '--host', '127.0.0.1']);
    cluster.id = readFileSync(join(cluster.pki, 'cluster.id'), 'utf8').trim();
    for (let id = 1; id <= voters; id++) await cluster.prepare(id);
    cluster.writeEnv();
    cluster.use();
    return cluster;
  }

  get envFile() {
    return join(this.dir, 'demo.env');
  }

  // The libraries that ask for demo() get this one.
  use() {
    return switchDemo(this.envFile);
  }

  async mustRun(command, args, options) {
    const result = await run(command, args, { timeout: 120000, ...options });
    if (result.code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${result.code} ${result.stdout}${result.stderr}`);
    return result;
  }

  node(id) {
    return this.nodes.find((node) => node.id === id);
  }

  peerLines(ids) {
    return ids.map((id) => `peer = ${id} 127.0.0.1:${this.port + 20 + id} ${REGIONS[(id - 1) % 3]}`);
  }

  // Certificate, folder and configuration; nothing is started.
  async prepare(id) {
    const data = join(this.dir, `node-${id}`);
    const node = {
      id,
      name: `node-${id}`,
      base: `https://127.0.0.1:${this.port + id}`,
      operator: `https://127.0.0.1:${this.port + 10 + id}`,
      peer: `127.0.0.1:${this.port + 20 + id}`,
      region: REGIONS[(id - 1) % 3],
      data,
      store: join(data, 'store'),
      raft: join(data, 'raft'),
      conf: join(this.dir, `node-${id}.conf`),
      log: join(this.dir, `node-${id}.log`),
    };
    await this.mustRun(join(ROOT, 'ops/pki'), ['node', this.pki, String(id), '--san', '127.0.0.1']);
    this.nodes.push(node);
    this.configure(id);
    return node;
  }

  // Written anew: `lines` are added to those of the cluster, or take their place.
  configure(id, lines = []) {
    const node = this.node(id);
    const voters = Array.from({ length: this.voters }, (_, i) => i + 1);
    const peers = this.peerLines(id > this.voters ? [...voters, id] : voters);
    const keys = new Map();
    for (const line of [
      `node_id = ${id}`, `cluster_id = ${this.id}`, `data_dir = ${node.data}`,
      `issuer = https://localhost:${this.port}/oauth/`, 'environment = demo',
      `http_listen = 127.0.0.1:${this.port + id}`, `operator_listen = 127.0.0.1:${this.port + 10 + id}`,
      `http_cert = ${this.pki}/http.crt`, `http_key = ${this.pki}/http.key`,
      `peer_cert = ${this.pki}/node-${id}.crt`, `peer_key = ${this.pki}/node-${id}.key`,
      `ca = ${this.pki}/ca.crt`, `cluster_key = ${this.pki}/cluster.key`,
      `outbound_ca = ${this.pki}/ca.crt`, 'store_map_bytes = 1073741824', 'login_limit_per_minute = 30000', 'drain_ms = 0',
      'login_cap_account = 0', 'login_cap_source = 0', 'login_cap_client = 0',
      ...this.lines, ...lines,
    ])
      keys.set(line.split('=')[0].trim(), line);
    writeFileSync(node.conf, [...keys.values(), ...peers, 'host = localhost', 'host = 127.0.0.1', ''].join('\n'), { mode: 0o600 });
  }

  // What ops/demo would write, of the first nodes.
  writeEnv() {
    const lines = [`TASUKI_ISSUER='https://localhost:${this.port}/oauth/'`, `TASUKI_CA='${this.pki}/ca.crt'`, `TASUKI_BALANCER='${this.nodes[0].base}'`];
    for (const node of this.nodes)
      lines.push(`TASUKI_NODE_${node.id}='${node.base}'`, `TASUKI_OPERATOR_${node.id}='${node.operator}'`, `TASUKI_PEER_${node.id}='${node.peer}'`);
    lines.push(
      `TASUKI_OPERATOR_CERT='${this.pki}/operator.crt'`, `TASUKI_OPERATOR_KEY='${this.pki}/operator.key'`, `TASUKI_CLUSTER_ID='${this.id}'`,
      "TASUKI_PASSWORD='none'", "TASUKI_ACCOUNT='none'", `TASUKI_DEMO_DIR='${this.dir}'`, `TASUKI_BIN_DIR='${this.binDir}'`, '',
    );
    writeFileSync(this.envFile, lines.join('\n'));
  }

  // From now on the libraries use this node too.
  include(id) {
    const node = this.node(id);
    if (!demo().nodes.includes(node)) demo().nodes[id - 1] = node;
    this.writeEnv();
  }

  start(id, ...more) {
    const node = this.node(id);
    if (this.runs(id)) throw new Error(`node ${id} runs already`);
    const out = openSync(node.log, 'a');
    // `gid`: by which the node's packets are known from those of the others.
    const options = { stdio: ['ignore', out, out], ...(node.gid ? { gid: node.gid } : {}), ...(this.clocks ? { env: this.clockEnv(id) } : {}) };
    const child = spawn(join(this.binDir, 'tasukid'), ['--config', node.conf, ...more], options);
    closeSync(out);
    child.ended = new Promise((done) => child.on('exit', (code, signal) => done({ code, signal })));
    this.children.set(id, child);
    return child;
  }

  // Seconds that the node's wall clock is ahead of this machine's, from now on.
  clock(id, ahead_s) {
    writeFileSync(join(this.dir, `clock-${id}`), `${ahead_s < 0 ? '' : '+'}${ahead_s}s\n`);
  }
  clockEnv(id) {
    const file = join(this.dir, `clock-${id}`);
    if (!existsSync(file)) this.clock(id, 0);
    return {
      ...process.env,
      LD_PRELOAD: '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
      FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1',
      ASAN_OPTIONS: 'verify_asan_link_order=0:detect_leaks=0', // a sanitized build wants to be first
    };
  }

  runs(id) {
    const child = this.children.get(id);
    return Boolean(child) && child.exitCode === null && child.signalCode === null;
  }

  async signal(id, name) {
    const child = this.children.get(id);
    if (this.runs(id)) child.kill(name);
    dropConnections();
    return child.ended;
  }
  stop(id) {
    return this.signal(id, 'SIGTERM');
  }
  kill(id) {
    return this.signal(id, 'SIGKILL');
  }

  // Until the node ends by itself: { code, signal }.
  async end(id, timeout = 60000) {
    await until(`node ${id} ends`, () => !this.runs(id), { timeout });
    return this.children.get(id).ended;
  }

  logText(id) {
    return existsSync(this.node(id).log) ? readFileSync(this.node(id).log, 'utf8') : '';
  }
  events(id, event) {
    return this.logText(id).split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)).filter((one) => !event || one.event === event);
  }
  cutLog(id) {
    if (existsSync(this.node(id).log)) {
      appendFileSync(join(this.dir, 'logs.old'), this.logText(id));
      writeFileSync(this.node(id).log, '');
    }
  }

  async ready(id, timeout = 60000) {
    await until(
      `node ${id} is ready`,
      async () => {
        if (!this.runs(id)) return 'gone';
        return (await get(this.node(id), '/health', { timeout: 2000 })).status === 200;
      },
      { timeout, every: 100 },
    );
    if (!this.runs(id)) throw new Error(`node ${id} ended: ${this.logText(id).slice(-2000)}`);
  }

  async bootstrap() {
    for (let id = 1; id <= this.voters; id++) this.start(id, '--bootstrap');
    for (let id = 1; id <= this.voters; id++) await this.ready(id);
    await until('keys', async () => (await get(this.nodes[0], '/oauth/jwks')).json.keys.length >= 3); // one an algorithm: before that nothing is signed
  }

  async digestsAgree(ids, timeout = 30000) {
    return until(
      `equal digests of nodes ${ids}`,
      async () => {
        const all = await Promise.all(ids.map((id) => statusOf(id)));
        if (all.some((s) => s.nodes.some((n) => n.digest_differs))) throw new Error('a digest differs');
        return all.every((s) => s.digest_index === all[0].digest_index && s.digest === all[0].digest) && all[0];
      },
      { timeout, every: 30 },
    );
  }

  // Statuses are up to 100 ms old: what was just written is in none of them.
  async settled(ids = this.nodes.map((node) => node.id)) {
    await sleep(150);
    return this.digestsAgree(ids);
  }

  tasuki(args, options = {}) {
    return run(join(this.binDir, 'tasuki'), args, { timeout: 120000, ...options });
  }
  // With the operators' ports of the nodes.
  ask(args, options) {
    return this.tasuki([...args, '--env', this.envFile], options);
  }

  async close() {
    for (const id of this.children.keys()) if (this.runs(id)) await this.signal(id, 'SIGKILL');
    if (process.env.TASUKI_KEEP) console.log(`kept: ${this.dir}`);
    else rmSync(this.dir, { recursive: true, force: true });
  }
}

