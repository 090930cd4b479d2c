// ops/bench ocr: reads a folder of scanned applications and scores the verdicts.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { report, score } from './ocr_score.mjs';

const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const HELP = `usage: ops/bench ocr FOLDER [--json FILE] [--engine] [--workers N]
                 [--without-font PART] [--binary FILE]

Reads every application of FOLDER (applications.csv, scans/, truth.json) and prints
confusion matrix, reasons, accuracy by field, speed per core and memory. truth.json is
used for scoring and for nothing else.

  --json FILE          write figures and verdicts there too
  --engine             by tasuki-ocr read, each application in its sandbox
  --workers N          that many at a time (default 1; speed is reported per core)
  --without-font PART  the engine does without fonts whose path contains PART
  --binary FILE        the program (default build/release/tasuki-ocr)
`;

function parse(args) {
  const o = { workers: 1, binary: join(TOP, 'build/release/tasuki-ocr') };
  for (let i = 0; i < args.length; i++) {
    const value = () => args[++i] ?? fail(`${args[i - 1]} needs a value`);
    if (args[i] === '--json') o.json = value();
    else if (args[i] === '--engine') o.engine = true;
    else if (args[i] === '--workers') o.workers = Number(value());
    else if (args[i] === '--without-font') o.without = value();
    else if (args[i] === '--binary') o.binary = resolve(value());
    else if (args[i] === '-h' || args[i] === '--help') o.help = true;
    else if (args[i].startsWith('-')) fail(`unknown option ${args[i]}`);
    else if (o.folder) fail('one folder, please');
    else o.folder = resolve(args[i]);
  }
  if (!o.help && !o.folder) fail('which folder? See ops/bench ocr --help');
  if (!Number.isInteger(o.workers) || o.workers < 1 || o.workers > 64) fail('--workers: 1 to 64');
  return o;
}

function fail(message) {
  console.error(`ops/bench ocr: ${message}`);
  process.exit(2);
}

// RFC 4180: quotes, doubled quotes; no line breaks within fields.
export function csvLine(line) {
  const out = [];
  for (const m of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    out.push(m[1] !== undefined ? m[1].replaceAll('""', '"') : m[2]);
  }
  return out;
}

function readFolder(folder) {
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8'));
  const [head, ...rows] = readFileSync(join(folder, 'applications.csv'), 'utf8')
    .replace(/^\uFEFF/, '').trimEnd().split(/\r?\n/).map(csvLine);
  const records = new Map(rows.map((row) => {
    const record = Object.fromEntries(head.map((name, i) => [name, row[i]]));
    return [record.application_id, record];
  }));
  // A scan's own application is known to the bench alone; intake finds it by QR code.
  return truth.applications.map((app) => ({ app, record: records.get(app.record.application_id) }));
}

const peakOf = (pid) => {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(text.match(/VmHWM:\s+(\d+)/)?.[1] ?? 0) / 1024;
  } catch { return 0; }
};
const childrenOf = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  } catch { return []; }
};
// Memory of a reader that it does not share with the worker.
const privateOf = (pid) => {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const sum = [...text.matchAll(/^Private_\w+:\s+(\d+)/gm)].reduce((s, m) => s + Number(m[1]), 0);
    return sum / 1024;
  } catch { return 0; }
};

async function runWorker(o, queue, results, usage) {
  const args = ['read', '--batch', ...(o.without ? ['--without-font', o.without] : [])];
  const child = spawn(o.binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let privateMax = 0;
  const watch = setInterval(() => {
    for (const pid of childrenOf(child.pid)) privateMax = Math.max(privateMax, privateOf(pid));
  }, 20);
  for (let job = queue.shift(); job; job = queue.shift()) {
    const files = job.app.files.map((file) => join(o.folder, file));
    const begun = performance.now();
    child.stdin.write(`${JSON.stringify({ ...job.record, files })}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`tasuki-ocr ended at ${job.app.scan}`);
    results.push({ job, evidence: JSON.parse(value), ms: performance.now() - begun });
  }
  clearInterval(watch);
  usage.memory_mb = Math.max(usage.memory_mb ?? 0, peakOf(child.pid) + privateMax);
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  usage.cpu_s = (usage.cpu_s ?? 0) + stat.slice(11, 15).reduce((s, t) => s + Number(t), 0) / 100;
  child.stdin.end();
  await new Promise((done) => child.on('close', done));
}

async function main() {
  const o = parse(process.argv.slice(2));
  if (o.help) return process.stdout.write(HELP);
  if (!existsSync(o.binary)) fail(`${o.binary} is not there. Run: ops/build tasuki-ocr`);
  const jobs = readFolder(o.folder);
  const queue = [...jobs], results = [], usage = {};
  // What a start costs is no part of an application: read the first twice.
  await runWorker(o, [jobs[0]].filter(Boolean), [], {});
  await Promise.all(Array.from({ length: o.workers }, () => runWorker(o, queue, results, usage)));
  const figures = score(results, usage);
  process.stdout.write(report(figures));
  if (o.json) writeFileSync(o.json, `${JSON.stringify(figures, null, 1)}\n`);
  process.exitCode = figures.false_ok > 0 || figures.good_ng > 0 ? 1 : 0;
}

await main();
