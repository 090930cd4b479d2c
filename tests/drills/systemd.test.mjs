// The units of ops/systemd under a systemd that runs: sandbox, READY, watchdog, restart,
// stop. It boots in namespaces of its own and touches nothing of this machine.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

const { TASUKI_BIN_DIR: bin, TASUKI_ROOT: root } = process.env;
const units = join(root, 'ops/systemd');
const dir = join(bin, 'drills', 'systemd');
const PORT = 8443;
const OPERATORS = 8444;
const WORKERS = 8445;
const WORKER = 'tasuki-ocr@1';
let booted, init;
let cannot; // why this machine cannot do it
const it = (name, body) =>
  test(name, async (t) => {
    if (cannot) t.skip(cannot);
    else await body(t);
  });

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
async function until(what, look, timeout = 60000) {
  const end = Date.now() + timeout;
  for (;;) {
    const found = await look();
    if (found) return found;
    const last = (unit) => log(unit).split('\n').slice(-12).join('\n');
    assert.ok(Date.now() < end, `${what}; the node says:\n${last('tasukid')}\nthe worker:\n${last('tasuki-ocr@')}`);
    await sleep(100);
  }
}
function log(unit = 'tasukid') {
  try {
    return readFileSync(join(dir, `lib/${unit}.log`), 'utf8');
  } catch {
    return '(nothing)';
  }
}
const inside = (...argv) => spawnSync('nsenter', ['-t', String(init), '-p', '-m', '-n', '-C', ...argv], { encoding: 'utf8' });
function show(unit = 'tasukid') {
  const { stdout } = inside('systemctl', 'show', unit, '-p', 'ActiveState,SubState,MainPID,NRestarts,Result,StatusText');
  return Object.fromEntries(stdout.trim().split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
}
const health = () => inside('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2', '--cacert', '/etc/tasuki/ca.crt', `https://127.0.0.1:${PORT}/health`).stdout === '200';
const serves = () => until('the node serves', () => show().ActiveState === 'active' && health());
// As this machine numbers it.
function pidOf(inner, program = 'tasukid') {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^NSpid:\s+(.*)$/m)[1].split(/\s+/);
      if (line.length > 1 && line.at(-1) === inner && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`/usr/local/bin/${program}\0`)) return Number(pid);
    } catch {
      // it has ended
    }
  }
  return 0;
}

