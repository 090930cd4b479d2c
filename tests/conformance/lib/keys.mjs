// Keys, certificates, and what clients sign: client assertions (RFC 7523), DPoP proofs
// (RFC 9449).
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as jose from 'jose';
import { run } from '../../lib/demo.mjs';
import { random } from '../../lib/flow.mjs';
import { nowS } from './checks.mjs';

export async function newKey(alg = 'ES256') {
  const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await jose.exportJWK(publicKey)), alg, use: 'sig', kid: random(8) };
  return { privateKey, publicKey, jwk, thumbprint: await jose.calculateJwkThumbprint(jwk) };
}

// The same key, to sign with another algorithm.
export async function withAlg(key, alg) {
  const privateKey = await jose.importJWK({ ...(await jose.exportJWK(key.privateKey)), alg }, alg);
  return { ...key, privateKey, jwk: { ...key.jwk, alg } };
}

// A certificate that its own key has signed, as { cert, key, x5c }.
export async function selfSigned(name) {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-conformance-'));
  try {
    const [key, cert] = [join(dir, 'key'), join(dir, 'cert')];
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/O=Tasuki/CN=${name}`, '-keyout', key, '-out', cert];
    const result = await run('openssl', args);
    if (result.code !== 0) throw new Error(`openssl: ${result.stderr}`);
    const pem = readFileSync(cert, 'utf8');
    return { cert: pem, key: readFileSync(key, 'utf8'), x5c: pem.replace(/-----[^-]+-----|\s/g, '') };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

// A client's JWK of a certificate (RFC 8705 §2.2.2).
export async function certificateJwk(pair, alg = 'ES256') {
  const jwk = await jose.exportJWK(await jose.importX509(pair.cert, alg));
  return { ...jwk, alg, use: 'sig', kid: random(8), x5c: [pair.x5c] };
}

const withChanges = (claims, changes = {}) => Object.fromEntries(Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined));

// `claims`: changes; undefined leaves one out.
export async function clientAssertion({ clientId, key, audience, claims, alg = key.jwk.alg }) {
  const usual = { iss: clientId, sub: clientId, aud: audience, jti: random(16), iat: nowS(), exp: nowS() + 60 };
  return new jose.SignJWT(withChanges(usual, claims)).setProtectedHeader({ alg, kid: key.jwk.kid }).sign(key.privateKey);
}

export const accessTokenHash = (token) => createHash('sha256').update(token, 'ascii').digest('base64url');

// RFC 9449 §4.2. `header`, `claims`: changes.
export async function dpopProof({ key, method, url, token, nonce, claims, header }) {
  const { kty, crv, x, y, n, e } = key.jwk;
  const jwk = withChanges({ kty, crv, x, y, n, e });
  const usual = { jti: random(16), htm: method, htu: url, iat: nowS(), ath: token && accessTokenHash(token), nonce };
  const head = withChanges({ typ: 'dpop+jwt', alg: key.jwk.alg, jwk }, header);
  return new jose.SignJWT(withChanges(usual, claims)).setProtectedHeader(head).sign(key.privateKey);
}
