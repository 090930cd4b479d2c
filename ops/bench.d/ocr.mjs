// ops/bench ocr: reads a folder of scanned applications and scores the verdicts.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { byCluster } from './ocr_cluster.mjs';
import { report, score } from './ocr_score.mjs';
import { cpuOf, Memory } from './ocr_usage.mjs';
import { build } from './process.mjs';

const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const HELP = `usage: ops/bench ocr FOLDER [--json FILE] [--workers N] [--port-base P] [--keep]
       ops/bench ocr FOLDER --engine [--json FILE] [--workers N]
                 [--without-font PART] [--binary FILE] [--no-sandbox]

Reads every application of FOLDER (applications.csv, scans/, truth.json) and prints
confusion matrix, reasons, accuracy by field, speed per core and memory. truth.json is
used for scoring and for nothing else.

Applications take the real path: three nodes are started, applications.csv is what the
applicants typed, \`tasuki intake\` loads scans/, workers sort the pages and read them,
and the verdicts are read back from the nodes. With --engine, tasuki-ocr read alone.

  --json FILE          write figures and verdicts there too
  --workers N          that many at a time (default 1; speed is reported per core)
  --port-base P        ports of the cluster (default 14400)
  --keep               leave logs and data where they were
  --engine             by tasuki-ocr read, each application in its sandbox
  --without-font PART  the engine does without fonts whose path contains PART
  --binary FILE        the engine's program (default build/release/tasuki-ocr)
  --no-sandbox         the engine reads in one process, without limits of time: where
                       verdicts count and the machine is busy

Exit code: 0; 1 where a bad application was judged OK or a good one NG; 2 wrong usage.
`;

function parse(args) {
  const o = { workers: 1, portBase: 14400, binary: join(TOP, 'build/release/tasuki-ocr') };
  for (let i = 0; i < args.length; i++) {
    const value = () => args[++i] ?? fail(`${args[i - 1]} needs a value`);
    if (args[i] === '--json') o.json = value();
    else if (args[i] === '--engine') o.engine = true;
    else if (args[i] === '--keep') o.keep = true;
    else if (args[i] === '--no-sandbox') o.noSandbox = true;
    else if (args[i] === '--port-base') o.portBase = Number(value());
    else if (args[i] === '--workers') o.workers = Number(value());
    else if (args[i] === '--without-font') o.without = value();
    else if (args[i] === '--binary') o.binary = resolve(value());
    else if (args[i] === '-h' || args[i] === '--help') o.help = true;
    else if (args[i].startsWith('-')) fail(`unknown option ${args[i]}`);
    else if (o.folder) fail('one folder, please');
    else o.folder = resolve(args[i]);
  }
  if (!o.help && !o.folder) fail('which folder? See ops/bench ocr --help');
  if (!Number.isInteger(o.workers) || o.workers < 1 || o.workers > 9) fail('--workers: 1 to 9');
  if (!Number.isInteger(o.portBase) || o.portBase < 1024 || o.portBase > 65000) fail('--port-base: 1024 to 65000');
  if (!o.engine && (o.without || o.noSandbox)) fail('--without-font and --no-sandbox go with --engine');
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
  const jobs = truth.applications.map((app) => ({ app, record: records.get(app.record.application_id) }));
  return { jobs, records: [...records.values()] };
}

async function runWorker(o, queue, results, usage) {
  const args = ['read', '--batch', ...(o.without ? ['--without-font', o.without] : []), ...(o.noSandbox ? ['--no-sandbox'] : [])];
  const child = spawn(o.binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const memory = new Memory([child.pid]);
  for (let job = queue.shift(); job; job = queue.shift()) {
    const files = job.app.files.map((file) => join(o.folder, file));
    const begun = performance.now();
    child.stdin.write(`${JSON.stringify({ ...job.record, files })}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`tasuki-ocr ended at ${job.app.scan}`);
    results.push({ job, evidence: JSON.parse(value), ms: performance.now() - begun });
  }
  usage.memory_mb = Math.max(usage.memory_mb ?? 0, memory.close());
  usage.cpu_s = (usage.cpu_s ?? 0) + cpuOf(child.pid);
  child.stdin.end();
  await new Promise((done) => child.on('close', done));
}

async function byEngine(o, jobs) {
  const queue = [...jobs], results = [], usage = {};
  // What a start costs is no part of an application: files and fonts are in memory then.
  if (!o.noSandbox) await runWorker(o, [jobs[0]].filter(Boolean), [], {});
  await Promise.all(Array.from({ length: o.workers }, () => runWorker(o, queue, results, usage)));
  return { results, usage };
}

async function main() {
  const o = parse(process.argv.slice(2));
  if (o.help) return process.stdout.write(HELP);
  if (o.engine && !existsSync(o.binary)) fail(`${o.binary} is not there. Run: ops/build tasuki-ocr`);
  const { jobs, records } = readFolder(o.folder);
  if (!o.engine) build(['tasukid', 'tasuki', 'tasuki-ocr']);
  const { results, usage } = o.engine ? await byEngine(o, jobs) : await byCluster(o, jobs, records);
  const figures = score(results, usage);
  process.stdout.write(report(figures));
  if (o.json) writeFileSync(o.json, `${JSON.stringify(figures, null, 1)}\n`);
  process.exitCode = figures.false_ok > 0 || figures.good_ng > 0 ? 1 : 0;
}

await main();
