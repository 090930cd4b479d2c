// ops/upgrade on the demo's nodes: each is replaced in turn while people sign in through
// the balancer, and no sign-in fails. What it would do by ssh is done by a stand-in here:
// a host is a node of the demo, and a restart is stop and start.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addAccount, addClient } from '../lib/admin.mjs';
import { demo, ROOT, sleep } from '../lib/demo.mjs';
import { signIn } from '../lib/flow.mjs';
import { leader, whole } from '../lib/leader.mjs';

const account = await addAccount({ name: 'upgrade', type: 'entry' });
const rp = await addClient({ name: 'upgrade' });

function standIn(dir) {
  const file = join(dir, 'ssh');
  writeFileSync(
    file,
    `#!/bin/bash
host=$1 command=$2
printf '%s %s\\n' "$host" "\${command%% *}" >>'${dir}/calls'
case $command in
*systemctl*) '${ROOT}/ops/demo' node "\${host#host-}" stop --dir '${demo().dir}' && '${ROOT}/ops/demo' node "\${host#host-}" start --dir '${demo().dir}' ;;
*) cmp - '${demo().binDir}/tasukid' ;;
esac >>'${dir}/log' 2>&1
`,
  );
  chmodSync(file, 0o700);
  return file;
}

test('every node is replaced, the leader last, and no sign-in fails', async (t) => {
  await whole();
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-upgrade-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const last = await leader();
  const child = spawn(
    join(ROOT, 'ops/upgrade'),
    ['--env', demo().file, '--program', join(demo().binDir, 'tasukid'), '--ssh', standIn(dir), '--yes', '1=host-1', '2=host-2', '3=host-3'],
    { env: { ...process.env, PATH: `${demo().binDir}:${process.env.PATH}` }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (out += text));
  const ended = new Promise((done) => child.on('close', done));
  let code;
  ended.then((value) => (code = value));
  let good = 0;
  while (code === undefined) {
    // Throws for whatever is no redirect with a code.
    const { code: issued } = await signIn(demo().balancer, rp, account);
    assert.ok(issued);
    good++;
    await sleep(50);
  }
  assert.equal(code, 0, `${out}\n${readFileSync(join(dir, 'log'), 'utf8')}`);
  const order = readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n').map((line) => line.split(' ')[0]);
  assert.equal(order.length, 6);
  assert.equal(order.at(-1), `host-${last}`);
  assert.ok(good > 20, `${good} sign-ins`);
  console.log(`${good} sign-ins, none failed`);
  await whole();
});

test('a node that is not well stops it before it begins', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-upgrade-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const env = join(dir, 'env');
  writeFileSync(env, readFileSync(demo().file, 'utf8').replace(/^TASUKI_OPERATOR_2=.*$/m, "TASUKI_OPERATOR_2='https://127.0.0.1:1'"));
  const child = spawn(join(ROOT, 'ops/upgrade'), ['--env', env, '--program', join(demo().binDir, 'tasukid'), '--ssh', '/bin/false', '--yes', '1=host-1'], {
    env: { ...process.env, PATH: `${demo().binDir}:${process.env.PATH}` },
  });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
  assert.equal(await new Promise((done) => child.on('close', done)), 1);
  assert.match(err, /not every node is well/);
});
