// Running other programs: to their end, or beside us.
import { spawn, spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;
export const BUILD = `${TOP}/build/release`;
export const part = (name) => `${BUILD}/ops/bench.d/${name}`;

export class UsageError extends Error {}

export function number(name, value, min, max) {
  if (!/^\d{1,6}$/.test(value ?? '') || Number(value) < min || Number(value) > max) {
    throw new UsageError(`${name}: a number from ${min} to ${max} is expected`);
  }
  return Number(value);
}

// To its end; its stdout. `optional`: null instead of an error.
export function run(command, args, { optional = false, ...options } = {}) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (!result.error && result.status === 0) return result.stdout;
  if (optional) return null;
  const why = result.error?.message ?? `exit code ${result.status ?? result.signal}`;
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(-25);
  throw new Error(`${command} ${args[0] ?? ''}: ${why}\n${said.join('\n')}`);
}

export const build = (targets) => run(`${TOP}/ops/build`, targets);

// Beside us, on one core: { promise of { code, stdout, stderr }, child }.
export function start(core, command, args, options = {}) {
  const child = spawn('taskset', ['-c', String(core), command, ...args], options);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += data));
  child.stderr.on('data', (data) => (stderr += data));
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
