// ops/pki: modes of secret files, names in certificates, nothing replaced unasked.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { ROOT, run, scratch } from './helper.mjs';

const pki = (...args) => run(`${ROOT}ops/pki`, args);

test('a cluster\'s keys and certificates', async (t) => {
  const dir = `${scratch(t)}/pki`;
  const cluster = 'ab'.repeat(16);
  for (const args of [['init', dir, '--cluster', cluster], ['node', dir, '2', '--san', 'n2.example', '--san', '192.0.2.12'],
    ['balancer', dir], ['operator', dir, '--name', 'yamada'], ['http', dir, '--host', 'id.example', '--host', '127.0.0.1']]) {
    const { code, err } = await pki(...args);
    assert.equal(code, 0, err);
  }
  const names = {
    'node-2.crt': `URI:tasuki://${cluster}/node/2, DNS:n2.example, IP Address:192.0.2.12`,
    'balancer.crt': `URI:tasuki://${cluster}/balancer`,
    'operator-yamada.crt': `URI:tasuki://${cluster}/operator`,
    'http.crt': 'DNS:id.example, IP Address:127.0.0.1',
  };
  const ca = new X509Certificate(readFileSync(`${dir}/ca.crt`));
  assert.ok(ca.ca);
  for (const [file, san] of Object.entries(names)) {
    const certificate = new X509Certificate(readFileSync(`${dir}/${file}`));
    assert.equal(certificate.subjectAltName, san);
    assert.ok(certificate.verify(ca.publicKey), file);
    assert.ok(!certificate.ca, file);
    assert.equal(certificate.publicKey.asymmetricKeyDetails.namedCurve, 'prime256v1');
  }
  for (const file of readdirSync(dir)) {
    const secret = /\.(key|pem)$/.test(file);
    assert.equal(statSync(`${dir}/${file}`).mode & (secret ? 0o177 : 0o022), 0, file);
  }
  assert.match(readFileSync(`${dir}/cluster.key`, 'utf8'), /^[0-9a-f]{64}\n$/);
});

test('nothing is replaced unasked', async (t) => {
  const dir = `${scratch(t)}/pki`;
  await pki('init', dir);
  await pki('operator', dir);
  const before = readFileSync(`${dir}/operator.key`, 'utf8');
  const ca = readFileSync(`${dir}/ca.key`, 'utf8');
  assert.equal((await pki('operator', dir)).code, 1);
  assert.equal((await pki('init', dir)).code, 1);
  assert.equal(readFileSync(`${dir}/operator.key`, 'utf8'), before);
  assert.equal(readFileSync(`${dir}/ca.key`, 'utf8'), ca);
  assert.equal((await pki('operator', dir, '--force')).code, 0);
  assert.notEqual(readFileSync(`${dir}/operator.key`, 'utf8'), before);
});

test('wrong usage is 64', async (t) => {
  const dir = `${scratch(t)}/pki`;
  for (const args of [[], ['frob'], ['init'], ['init', dir, '--cluster', 'xyz'], ['init', dir, '--cluster', '0'.repeat(32)],
    ['node', dir], ['init', dir, '--days', '0'], ['init', dir, '--frob']]) {
    assert.equal((await pki(...args)).code, 64, args.join(' '));
  }
  await pki('init', dir);
  for (const args of [['node', dir, '0'], ['node', dir, 'x'], ['http', dir], ['http', dir, '--host', 'a,DNS:b'],
    ['operator', dir, '--name', '../x']]) {
    assert.equal((await pki(...args)).code, 64, args.join(' '));
  }
});
