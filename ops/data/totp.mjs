// One-time codes as an authenticator app makes them (RFC 6238: SHA-1, 6 digits, 30 s).
// node totp.mjs SECRET prints the code of now. Tests import it.
import { createHmac } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(text) {
  let bits = '';
  for (const c of text) {
    const value = ALPHABET.indexOf(c);
    if (value < 0) throw new Error(`not base32: ${c}`);
    bits += value.toString(2).padStart(5, '0');
  }
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

export function totp(secret, nowMs = Date.now()) {
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(nowMs / 30000)));
  const mac = createHmac('sha1', base32(secret)).update(step).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  if (process.argv.length !== 3) {
    console.error('usage: node totp.mjs SECRET');
    process.exit(2);
  }
  console.log(totp(process.argv[2]));
}
