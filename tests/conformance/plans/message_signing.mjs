// FAPI 2.0 Message Signing §5.3: signed request objects (RFC 9101) at the PAR endpoint.
import { random } from '../../lib/flow.mjs';
import { nowS } from '../lib/checks.mjs';
import { client, flow } from '../lib/fapi.mjs';
import { fapiModule } from '../lib/fapi_module.mjs';
import { withAlg } from '../lib/keys.mjs';
import { INVALID, refusedRequest } from '../lib/pushed.mjs';
import { unsigned } from '../lib/request_object.mjs';

const OBJECT = ['invalid_request_object'];
const AT_CLIENT = [...INVALID, 'invalid_request_uri', 'access_denied'];

const signing = (variant, number = 0, options = {}) => client(variant, number, { name: `signed${options.keyAlg ?? ''}`, features: ['require_signed'], ...options });

// The client of these modules has to sign what it pushes.
const signedModule = (suffix, run) => fapiModule(suffix, async (op, _rp, t) => run(op, await signing(t.variant), t));

const refused = (object, atPar = OBJECT) =>
  async (op, rp, t) => refusedRequest(op, rp, { par: { object: await object(op, rp, t) }, atPar, atClient: AT_CLIENT });

export const modules = [
  signedModule('ensure-request-object-with-multiple-aud-succeeds', (op, rp) => flow(op, rp, { par: { object: { claims: { aud: ['https://other.example.test/', op.issuer] } } } })),
  signedModule('ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted', (op, rp) =>
    flow(op, rp, { par: { object: { claims: { nbf: nowS() + 8, iat: nowS() + 8 } } } }),
  ),
  signedModule('ensure-request-object-without-exp-fails', refused(() => ({ claims: { exp: undefined } }))),
  signedModule('ensure-request-object-without-nbf-fails', refused(() => ({ claims: { nbf: undefined } }))),
  signedModule('ensure-expired-request-object-fails', refused(() => ({ claims: { nbf: nowS() - 600, iat: nowS() - 600, exp: nowS() - 300 } }))),
  signedModule('ensure-request-object-with-bad-aud-fails', refused(() => ({ claims: { aud: 'https://other.example.test/' } }))),
  signedModule('ensure-request-object-with-exp-over-60-fails', refused(() => ({ claims: { exp: nowS() + 70 * 60 } }))),
  signedModule('ensure-request-object-with-nbf-over-60-fails', refused(() => ({ claims: { nbf: nowS() - 70 * 60 } }))),
  signedModule('ensure-signed-request-object-with-RS256-fails', async (op, _rp, t) => {
    const rp = await signing(t.variant, 0, { keyAlg: 'PS256' });
    await flow(op, rp, { par: { object: {} } });
    return refusedRequest(op, rp, { par: { object: { key: await withAlg(rp.key, 'RS256') } }, atPar: OBJECT, atClient: AT_CLIENT });
  }),
  signedModule('ensure-request-object-signature-algorithm-is-not-none', refused(() => ({ encode: unsigned }))),
  signedModule('ensure-request-object-with-invalid-signature-fails', refused(() => ({ tamper: true }))),
  signedModule('ensure-matching-key-in-authorization-request', refused(async (_op, _rp, t) => ({ key: (await signing(t.variant, 1)).key }), INVALID)),
  signedModule('ensure-unsigned-request-at-par-endpoint-fails', (op, rp) => refusedRequest(op, rp, { atPar: ['invalid_request'], atClient: AT_CLIENT })),
  signedModule(
    'par-authorization-request-containing-request_uri',
    refused(() => ({ claims: { request_uri: `urn:ietf:params:oauth:request_uri:${random(24)}` } })),
  ),
];
