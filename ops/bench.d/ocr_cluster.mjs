// The real path for ops/bench ocr: a cluster of three nodes, `tasuki intake`, workers; and
// what they found, read back from the nodes.
import https from 'node:https';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from './cluster.mjs';
import { BUILD, TOP, run, sleep } from './process.mjs';
import { cpuOf, Memory } from './ocr_usage.mjs';

const IDLE_LOOKS = 3; // so often nothing waits and nothing is leased: it is over
const LOOK_MS = 300;

export class Farm {
  constructor({ workers, portBase, keep }) {
    this.keep = keep;
    this.dir = mkdtempSync(join(tmpdir(), 'tasuki-bench-ocr-'));
    run(`${TOP}/ops/demo`, ['up', '--dir', join(this.dir, 'demo'), '--build-dir', BUILD, '--port-base', String(portBase), '--workers', String(workers)]);
    this.up = true;
    this.envFile = join(this.dir, 'demo/demo.env');
    this.env = parseEnv(readFileSync(this.envFile, 'utf8'));
    this.pids = Array.from({ length: workers }, (_, i) => Number(readFileSync(join(this.dir, `demo/worker-${i + 1}.pid`), 'utf8').split(' ')[0]));
    this.nodes = [1, 2, 3].map((n) => this.env[`TASUKI_OPERATOR_${n}`]);
    this.agent = new https.Agent({
      keepAlive: true, ca: readFileSync(this.env.TASUKI_CA),
      cert: readFileSync(this.env.TASUKI_OPERATOR_CERT), key: readFileSync(this.env.TASUKI_OPERATOR_KEY),
    });
  }

  close() {
    if (!this.up) return;
    this.up = false;
    this.agent.destroy();
    run(`${TOP}/ops/demo`, ['down', '--dir', join(this.dir, 'demo')], { optional: true });
    if (this.keep) console.error(`kept: ${this.dir}`);
    else rmSync(this.dir, { recursive: true, force: true });
  }

  ask(node, method, path, body) {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const request = https.request(`${this.nodes[node]}${path}`, {
        method, agent: this.agent, timeout: 30000,
        headers: text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => {
          const answer = Buffer.concat(parts).toString('utf8');
          resolve({ status: response.statusCode, json: answer.startsWith('{') ? JSON.parse(answer) : null, answer });
        });
      });
      request.on('timeout', () => request.destroy(new Error(`${path}: no answer`)));
      request.on('error', reject);
      request.end(text);
    });
  }

  async must(method, path, body) {
    for (let attempt = 0; ; attempt++) {
      const answer = await this.ask(attempt % 3, method, path, body);
      if (answer.status === 200) return answer.json;
      if (answer.status < 500 || attempt > 30) throw new Error(`${path}: ${answer.status} ${answer.answer}`);
      await sleep(200);
    }
  }

  // What the applicants typed. A mail address is asked for, and no folder has any.
  async apply(records) {
    let n = 0;
    for (const r of records) {
      const [last, ...first] = r.name.split(/[ \u3000]+/);
      await this.must('POST', '/v1/applications', {
        application_id: r.application_id, kind: 'corporation', received_on: r.received_on,
        profile: {
          corporate_number: r.corporate_number, name: r.company, address1: r.address || '-', rep_last_nm: last, rep_first_nm: first.join(' '),
          birthday_ymd: r.birth_date.replaceAll('-', ''), email: `applicant-${++n}@bench.example`,
        },
      });
    }
  }

  intake(folder) {
    return new Promise((resolve, reject) => {
      const child = spawn(`${BUILD}/tasuki`, ['intake', folder, '--env', this.envFile, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
      let out = '', err = '';
      child.stdout.on('data', (part) => (out += part));
      child.stderr.on('data', (part) => (err += part));
      child.on('close', (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`tasuki intake: exit ${code}\n${err}`))));
    });
  }

  async settled() {
    for (let idle = 0; idle < IDLE_LOOKS; await sleep(LOOK_MS)) {
      const { jobs } = await this.must('GET', '/v1/applications');
      idle = jobs.waiting + jobs.leased === 0 ? idle + 1 : 0;
      if (!this.pids.some((pid) => existsSync(`/proc/${pid}`))) throw new Error(`no worker is left; see ${this.dir}/demo/worker-1.log`);
    }
  }

  // The evidence is on one node at first.
  async verdict(id) {
    let answer;
    for (let attempt = 0; attempt < 60; attempt++) {
      answer = await this.ask(attempt % 3, 'POST', '/v1/applications/evidence', { application_id: id });
      if (answer.status === 200 && (answer.json.evidence || !answer.json.verdict || answer.json.reasons.includes('unread'))) break;
      if (attempt % 3 === 2) await sleep(200);
    }
    if (answer.status !== 200) throw new Error(`${id}: ${answer.status} ${answer.answer}`);
    const { verdict, reasons, evidence, state } = answer.json;
    // Nobody's pages, by machine: a person sorts them.
    if (!verdict) return { verdict: 'REVIEW', reasons: ['unsorted'], pages: [], fields: [], state };
    return { pages: [], fields: [], ...evidence, verdict, reasons, state };
  }

  // Milliseconds from lease to the node's answer, by application: sorted, and read.
  times() {
    const ms = new Map();
    for (const file of readdirSync(join(this.dir, 'demo')).filter((name) => /^worker-\d+\.log$/.test(name))) {
      for (const line of readFileSync(join(this.dir, 'demo', file), 'utf8').split('\n')) {
        const event = line.startsWith('{') && line.includes('"ocr.done"') ? JSON.parse(line) : null;
        if (event?.application) ms.set(event.application, (ms.get(event.application) ?? 0) + event.ms);
      }
    }
    return ms;
  }
}

export async function byCluster(o, jobs, records) {
  const farm = new Farm(o);
  const stop = () => { farm.close(); process.exit(130); };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await farm.apply(records);
    const before = farm.pids.map(cpuOf);
    const memory = new Memory(farm.pids);
    const begun = performance.now();
    const taken = await farm.intake(join(o.folder, 'scans'));
    await farm.settled();
    const wall = (performance.now() - begun) / 1000;
    const usage = {
      cpu_s: farm.pids.reduce((sum, pid, i) => sum + cpuOf(pid) - before[i], 0),
      memory_mb: memory.close(), wall_s: wall,
      intake: { files: taken.files, bundles: taken.bundles, failed: taken.failed, not_taken: taken.not_taken.length },
    };
    const times = farm.times();
    const results = [];
    for (const job of jobs) {
      const id = job.record.application_id;
      results.push({ job, evidence: await farm.verdict(id), ms: times.get(id) ?? 0 });
    }
    return { results, usage };
  } finally {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
    farm.close();
  }
}
