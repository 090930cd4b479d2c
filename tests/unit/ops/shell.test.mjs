// The scripts of ops/: usage, ports, and that nothing but one's own process is stopped.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { ROOT, run, scratch } from './helper.mjs';

const demo = (...args) => run(`${ROOT}ops/demo`, args);
const shell = (script) => run('bash', ['-euo', 'pipefail', '-c', `. ops/lib.sh; ${script}`]);

test('usage', async () => {
  for (const name of ['demo', 'install', 'build', 'test', 'pki', 'chaos', 'upgrade']) {
    const { code, out } = await run(`${ROOT}ops/${name}`, ['--help']);
    assert.equal(code, 0, name);
    assert.match(out, new RegExp(`usage: ops/${name}`));
    assert.equal((await run(`${ROOT}ops/${name}`, ['--frob'])).code, 64, name);
  }
  for (const args of [['--nodes', '2'], ['--port-base', '80'], ['--port-base'], ['up', 'down'], ['node', '1'], ['node', '1', 'frob']]) {
    assert.equal((await demo(...args)).code, 64, args.join(' '));
  }
});

test('a port in use is named, with what to change', async (t) => {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address();
  const base = port - 43;
  const { code, err } = await demo('up', '--dir', `${scratch(t)}/demo`, '--port-base', String(base), '--build-dir', '/nonexistent');
  assert.equal(code, 75, err);
  assert.match(err, new RegExp(`port ${port} .*HAProxy`));
  assert.match(err, /--port-base/);
});

test('a folder that is no demo\'s is not emptied', async (t) => {
  const dir = scratch(t);
  writeFileSync(`${dir}/precious`, 'x');
  const { code, err } = await demo('up', '--dir', dir, '--port-base', '24100', '--build-dir', '/nonexistent');
  assert.equal(code, 1);
  assert.match(err, /no demo's/);
  assert.ok(existsSync(`${dir}/precious`));
});

test('a pid that was given to another process is left alone', async (t) => {
  const dir = scratch(t);
  const child = spawn('sleep', ['60']);
  t.after(() => child.kill('SIGKILL'));
  mkdirSync(`${dir}/p`);
  writeFileSync(`${dir}/p/other.pid`, `${child.pid} 1\n`);
  await shell(`process_stop ${dir}/p/other.pid 1`);
  assert.equal(child.exitCode, null);
  assert.doesNotThrow(() => process.kill(child.pid, 0));
  const { out } = await shell(`process_write ${dir}/p/own.pid ${child.pid}; process_alive ${dir}/p/own.pid && echo alive; ` +
    `process_stop ${dir}/p/own.pid 5; process_alive ${dir}/p/own.pid || echo gone`);
  assert.equal(out, 'alive\ngone\n');
});

// A killed node looks like that while a slow disk holds its fsync: its ports are taken still.
test('a process whose first thread has ended is alive until its last one has', async (t) => {
  const dir = scratch(t);
  const child = spawn('/usr/bin/python3', ['-c', `import ctypes, os, threading
started = threading.Event()
def rest():
    started.set()
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=rest).start()
started.wait()
print("ready", flush=True)
ctypes.CDLL(None).syscall({"x86_64": 60}.get(os.uname().machine, 93), 0)`]);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await shell(`until [[ $(</proc/${child.pid}/stat) == *') Z '* ]]; do sleep 0.01; done`);
  const pid = `${dir}/some.pid`;
  const { out } = await shell(`process_write ${pid} ${child.pid}; process_alive ${pid} && echo alive`);
  assert.equal(out, 'alive\n');
  child.stdin.end('x');
  await once(child, 'exit');
  assert.equal((await shell(`process_alive ${pid} || echo gone`)).out, 'gone\n');
});

test('down where nothing is up is no error', async (t) => {
  const { code, out } = await demo('down', '--dir', `${scratch(t)}/demo`);
  assert.equal(code, 0);
  assert.match(out, /No demo is up/);
  assert.equal((await demo('status', '--dir', `${scratch(t)}/demo`)).code, 69);
});
