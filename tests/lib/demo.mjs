// The running system as `ops/demo` describes it in demo.env.
import './runtime.mjs';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { note } from './secrets.mjs';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

// KEY=value, KEY='value', KEY="value", with or without `export`.
export function parseEnv(text) {
  const env = {};
  for (const line of text.split('\n')) {
    const match = line.match(/^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)$/);
    if (!match) continue;
    let value = match[2].trim();
    if (/^'.*'$/.test(value)) value = value.slice(1, -1).replaceAll(`'\\''`, `'`);
    else if (/^".*"$/.test(value)) value = value.slice(1, -1).replace(/\\(["\\$`])/g, '$1');
    else value = value.replace(/\\(.)/g, '$1');
    env[match[1]] = value;
  }
  return env;
}

const asUrl = (value) => (value && !value.includes('://') ? `https://${value}` : value)?.replace(/\/$/, '');

function load() {
  const file = process.env.TASUKI_DEMO_ENV ?? join(ROOT, 'build/demo/demo.env');
  const env = parseEnv(readFileSync(file, 'utf8'));
  const need = (name) => {
    if (!env[name]) throw new Error(`${file} lacks ${name}`);
    return env[name];
  };
  const nodes = [];
  for (let id = 1; env[`TASUKI_NODE_${id}`]; id++) {
    nodes.push({
      id,
      name: `node-${id}`,
      base: asUrl(env[`TASUKI_NODE_${id}`]),
      operator: asUrl(need(`TASUKI_OPERATOR_${id}`)),
      peer: need(`TASUKI_PEER_${id}`).replace(/^.*:\/\//, ''),
    });
  }
  const issuer = need('TASUKI_ISSUER');
  return {
    env,
    file,
    need,
    issuer,
    dir: need('TASUKI_DEMO_DIR'),
    binDir: need('TASUKI_BIN_DIR'),
    ca: readFileSync(need('TASUKI_CA')),
    caFile: need('TASUKI_CA'),
    nodes,
    balancer: { name: 'balancer', base: asUrl(env.TASUKI_BALANCER ?? new URL(issuer).origin) },
    password: note(need('TASUKI_PASSWORD')),
    prime: need('TASUKI_ACCOUNT'),
    entry: env.TASUKI_ENTRY_ACCOUNT,
    // Of accounts that are sent codes.
    phones: new Map(['TASUKI_ACCOUNT', 'TASUKI_MEMBER_ACCOUNT'].filter((name) => env[`${name}_PHONE`]).map((name) => [env[name], env[`${name}_PHONE`]])),
    clusterId: need('TASUKI_CLUSTER_ID'),
  };
}

let cached;
export const demo = () => (cached ??= load());

// From now on the libraries use the system that `file` describes.
export function switchDemo(file) {
  process.env.TASUKI_DEMO_ENV = file;
  cached = undefined;
  return demo();
}

// pids change when nodes are started again: always read anew.
export function nodePid(id) {
  const env = parseEnv(readFileSync(demo().file, 'utf8'));
  return Number(env[`TASUKI_NODE_${id}_PID`]);
}

export const targets = () => [demo().balancer, ...demo().nodes];

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Until `probe` gives something truthy. What it throws is shown when time is up.
export async function until(what, probe, { timeout = 20000, every = 50 } = {}) {
  const end = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${timeout} ms${last ? ` (${last.message})` : ''}`);
    await sleep(every);
  }
}

// Run a command; never throws for its exit code.
export function run(command, args, { input, timeout = 60000, env } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      timeout,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', fail);
    child.on('close', (code, signal) => done({ code, signal, stdout, stderr }));
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}

// `ops/demo node N kill|start|stop`.
export async function node(id, action) {
  const result = await run(join(ROOT, 'ops/demo'), ['node', String(id), action, '--dir', demo().dir], { timeout: 120000 });
  if (result.code !== 0)
    throw new Error(`ops/demo node ${id} ${action}: exit ${result.code}\n${result.stdout}${result.stderr}`);
  return result;
}
