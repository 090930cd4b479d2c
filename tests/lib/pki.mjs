// Certificates that must not be accepted, made by openssl as ops/pki does.
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demo, run, ROOT } from './demo.mjs';

async function openssl(...args) {
  const result = await run('openssl', args);
  if (result.code !== 0) throw new Error(`openssl ${args[0]}: ${result.stderr}`);
  return result;
}

// A file of the running demo, by its name, wherever ops/demo put it.
export function findInDemo(name, dir = demo().dir, depth = 4) {
  for (const entry of readdirSync(dir)) {
    const path = join(dir, entry);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) continue;
    if (stat.isFile() && entry === name) return path;
    if (stat.isDirectory() && depth > 0) {
      const found = findInDemo(name, path, depth - 1);
      if (found) return found;
    }
  }
  return undefined;
}

// { foreign: another CA's certificate for the same cluster and node; other: our CA's
//   for another cluster's id; expired: ours, of yesterday; operator: ours, but no node }
export async function badPeers() {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-pki-'));
  try {
    const pki = async (...args) => {
      const result = await run(join(ROOT, 'ops/pki'), args);
      if (result.code !== 0) throw new Error(`ops/pki ${args[0]}: ${result.stderr}`);
    };
    const pair = (folder, stem) => ({
      cert: readFileSync(join(folder, `${stem}.crt`)),
      key: readFileSync(join(folder, `${stem}.key`)),
    });
    const foreign = join(dir, 'foreign');
    await pki('init', foreign, '--cluster', demo().clusterId);
    await pki('node', foreign, '1', '--san', '127.0.0.1');

    const caCert = findInDemo('ca.crt');
    const caKey = findInDemo('ca.key');
    if (!caCert || !caKey) throw new Error('ca.crt and ca.key of the demo are not there');
    const issue = async (stem, uri, validity) => {
      const request = join(dir, `${stem}.csr`);
      const out = { cert: join(dir, `${stem}.crt`), key: join(dir, `${stem}.key`) };
      await openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/O=Tasuki/CN=${stem}`, '-addext', `subjectAltName=URI:${uri},IP:127.0.0.1`, '-addext', 'extendedKeyUsage=serverAuth,clientAuth', '-keyout', out.key, '-out', request);
      await openssl('x509', '-req', '-in', request, '-CA', caCert, '-CAkey', caKey, '-set_serial', String(Date.now()), '-copy_extensions', 'copyall', ...validity, '-out', out.cert);
      return pair(dir, stem);
    };
    const wrongCluster = demo().clusterId.replace(/./g, (c) => (c === '0' ? '1' : '0'));
    return {
      foreign: pair(foreign, 'node-1'),
      other: await issue('other', `tasuki://${wrongCluster}/node/1`, ['-days', '2']),
      expired: await issue('expired', `tasuki://${demo().clusterId}/node/1`, ['-days', '-1']),
      stranger: await issue('stranger', `tasuki://${demo().clusterId}/node/77`, ['-days', '2']),
      operator: { cert: readFileSync(demo().need('TASUKI_OPERATOR_CERT')), key: readFileSync(demo().need('TASUKI_OPERATOR_KEY')) },
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
