// The limits: libh2o's bare answer over TLS, signatures and argon2id on one core.
import { join } from 'node:path';
import { LOAD_CORE, SERVER_CORE, part, run, sleep, start } from './process.mjs';

export async function runLoad(args, password = '') {
  const { ended } = start(LOAD_CORE, part('bench_load'), args, {
    env: { ...process.env, LOAD_PASSWORD: password },
  });
  const { code, stdout, stderr } = await ended;
  if (code !== 0) return { failed: (stderr || stdout).trim().slice(-1000) };
  return JSON.parse(stdout);
}

// A certificate of the kind that the nodes have: ECDSA P-256.
export function makeCertificate(dir, name = 'hello') {
  const [cert, key] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
  run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=127.0.0.1'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1'],
  ]);
  return { cert, key };
}

// `count` processes that share the servers' core.
async function hello(options, count) {
  const { cert, key } = makeCertificate(options.dir);
  const ports = Array.from({ length: count }, (_, i) => options.portBase + 90 + i);
  const servers = ports.map((port) =>
    start(SERVER_CORE, part('bench_hello'), [String(port), cert, key]),
  );
  try {
    await sleep(300);
    return await runLoad([
      ...ports.flatMap((port) => ['--node', `https://127.0.0.1:${port}`]),
      ...['--ca', cert, '--users', String(options.users)],
      ...['--seconds', String(options.seconds), '--path', '/hello', '--setup', '10'],
    ]);
  } finally {
    servers.forEach(({ child }) => child.kill('SIGTERM'));
    await Promise.all(servers.map(({ ended }) => ended));
  }
}

// Signatures and argon2id a second on the servers' core, each measured for so long.
export async function measureCrypto(seconds) {
  const { code, stdout, stderr } = await start(SERVER_CORE, part('bench_limits'), [String(seconds)]).ended;
  if (code !== 0) throw new Error(`bench_limits: ${stderr}`);
  return JSON.parse(stdout);
}

export async function measureLimits(options) {
  process.stderr.write('limits ...\n');
  return {
    'hello, 1 process': await hello(options, 1),
    'hello, 3 processes': await hello(options, 3),
    crypto: await measureCrypto(Math.min(2, options.seconds)),
  };
}
