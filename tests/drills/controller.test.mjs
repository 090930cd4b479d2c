// What becomes of a fault when the drill's process dies in the middle of it, and when it
// is interrupted: the fault ends, and nothing of the drill stays on the machine.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';

const { TASUKI_CHAOS: program, TASUKI_BIN_DIR: bin, TASUKI_ROOT: root } = process.env;
const base = join(bin, 'drills', 'controller');
rmSync(base, { recursive: true, force: true });
mkdirSync(base, { recursive: true });

const FAULTS = {
  pause: { arguments: 'target: leader' },
  cut: { arguments: 'target: leader, to: all' },
  slow: { arguments: 'target: leader, delay_ms: 80, loss_percent: 5' },
  disk_stall: { arguments: 'target: leader', lab: 'disk_mib: 512' },
  disk_full: { arguments: 'target: leader', lab: 'disk_mib: 512' },
  disk_error: { arguments: 'target: leader' },
  clock_step: { arguments: 'target: leader, seconds: 3600', lab: 'clocks: true' },
};

function experiment(name, fault) {
  const file = join(base, `${name}.yaml`);
  writeFileSync(file, `title: ${name}
x-lab: {${fault.lab ?? ''}}
x-load: {people: 2, before_s: ${fault.before ?? 0}, after_s: 0, password: 0, register: 0}
x-guards: [${fault.guard ?? ''}]
steady-state-hypothesis:
  probes:
    - {name: ready, tolerance: true, provider: {type: tasuki, func: nodes_ready}}
${fault.probe ?? ''}method:
  - type: action
    name: the fault
    provider: {type: tasuki, func: ${fault.func ?? name}, arguments: {${fault.arguments}}}
${fault.lasts === false ? '' : '    x-ttl-s: 300\n'}    pauses: {after: 300}
rollbacks: [${fault.rollback ?? ''}]
`);
  return file;
}

const processes = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid));
const read = (pid, what) => {
  try {
    return what === 'exe' ? readlinkSync(`/proc/${pid}/exe`) : readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return ''; // it has ended
  }
};
// Of the drill in `dir`: those that name it, and what delays packets (one drill runs at a time).
const left = (dir) => processes().filter((pid) => Number(pid) !== process.pid && [dir, 'tasuki-delayer'].some((word) => read(pid, 'cmdline').includes(word)));
const mounted = (dir) => processes().some((pid) => read(pid, 'mounts').includes(dir));
const loops = (dir) => execFileSync('losetup', ['-a'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(dir));

async function until(what, look) {
  for (let i = 0; i < 1200; i++) {
    if (look()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(`within a minute: ${what}`);
}

const running = new Set();
// Of a test that failed: the next one would find the machine taken.
afterEach(() => Promise.all([...running].map(({ drill, ended }) => drill.kill('SIGTERM') && ended)));

// Resolves when the drill says that the fault is made, and goes on.
function begin(name, fault) {
  const dir = join(base, name);
  const drill = spawn(program, ['run', experiment(name, fault), '--dir', dir, '--bin', bin, '--root', root], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  const run = { drill, dir, text: () => text };
  running.add(run);
  run.ended = new Promise((done) => drill.on('exit', (code, signal) => running.delete(run) && done({ code, signal })));
  drill.stderr.on('data', (chunk) => (text += chunk));
  return run;
}

async function made({ drill, text }) {
  await until('the fault is made', () => {
    assert.equal(drill.exitCode, null, text());
    return text().includes('the fault');
  });
  // The line comes before the action.
  await new Promise((done) => setTimeout(done, 1500));
}

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`${name} ends when the controller is killed`, async () => {
    const run = begin(name, fault);
    await made(run);
    assert.ok(left(run.dir).length > 3, 'nodes and balancers run');
    run.drill.kill('SIGKILL');
    assert.equal((await run.ended).signal, 'SIGKILL');
    await until('no process of it is left', () => left(run.dir).length === 0);
    await until('no disk of it is left, frozen or not', () => !mounted(run.dir) && loops(run.dir).length === 0);
  });
}

test('an interrupted drill ends its fault and itself, and says so', async () => {
  const run = begin('pause', FAULTS.pause);
  await made(run);
  const from = Date.now();
  run.drill.kill('SIGINT');
  const { code } = await run.ended;
  assert.equal(code, 3, run.text());
  const report = JSON.parse(readFileSync(join(run.dir, 'report.json'), 'utf8'));
  assert.equal(report.verdict, 'aborted');
  assert.equal(report.stopped, 'interrupted');
  assert.ok(report.actions.every((action) => action.to_ms !== null), 'the fault has ended');
  console.log(`ended ${Date.now() - from} ms after the signal`);
  assert.equal(left(run.dir).length, 0);
});

async function whole(name, fault) {
  const run = begin(name, fault);
  const { code } = await run.ended;
  return { code, text: run.text(), report: JSON.parse(readFileSync(join(run.dir, 'report.json'), 'utf8')) };
}

test('a guard breaks the drill off when too little succeeds', async () => {
  const { code, text, report } = await whole('guard', { func: 'kill', arguments: 'target: all', lasts: false, before: 4, guard: '{success_below: 0.5, for_s: 2}', rollback: '{name: start, provider: {type: tasuki, func: start, arguments: {target: hurt}}}' });
  assert.match(report.stopped, /^guard: \d+ of \d+ succeeded in the last 2 s, below 0\.50$/);
  // On a machine so busy that nobody had signed in by then, there was no load.
  const broken = report.checks.filter((check) => check.invariant && !check.good).map((check) => check.name);
  assert.ok(broken.every((name) => name === 'load'), text);
  assert.equal(code, broken.length > 0 ? 1 : 3, text);
  assert.ok(report.checks.some((check) => check.name === 'steady state after' && check.good), 'what was hurt is mended all the same');
});

test('a cluster without its steady state is not hurt', async () => {
  const { code, text, report } = await whole('degraded', {
    func: 'kill', arguments: 'target: leader', lasts: false,
    probe: '    - {name: much waits, tolerance: 1000, provider: {type: tasuki, func: outbox_waiting}}\n',
  });
  assert.equal(code, 4, text);
  assert.equal(report.verdict, 'degraded');
  assert.deepEqual(report.actions, []);
  assert.equal(report.good + report.failed, 0, 'not even load was put on it');
  assert.match(text, /BAD {2}steady state before: much waits/);
});

test('there is one drill at a time, and none outside demo and verification unless named', async () => {
  const run = begin('pause', FAULTS.pause);
  await made(run);
  const second = spawn(program, ['run', experiment('cut', FAULTS.cut), '--dir', join(base, 'second'), '--bin', bin, '--root', root], { stdio: ['ignore', 'ignore', 'pipe'] });
  assert.equal(await new Promise((done) => second.on('exit', done)), 75);
  run.drill.kill('SIGTERM');
  assert.equal((await run.ended).code, 3);
  const file = experiment('production', { func: 'pause', arguments: 'target: leader', lab: 'environment: production' });
  for (const more of [[], ['--environment', 'demo']]) {
    const refused = spawn(program, ['run', file, '--dir', join(base, 'production'), '--bin', bin, '--root', root, ...more], { stdio: 'ignore' });
    assert.equal(await new Promise((done) => refused.on('exit', done)), 64);
  }
});
