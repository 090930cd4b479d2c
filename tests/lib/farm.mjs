// A worker of the OCR farm for tests: it asks for jobs and answers them as the test says,
// in the bytes of ocr-worker/wire. It looks at no picture.
import https from 'node:https';
import { readFileSync } from 'node:fs';
import { demo, sleep } from './demo.mjs';
import { request } from './http.mjs';

const VERDICTS = { OK: 1, NG: 2, REVIEW: 3 };
const KINDS = { form: 1, certificate: 2, cover: 5, blank: 6 };
const FIELD_APPLICATION_ID = 1;

class Reader {
  constructor(bytes) {
    Object.assign(this, { bytes, at: 0 });
  }
  take(n) {
    this.at += n;
    if (this.at > this.bytes.length) throw new Error('a job is shorter than it says');
    return this.bytes.subarray(this.at - n, this.at);
  }
  u8 = () => this.take(1).readUInt8();
  u16 = () => this.take(2).readUInt16LE();
  u32 = () => this.take(4).readUInt32LE();
  text = (n) => this.take(n).toString('utf8');
}

function readJob(bytes) {
  const r = new Reader(bytes);
  r.u32();
  r.u16();
  const job = { id: r.text(r.u8()), attempt: r.u32(), leaseMs: r.u32(), record: {}, scans: [] };
  for (const name of ['applicationId', 'corporateNumber', 'company', 'address', 'title', 'name', 'birthDate', 'receivedOn'])
    job.record[name] = r.text(r.u16());
  for (let n = r.u8(); n > 0; n--) job.scans.push({ hash: r.take(32).toString('hex'), size: r.u32(), media: r.u8() });
  return job;
}

const u8 = (n) => Buffer.from([n]);
const u16 = (n) => Buffer.from([n & 255, n >> 8]);
function u32(n) {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(n >>> 0);
  return out;
}
function u64(n) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(n));
  return out;
}

const FIELDS = { form_number: 2, form_name: 3, form_birth: 4, form_seal: 5, cert_number: 6, cert_name: 7, cert_birth: 8, cert_issued: 9, cert_seal: 10 };
const FIELD_VERDICTS = { agrees: 1, variant: 2, differs: 3, doubtful: 4, absent: 5 };

// { field, verdict, confidence (0 to 1), page, text, quad: [[x, y] four times] }
function field({ field: kind, verdict = 'agrees', confidence = 0.95, page = 0, text = '', quad = [[10, 10], [60, 10], [60, 30], [10, 30]] }) {
  const bytes = Buffer.from(text);
  const points = Buffer.alloc(32);
  quad.flat().forEach((n, i) => points.writeInt32LE(n, 4 * i));
  return [u8(FIELDS[kind]), u8(FIELD_VERDICTS[verdict]), u16(Math.round(confidence * 1000)), u8(page), points, u16(bytes.length), bytes];
}

// pages: [{ scan, index, kind, id?, turn?, size? }]
function evidence(magic, job, verdict, reasons, pages, fields) {
  const named = pages.map((page, i) => ({ ...page, i })).filter((page) => page.id);
  return Buffer.concat([
    magic, u16(1), u8(job.id.length), Buffer.from(job.id), u32(job.attempt), u8(VERDICTS[verdict]), u64(reasons), u32(1), u32(3),
    u8(pages.length),
    ...pages.flatMap((p) => [u8(p.scan), u8(p.index), u8(KINDS[p.kind]), u16(p.turn ?? 0), u16(0), u16(p.size?.[0] ?? 100), u16(p.size?.[1] ?? 100), u16(300), u8(0)]),
    u8(named.length + fields.length),
    ...named.flatMap((p) => [u8(FIELD_APPLICATION_ID), u8(1), u16(1000), u8(p.i), Buffer.alloc(32), u16(p.id.length), Buffer.from(p.id)]),
    ...fields.flatMap(field),
  ]);
}

// What evidence_wire's bytes begin with.
export const EVIDENCE_MAGIC = '544f5245';

export class Worker {
  // `pki`: the folder of ops/pki; `bases`: of the nodes' worker_listen.
  constructor({ pki, name, bases, magic }) {
    this.bases = bases;
    this.magic = Buffer.from(magic, 'hex');
    this.agent = new https.Agent({
      keepAlive: true,
      ca: demo().ca,
      cert: readFileSync(`${pki}/worker-${name}.crt`),
      key: readFileSync(`${pki}/worker-${name}.key`),
    });
  }

  call(method, path, body, node = 0) {
    return request({ name: 'worker', base: this.bases[node] }, method, path, { agent: this.agent, ...(body === undefined ? {} : { body }) });
  }

  // null: nothing is due.
  async lease(node = 0) {
    const answer = await this.call('POST', '/v1/jobs/lease', '', node);
    if (answer.status === 204) return null;
    if (answer.status !== 200) throw new Error(`lease: ${answer.status} ${answer.body}`);
    return readJob(answer.bytes);
  }

  async scan({ hash, size }, node = 0) {
    const chunks = [];
    for (let index = 0; index * 49152 < size; index++) {
      const ask = () => this.call('GET', `/v1/jobs/blob?sha256=${hash}&index=${index}`, undefined, node);
      let answer = await ask();
      for (let tries = 0; answer.status === 503 && tries < 10; tries++) { // a busy node, or one behind
        await sleep(300);
        answer = await ask();
      }
      if (answer.status !== 200) return null;
      chunks.push(answer.bytes);
    }
    return Buffer.concat(chunks);
  }

  result(job, verdict, { reasons = 0, pages = [], fields = [], node = 0 } = {}) {
    return this.call('POST', '/v1/jobs/result', evidence(this.magic, job, verdict, reasons, pages, fields), node);
  }
}