before(async () => {
  rmSync(dir, { recursive: true, force: true });
  for (const name of ['etc', 'lib']) mkdirSync(join(dir, name), { recursive: true });
  const pki = (...args) => execFileSync(join(root, 'ops/pki'), args, { stdio: 'pipe' });
  const etc = join(dir, 'etc');
  pki('init', etc);
  pki('node', etc, '1', '--san', '127.0.0.1');
  pki('http', etc, '--host', '127.0.0.1');
  pki('operator', etc);
  pki('worker', etc, '--name', 'one', '--environment', 'demo');
  writeFileSync(join(etc, 'worker.conf'), `nodes = https://127.0.0.1:${WORKERS}
ca = /etc/tasuki/ca.crt
cert = /etc/tasuki/worker-one.crt
key = /etc/tasuki/worker-one.key
idle_ms = 200
time_limit_ms = 120000
memory_limit_mb = 1024
`);
  writeFileSync(join(etc, 'cluster.env'), `TASUKI_CA=/etc/tasuki/ca.crt
TASUKI_OPERATOR_CERT=/etc/tasuki/operator.crt
TASUKI_OPERATOR_KEY=/etc/tasuki/operator.key
TASUKI_OPERATOR_1=https://127.0.0.1:${OPERATORS}
`);
  writeFileSync(join(etc, 'tasukid.conf'), `node_id = 1
cluster_id = ${readFileSync(join(etc, 'cluster.id'), 'utf8').trim()}
data_dir = /var/lib/tasuki
peer = 1 127.0.0.1:7101 tokyo
issuer = https://127.0.0.1:${PORT}/oauth/
environment = demo
host = 127.0.0.1
http_listen = 127.0.0.1:${PORT}
operator_listen = 127.0.0.1:${OPERATORS}
worker_listen = 127.0.0.1:${WORKERS}
http_cert = /etc/tasuki/http.crt
http_key = /etc/tasuki/http.key
peer_cert = /etc/tasuki/node-1.crt
peer_key = /etc/tasuki/node-1.key
ca = /etc/tasuki/ca.crt
cluster_key = /etc/tasuki/cluster.key
store_map_bytes = 1073741824
`);
  writeFileSync(join(etc, 'tasukid.env'), 'TASUKID_OPTIONS=--bootstrap\n');
  booted = spawn('unshare', ['--pid', '--fork', '--mount', '--net', '--uts', '--ipc', '--cgroup', '--kill-child', join(root, 'tests/drills/systemd_boot.sh'), dir, bin, units], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  booted.stderr.on('data', (chunk) => (said += chunk));
  init = await until('systemd boots', () => {
    if (booted.exitCode !== null) return 'none';
    try {
      const child = readFileSync(`/proc/${booted.pid}/task/${booted.pid}/children`, 'utf8').trim();
      return child !== '' && readFileSync(`/proc/${child}/cmdline`, 'utf8').startsWith('/lib/systemd/systemd') && child;
    } catch {
      return false; // it ends, or is about to begin
    }
  });
  if (init === 'none') cannot = `systemd does not boot in namespaces of this machine: ${said.trim()}`;
  else await serves();
});
after(() => booted?.kill('SIGKILL'));

it('the units are sound, and their sandbox is tight', () => {
  for (const unit of ['tasukid.service', 'tasuki-ocr@1.service']) {
    const { status, stdout, stderr } = inside('systemd-analyze', 'verify', '--recursive-errors=no', `/usr/lib/systemd/system/${unit.replace('@1', '@')}`);
    assert.equal(status, 0, stdout + stderr);
    assert.equal(stderr.trim(), '', unit);
    // 0: nothing is exposed; 10: everything. Above 2.0 it exits with an error.
    const exposed = inside('systemd-analyze', 'security', '--offline=true', '--threshold=20', `/usr/lib/systemd/system/${unit.replace('@1', '@')}`);
    assert.equal(exposed.status, 0, exposed.stdout.split('\n').slice(-3).join('\n'));
  }
});

// Its mounts, as a function that gives the flags of a path.
function shutIn(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name) => status.match(new RegExp(`^${name}:\\s+(.*)$`, 'm'))[1];
  assert.notEqual(field('Uid').split('\t')[0], '0');
  for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(field(set), /^0+$/, set);
  assert.equal(field('NoNewPrivs'), '1');
  assert.equal(field('Seccomp'), '2');
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n').map((line) => line.split(' '));
  const flags = (path) => mounts.filter((mount) => mount[4] === path).at(-1)?.[5].split(',') ?? [];
  assert.ok(flags('/').includes('ro') && flags('/etc').includes('ro'), 'the system is read-only');
  return flags;
}

it('the node runs as itself, without rights, and cannot write but to its data', () => {
  const flags = shutIn(pidOf(show().MainPID));
  assert.ok(flags('/var/lib/tasuki').includes('rw'));
});

// ---- a worker of the OCR farm, under its own unit

const done = () => log('tasuki-ocr@').split('\n').filter((line) => line.includes('"ocr.done"')).map((line) => JSON.parse(line));

it('a worker starts shut in, does a job, and its verdict is there', async () => {
  const forms = join(dir, 'lib/forms');
  execFileSync(join(bin, 'tests/ocr/make_forms'), ['--count', '1', '--seed', '7', '--bad', '0', forms], { stdio: 'pipe', env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });
  const [{ record }] = JSON.parse(readFileSync(join(forms, 'truth.json'), 'utf8')).applications;
  const [last, first = ''] = record.name.split(' ');
  const body = JSON.stringify({
    application_id: record.application_id, kind: 'corporation', received_on: record.received_on,
    profile: {
      corporate_number: record.corporate_number, name: record.company, address1: record.address, rep_last_nm: last, rep_first_nm: first,
      birthday_ymd: record.birth_date.replaceAll('-', ''), email: 'applicant@example.test',
    },
  });
  const post = (path, json) => inside('curl', '-s', '--fail-with-body', '--cacert', '/etc/tasuki/ca.crt', '--cert', '/etc/tasuki/operator.crt', '--key', '/etc/tasuki/operator.key', '-H', 'Content-Type: application/json', '-d', json, `https://127.0.0.1:${OPERATORS}${path}`);
  const applied = post('/v1/applications', body);
  assert.equal(applied.status, 0, applied.stdout + applied.stderr);
  const taken = inside('tasuki', 'intake', '/var/lib/forms/scans', '--env', '/etc/tasuki/cluster.env');
  assert.equal(taken.status, 0, taken.stdout + taken.stderr);
  const started = inside('systemctl', 'start', WORKER);
  assert.equal(started.status, 0, started.stderr + log('tasuki-ocr@'));
  shutIn(pidOf(show(WORKER).MainPID, 'tasuki-ocr'));
  // The bundle is sorted, then the application read: both in the child that it shuts in.
  await until('both jobs are done', () => done().length === 2, 240000);
  for (const job of done()) assert.deepEqual([job.application, job.attempt, job.taken], [record.application_id, 1, true]);
  const evidence = post('/v1/applications/evidence', JSON.stringify({ application_id: record.application_id }));
  assert.equal(evidence.status, 0, evidence.stdout + evidence.stderr);
  const found = JSON.parse(evidence.stdout);
  assert.ok(['OK', 'REVIEW'].includes(found.verdict), evidence.stdout);
  assert.equal(found.evidence.pages.length, 2);
});

