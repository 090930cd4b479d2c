// An operation center of a test's own: three nodes with the staff's and the workers'
// listeners, a mail server, and a farm that answers as the test says.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { operator } from './admin.mjs';
import { Cluster } from './cluster.mjs';
import { ROOT, sleep, until } from './demo.mjs';
import { EVIDENCE_MAGIC, Worker } from './farm.mjs';
import { request } from './http.mjs';
import { Sinks } from './messages.mjs';
import { addStaff, Desk } from './staff.mjs';

const NUMBERS = ['7000012050002', '4000012090001', '1180301018771'];

export class Center {
  // `own`: lines of a single node's configuration, by its number.
  static async make(name, lines = [], own = {}) {
    const center = new Center();
    const port = Number(process.env.TASUKI_CLUSTER_PORT ?? 12600);
    center.sinks = await Sinks.open();
    const cluster = await Cluster.make({ name, port, binDir: process.env.TASUKI_BIN_DIR, lines: [...center.sinks.lines(), ...lines] });
    center.cluster = cluster;
    const pki = (...args) => cluster.mustRun(join(ROOT, 'ops/pki'), args);
    await pki('worker', cluster.pki, '--name', 'farm');
    await pki('balancer', cluster.pki);
    for (const id of [1, 2, 3]) cluster.configure(id, [`staff_listen = 127.0.0.1:${port + 40 + id}`, `worker_listen = 127.0.0.1:${port + 50 + id}`, ...(own[id] ?? [])]);
    await cluster.bootstrap();
    await cluster.settled();
    const pem = readFileSync(join(cluster.pki, 'balancer.pem'));
    center.consoles = [1, 2, 3].map((id) => ({ id, name: `staff-${id}`, base: `https://127.0.0.1:${port + 40 + id}`, tls: { cert: pem, key: pem } }));
    center.farm = new Worker({ pki: cluster.pki, name: 'farm', bases: [1, 2, 3].map((id) => `https://127.0.0.1:${port + 50 + id}`), magic: EVIDENCE_MAGIC });
    return center;
  }

  async close() {
    await this.cluster.close();
    await this.sinks.close();
  }

  // Somebody of the staff with these roles, signed in at a node.
  async person(roles, node = 1) {
    const account = await addStaff(roles);
    const desk = await new Desk(this.consoles[node - 1]).signIn(account);
    return Object.assign(desk, { account });
  }

  async apply(n, options = {}) {
    const kind = options.kind ?? 'corporation';
    const profile = {
      name: '襷株式会社', address1: '東京都港区芝公園１丁目１番１号', rep_last_nm: '山本', rep_first_nm: '千尋',
      birthday_ymd: `19${50 + (Math.trunc(n / 20) % 40)}10${10 + (n % 20)}`, email: `applicant-${n}@example.test`,
      ...(kind === 'corporation' ? { corporate_number: NUMBERS[n % 3] } : {}),
      ...options.profile,
    };
    const answer = await operator(1, 'POST', '/v1/applications', { application_id: `P27${1000 + n}`, kind, profile });
    if (answer.status !== 200) throw new Error(`application: ${answer.status} ${answer.answer.body}`);
    return { id: answer.json.application_id, kind, profile };
  }

  // Its papers: one file of one page or more (bytes given, or drawn), sorted by the farm.
  async papers(applications, { scan = () => randomBytes(2000), pages = 2 } = {}) {
    const folder = join(this.cluster.dir, `scans-${applications[0].id}`, 'B01');
    mkdirSync(folder, { recursive: true });
    for (const application of applications) {
      const bytes = scan(application);
      application.hash = createHash('sha256').update(bytes).digest('hex');
      application.size = bytes.length;
      writeFileSync(join(folder, `S${application.id}.tif`), bytes);
    }
    const taken = await this.cluster.ask(['intake', join(folder, '..'), '--json']);
    if (taken.code !== 0) throw new Error(taken.stderr);
    const byHash = new Map(applications.map((application) => [application.hash, application]));
    for (let left = applications.length; left > 0; ) {
      const job = await until('a bundle to sort', () => this.farm.lease());
      const application = byHash.get(job.scans[0].hash);
      if (!job.id.startsWith('s') || !application) throw new Error(`an unexpected job: ${job.id}`);
      const sheets = Array.from({ length: pages }, (_, index) => ({ scan: 0, index, kind: index === 0 ? 'form' : 'certificate', ...(index === 0 ? { id: application.id } : {}) }));
      const answer = await this.farm.result(job, 'REVIEW', { reasons: 1n << 32n, pages: sheets });
      if (answer.status !== 200) throw new Error(`sorting: ${answer.status} ${answer.body}`);
      left--;
    }
  }

  // The farm reads what is due: verdict and evidence of each application.
  async read(applications, evidenceOf = () => ({ verdict: 'OK' })) {
    const byId = new Map(applications.map((application) => [`r${application.id}`, application]));
    for (let left = applications.length; left > 0; left--) {
      const job = await until('an application to read', () => this.farm.lease().catch((error) => {
        if (!/503/.test(error.message)) throw error;
        return null; // a busy node: as a worker does, again
      }));
      const { verdict, ...more } = evidenceOf(byId.get(job.id));
      let answer = await this.farm.result(job, verdict, more);
      for (let tries = 0; answer.status === 503 && tries < 20; tries++) {
        await sleep(500);
        answer = await this.farm.result(job, verdict, more);
      }
      if (answer.status !== 200) throw new Error(`reading: ${answer.status} ${answer.body}`);
    }
  }

  // `count` applications at the desk, from number `from` on.
  async atDesk(from, count, { verdict = 'OK', ...options } = {}) {
    const applications = [];
    for (let n = from; n < from + count; n++) applications.push(await this.apply(n, options));
    await this.papers(applications, options);
    const reasons = { OK: 0n, NG: 1n << 0n, REVIEW: 1n << 36n }[verdict];
    if ((options.kind ?? 'corporation') === 'corporation')
      await this.read(applications, (application) => ({ verdict, reasons, ...(options.evidence?.(application) ?? {}) }));
    return applications;
  }

  async stateOf(desk, id) {
    const page = await desk.get(`/staff/application?id=${id}`);
    return page.body.match(/<span class="tag">([^<]*)<\/span><\/p><\/div>/)?.[1];
  }
}

// The claim's number on the page of an application.
export const claimOf = (page) => page.body.match(/name="claim" value="(\d+)"/)?.[1];

// Claim, and decide: the answer to the decision.
export async function decide(desk, id, decision, { defects = [], note = '', ...more } = {}) {
  const claimed = await desk.post('/staff/application/claim', { id });
  if (claimed.status !== 303) return claimed;
  const page = await desk.get(`/staff/application?id=${id}`);
  return desk.post('/staff/application/decide', { id, claim: claimOf(page) ?? '', decision, note, ...Object.fromEntries(defects.map((name) => [`defect_${name}`, '1'])), ...more });
}

// A form with a file, as a browser sends it: fields first, then the file.
export function sendFile(desk, path, fields, name, bytes) {
  const boundary = '----TasukiTestBoundary7MA4YWxk';
  const parts = Object.entries({ csrf: desk.csrf ?? '', ...fields }).map(([field, value]) => Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`));
  const body = Buffer.concat([
    ...parts,
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: text/csv\r\n\r\n`), Buffer.from(bytes), Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  return request(desk.target, 'POST', path, { jar: desk.jar, fresh: true, tls: desk.target.tls, body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } });
}
