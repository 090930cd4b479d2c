// Request objects (OpenID Connect Core §6, RFC 9101), by value and by reference.
import * as jose from 'jose';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export const unsigned = (claims) => `${encode({ alg: 'none' })}.${encode(claims)}.`;

// What has to stand outside as well (OpenID Connect Core §6.1).
const outside = ({ client_id: id, scope, response_type: type, redirect_uri: uri, response_mode: mode }) => ({
  client_id: id,
  scope,
  response_type: type,
  redirect_uri: uri,
  ...(mode ? { response_mode: mode } : {}),
});

export const byValue = (object, sent) => ({ ...outside(sent), request: object });

// An address that nobody answers: a provider that went there would be found out by its error.
export const byReference = (_object, sent) => ({ ...outside(sent), request_uri: 'https://rp.example.test/request.jwt#1' });

export async function signed(claims, { privateKey, jwk }, { alg = jwk.alg, header = {}, tamper = false } = {}) {
  const object = await new jose.SignJWT(claims)
    .setProtectedHeader({ alg, kid: jwk.kid, typ: 'oauth-authz-req+jwt', ...header })
    .sign(privateKey);
  if (!tamper) return object;
  const bytes = Buffer.from(object.split('.')[2], 'base64url');
  bytes[10] ^= 0x5a;
  return [...object.split('.').slice(0, 2), bytes.toString('base64url')].join('.');
}