it('a worker that is killed, or stands still, is started again; told to stop it does', async () => {
  assert.equal(inside('systemctl', 'show', WORKER, '-P', 'WatchdogUSec').stdout.trim(), '2min 30s');
  // From its next start on in a shorter time: 150 s are for the longest of jobs.
  const short = `/run/systemd/system/${WORKER}.service.d`;
  assert.equal(inside('sh', '-c', `mkdir -p ${short} && printf '[Service]\\nWatchdogSec=6\\nRestartSec=1\\n' >${short}/short.conf && systemctl daemon-reload`).status, 0);
  const before = show(WORKER);
  process.kill(pidOf(before.MainPID, 'tasuki-ocr'), 'SIGKILL');
  await until('another process', () => show(WORKER).NRestarts === '1' && show(WORKER).ActiveState === 'active', 120000);
  const { MainPID } = show(WORKER);
  await sleep(7000);
  assert.equal(show(WORKER).MainPID, MainPID, 'a worker that idles is left alone');
  process.kill(pidOf(MainPID, 'tasuki-ocr'), 'SIGSTOP');
  await until('the watchdog ends it', () => show(WORKER).NRestarts === '2');
  const stop = inside('systemctl', 'stop', WORKER);
  assert.equal(stop.status, 0, stop.stderr);
  assert.equal(show(WORKER).ActiveState, 'inactive');
});

it('a worker whose configuration is wrong waits for a person', async () => {
  const broken = inside('sh', '-c', `echo nonsense = 1 >>/etc/tasuki/worker.conf; systemctl start ${WORKER}`);
  assert.notEqual(broken.status, 0);
  await until('it has failed', () => show(WORKER).ActiveState === 'failed');
});

it('a node that is killed is started again', async () => {
  const { MainPID, NRestarts } = show();
  process.kill(pidOf(MainPID), 'SIGKILL');
  await until('another process', () => Number(show().NRestarts) > Number(NRestarts) && show().MainPID !== MainPID);
  await serves();
});

it('a node that stands still is ended by the watchdog, and started again', async () => {
  const { MainPID, NRestarts } = show();
  const from = Date.now();
  // Meanwhile it is taken for well: the watchdog is fed by a node that idles.
  await sleep(12000);
  assert.equal(show().MainPID, MainPID, 'a node that is well is left alone');
  process.kill(pidOf(MainPID), 'SIGSTOP');
  await until('the watchdog ends it', () => Number(show().NRestarts) > Number(NRestarts));
  assert.ok(Date.now() - from > 15000, 'not before its time');
  await serves();
});

it('it stops when it is asked to, in time, and stays down', async () => {
  const stop = inside('systemctl', 'stop', 'tasukid');
  assert.equal(stop.status, 0, stop.stderr);
  const { ActiveState, Result } = show();
  assert.deepEqual([ActiveState, Result], ['inactive', 'success']);
  assert.match(log(), /node\.stopped/);
});

it('a wrong configuration waits for a person', async () => {
  const broken = inside('sh', '-c', 'echo nonsense = 1 >>/etc/tasuki/tasukid.conf; systemctl start tasukid');
  assert.notEqual(broken.status, 0);
  await sleep(2500);
  assert.equal(show().ActiveState, 'failed', 'it is not started again and again');
});
