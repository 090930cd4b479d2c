// openid-client needs Web Crypto, which Node.js 18 (Debian 12) keeps in a module.
// Imported before everything else.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
