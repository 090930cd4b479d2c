// What Node 18 (Debian 12) lacks and the clients need. Imported before any of them.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
