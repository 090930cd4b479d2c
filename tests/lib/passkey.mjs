// passkey: an authenticator with keys of node:crypto, and what a browser would bring from
// it, as the form fields of our pages; also wrongly (`changes`).
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { attributes } from './html.mjs';

const PRESENT = 1;
const VERIFIED = 4;
const ATTESTED = 64;
const sha256 = (data) => createHash('sha256').update(data).digest();
const u32 = (n) => Buffer.from([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
const bytes = (data) => Buffer.concat([Buffer.from([0x59, data.length >> 8, data.length & 255]), data]);
const text = (word) => Buffer.concat([Buffer.from([0x60 + word.length]), Buffer.from(word)]);

// What the page tells its script.
export function passkeyForm(answer) {
  const tag = answer.body.match(/<form[^>]*id="passkey"[^>]*>/)?.[0];
  if (!tag) return null;
  const at = attributes(tag);
  return { challenge: at['data-challenge'], rpId: at['data-rp-id'], credential: at['data-credential'], user: at['data-user'] };
}

export class Passkey {
  #key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

  constructor({ origin, flags = PRESENT | VERIFIED }) {
    Object.assign(this, { origin, flags, id: randomBytes(32), count: 0 });
  }

  #cose() {
    const { x, y } = createPublicKey(this.#key).export({ format: 'jwk' });
    return Buffer.concat([
      Buffer.from('a5010203262001215820', 'hex'), Buffer.from(x, 'base64url'),
      Buffer.from('225820', 'hex'), Buffer.from(y, 'base64url'),
    ]);
  }

  #clientData(type, challenge, { origin = this.origin, crossOrigin = false } = {}) {
    return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin }));
  }

  create({ challenge, rpId, user }, changes = {}) {
    this.user = user;
    const data = Buffer.concat([
      sha256(changes.rpId ?? rpId), Buffer.from([(changes.flags ?? this.flags) | ATTESTED]), u32(this.count),
      Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, this.#cose(),
    ]);
    const object = Buffer.concat([Buffer.from([0xa3]), text('fmt'), text('none'), text('attStmt'), Buffer.from([0xa0]), text('authData'), bytes(data)]);
    return {
      credential: this.id.toString('base64url'),
      client_data: this.#clientData('webauthn.create', changes.challenge ?? challenge, changes).toString('base64url'),
      attestation: object.toString('base64url'),
    };
  }

  get({ challenge, rpId }, changes = {}) {
    this.count = changes.count ?? this.count + 1;
    const clientData = this.#clientData(changes.type ?? 'webauthn.get', changes.challenge ?? challenge, changes);
    const data = Buffer.concat([sha256(changes.rpId ?? rpId), Buffer.from([changes.flags ?? this.flags]), u32(this.count)]);
    return {
      credential: this.id.toString('base64url'),
      client_data: clientData.toString('base64url'),
      auth_data: data.toString('base64url'),
      signature: sign('sha256', Buffer.concat([data, sha256(clientData)]), this.#key).toString('base64url'),
      user_handle: changes.user ?? this.user ?? '',
    };
  }
}
