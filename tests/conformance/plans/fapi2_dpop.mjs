// RFC 9449 as FAPI 2.0 uses it: proofs, and codes that are bound to a key.
import assert from 'node:assert/strict';
import * as jose from 'jose';
import { random } from '../../lib/flow.mjs';
import { assertJsonError, nowS } from '../lib/checks.mjs';
import { assertRefused, assertResource, exchange, flow, push, request, resource, toCode, WITH_DPOP } from '../lib/fapi.mjs';
import { fapiModule } from '../lib/fapi_module.mjs';
import { accessTokenHash, dpopProof, newKey } from '../lib/keys.mjs';

const BINDING = ['invalid_request', 'invalid_grant', 'invalid_dpop_proof'];

// The same changes to every proof of a flow.
async function everywhere(op, rp, dpop) {
  return flow(op, rp, { par: { dpop: dpop() }, token: { dpop: dpop() }, use: { dpop: dpop() } });
}

const shifted = (seconds) => async (op, rp) => everywhere(op, rp, () => ({ claims: { iat: nowS() + seconds } }));

const dated = (op, rp) => everywhere(op, rp, () => ({ claims: { nbf: nowS(), exp: nowS() + 300 } }));

// `dpop_jkt` names another key than the proof that comes with the request.
async function mismatchAtPar(op, rp) {
  const other = await newKey();
  const { sent } = request(rp, { dpop_jkt: other.thumbprint });
  assertJsonError(await push(op, rp, sent, { dpop: {} }), ['invalid_request', 'invalid_dpop_proof'], [400, 401]);
}

// A code is bound to the key of the proof at the PAR endpoint, or to `dpop_jkt`.
async function mismatchAtToken(op, rp, options) {
  const other = await newKey();
  const { code, verifier } = await toCode(op, rp, options);
  assertRefused(await exchange(op, { ...rp, dpop: other }, code, verifier), BINDING);
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());

// A proof with another header and no signature over it that could be right.
async function withHeader(args, change) {
  const [head, claims, signature] = (await dpopProof(args)).split('.');
  return [encode(change(decode(head))), claims, signature].join('.');
}

async function unsignedProof(args) {
  const [head, claims] = (await dpopProof(args)).split('.');
  return `${encode({ ...decode(head), alg: 'none' })}.${claims}.`;
}

async function badSignature(args) {
  const proof = await dpopProof(args);
  const [head, claims, signature] = proof.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes[10] ^= 0x5a;
  return [head, claims, bytes.toString('base64url')].join('.');
}

async function privateKeyInside(args) {
  const jwk = await jose.exportJWK(args.key.privateKey);
  return dpopProof({ ...args, header: { jwk } });
}

async function otherKey(args) {
  return dpopProof({ ...args, key: await newKey() });
}

const proofWith = (changes) => (args) => dpopProof({ ...args, ...(typeof changes === 'function' ? changes(args) : changes) });
const without = (name) => proofWith({ claims: { [name]: undefined } });

// [what, how the proof is made]: each must be refused at the resource.
const REFUSED = [
  ['two proofs', async (args) => [await dpopProof(args), await dpopProof(args)]],
  ['no JWT', async (args) => (await dpopProof(args)).replace('.', '')],
  ['no typ', proofWith({ header: { typ: undefined } })],
  ['no alg', (args) => withHeader(args, ({ alg: _alg, ...head }) => head)],
  ['no jwk', proofWith({ header: { jwk: undefined } })],
  ['no jti', without('jti')],
  ['no htm', without('htm')],
  ['no htu', without('htu')],
  ['no iat', without('iat')],
  ['no ath', without('ath')],
  ['another typ', proofWith({ header: { typ: 'jwt' } })],
  ['alg none', unsignedProof],
  ['a wrong signature', badSignature],
  ['the private key in the header', privateKeyInside],
  ['another htm', proofWith({ claims: { htm: 'PUT' } })],
  ['another htu', proofWith({ claims: { htu: 'https://other.example.test/oauth/userinfo' } })],
  ['an iat in an hour', proofWith(() => ({ claims: { iat: nowS() + 3600 } }))],
  ['an iat of an hour ago', proofWith(() => ({ claims: { iat: nowS() - 3600 } }))],
  ['another ath', proofWith({ claims: { ath: accessTokenHash('another') } })],
  ['another key', otherKey],
];

// Each must be taken (RFC 9449 §4.3; RFC 3986 §6.2.2).
const TAKEN = [
  ['query and fragment in htu', proofWith(({ url }) => ({ claims: { htu: `${url}?a=b#c` } }))],
  ['more claims and header members', proofWith({ claims: { extra: 'x' }, header: { extra: 'y' } })],
  ['scheme and host in capitals', proofWith(({ url }) => ({ claims: { htu: url.replace(/^https:\/\/[^/:]+/, (text) => text.toUpperCase()) } }))],
];

async function negative(op, rp) {
  const { tokens } = await flow(op, rp);
  const token = tokens.access_token;
  for (const [what, proofs] of REFUSED) {
    const answer = await resource(op, rp, token, { dpop: false, proofs });
    if (answer.hadNonce && what.startsWith('an iat')) continue;
    assert.ok([400, 401].includes(answer.status), `${what}: ${answer.status}`);
  }
  for (const [what, proofs] of TAKEN) {
    const answer = await resource(op, rp, token, { dpop: false, proofs });
    assert.equal(answer.status, 200, `${what}: ${answer.headers['www-authenticate']}`);
  }
  const jti = random(16);
  await assertResource(op, rp, token, { dpop: { claims: { jti } } });
  const refused = async (what, options) => {
    const { status } = await resource(op, rp, token, options);
    assert.ok([400, 401].includes(status), `${what}: ${status}`);
  };
  for (let i = 0; i < 3; i++) await refused('a jti again, at any node', { dpop: { claims: { jti } } });
  await refused('no proof', { dpop: false });
  await refused('as a bearer token', { dpop: false, scheme: 'Bearer' });
  await refused('as a bearer token, with a proof', { scheme: 'Bearer' });
  await assertResource(op, rp, token);
}

const ONLY = { variants: WITH_DPOP };

export const modules = [
  fapiModule('check-dpop-proof-nbf-exp', dated, ONLY),
  fapiModule('ensure-dpopproof-with-iat-10seconds-before-succeeds', shifted(-10), ONLY),
  fapiModule('ensure-dpopproof-with-iat-10seconds-after-succeeds', shifted(8), ONLY),
  fapiModule('ensure-mismatched-dpop-jkt-fails', mismatchAtPar, ONLY),
  fapiModule('ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt', (op, rp) => mismatchAtToken(op, rp, { par: { dpop: {} } }), ONLY),
  fapiModule('ensure-token-endpoint-fails-with-mismatched-dpop-jkt', (op, rp) => mismatchAtToken(op, rp, { params: { dpop_jkt: rp.dpop.thumbprint } }), ONLY),
  fapiModule('ensure-dpopproof-at-par-endpoint-binding-success', (op, rp) => flow(op, rp, { par: { dpop: {} } }), ONLY),
  fapiModule('ensure-dpop-auth-code-binding-success', (op, rp) => flow(op, rp, { params: { dpop_jkt: rp.dpop.thumbprint }, par: { dpop: {} } }), ONLY),
  fapiModule('dpop-negative-tests', negative, ONLY),
];
