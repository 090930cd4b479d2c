// seed: what ops/demo loads into a new cluster, as files.
//
// usage: node seed.mjs OUT_DIR ISSUER RP_PORT PKI_DIR
//
// Writes to OUT_DIR, each with mode 0600 and renamed into place whole:
//   clients.json   for `tasuki rp import`; secrets are drawn once and then kept
//   demo-rp.json   for ops/demo-rp/server.mjs
//   account-N.json the profile of account N
//   accounts.txt   "N account_id type parent-or- phone-or- totp-or-" a line, in the
//                  order of loading
//   totp.secret    the key of the accounts with totp
//   clients.env    NAME='value' lines for demo.env
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const [outDir, issuer, rpPort, pkiDir] = process.argv.slice(2);
if (!pkiDir) {
  process.stderr.write('usage: node seed.mjs OUT_DIR ISSUER RP_PORT PKI_DIR\n');
  process.exit(64);
}
const rpOrigin = `https://127.0.0.1:${rpPort}`;
const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));

function write(name, text) {
  const path = `${outDir}/${name}`;
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

const kept = existsSync(`${outDir}/clients.json`)
  ? new Map(JSON.parse(readFileSync(`${outDir}/clients.json`, 'utf8')).map((c) => [c.client_id, c.client_secret]))
  : new Map();

const BASE = ['openid', 'profile', 'user', 'email'];
const backchannel = (id) => `${rpOrigin}/rp/${id}/backchannel`;
const callback = (id) => `${rpOrigin}/rp/${id}/callback`;

// Clients beside the ministries': name, and how they differ from the usual.
const OTHERS = [
  { client_id: 'demo-rp', name: 'デモ用サービス', ministry: 'デモ', profile: 'standard', government: true, env: 'TASUKI_CLIENT' },
  { client_id: 'demo-es256', name: 'デモ用サービス(ES256)', ministry: 'デモ', profile: 'standard', alg: 'ES256', government: true, env: 'TASUKI_ES256_CLIENT' },
  { client_id: 'demo-accounting', name: 'サンプル会計クラウド', ministry: '株式会社サンプル会計', profile: 'standard', env: 'TASUKI_CONSENT_CLIENT' },
  { client_id: 'demo-personnel', name: 'サンプル人事クラウド', ministry: '株式会社サンプル人事', profile: 'standard', auth: 'post', env: 'TASUKI_POST_CLIENT' },
  { client_id: 'demo-evil', name: '別組織のサービス', ministry: '別組織', profile: 'standard', government: true, hidden: true, env: 'TASUKI_EVIL_CLIENT' },
  {
    client_id: 'demo-native',
    name: 'デモ用アプリ',
    ministry: 'デモ',
    profile: 'standard',
    auth: 'none',
    native: true,
    government: true,
    hidden: true,
    redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback', callback('demo-rp')],
    env: 'TASUKI_PUBLIC_CLIENT',
  },
];

function registration(client) {
  const { client_id: id, auth = 'basic' } = client;
  const secret = auth === 'none' ? {} : { client_secret: kept.get(id) ?? randomBytes(32).toString('base64url') };
  return {
    client_id: id,
    name: client.name,
    ministry: client.ministry,
    ...(client.start_month ? { start_month: client.start_month } : {}),
    environment: 'demo',
    profile: client.profile ?? 'gbizid',
    auth,
    alg: client.alg ?? 'RS256',
    native: client.native ?? false,
    government: client.government ?? false,
    scopes: client.offline_access === false ? BASE : [...BASE, 'offline_access'],
    // Those with variables in demo.env can be used with TASUKI_REDIRECT_URI too.
    redirect_uris: client.redirect_uris ?? [...new Set([callback(id), ...(client.env ? [callback('demo-rp')] : [])])],
    ...(client.hidden ? {} : { backchannel_logout_uri: backchannel(id), features: ['logout_session'] }),
    ...secret,
    replace: true,
  };
}

const ministries = read('relying_parties.json').map((rp) => ({
  ...rp,
  government: true,
  offline_access: rp.offline_access ?? false,
}));
const all = [...ministries, ...OTHERS].map((client) => ({ ...client, registered: registration(client) }));

write('clients.json', `${JSON.stringify(all.map((c) => c.registered), null, 1)}\n`);
write(
  'demo-rp.json',
  `${JSON.stringify({
    issuer,
    address: '127.0.0.1',
    port: Number(rpPort),
    cert: `${pkiDir}/http.crt`,
    key: `${pkiDir}/http.key`,
    clients: all
      .filter((c) => !c.hidden)
      .map(({ registered }) => ({ ...registered, redirect_uri: registered.redirect_uris[0] })),
  })}\n`,
);

const accounts = read('accounts.json');
accounts.forEach((account, i) => write(`account-${i + 1}.json`, `${JSON.stringify(account.profile)}\n`));
write('accounts.txt', accounts.map((a, i) => `${i + 1} ${a.account_id} ${a.type} ${a.parent ?? '-'} ${a.phone ?? '-'} ${a.totp ? 'totp' : '-'}\n`).join(''));
// The key of the one account with an authenticator app: 20 bytes as base32.
const base32 = (bytes) => [...bytes].map((b) => b.toString(2).padStart(8, '0')).join('').match(/.{5}/g).map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[parseInt(five, 2)]).join('');
if (!existsSync(`${outDir}/totp.secret`)) write('totp.secret', `${base32(randomBytes(20))}\n`);

// Nothing here holds a single quote: base64url, URIs and addresses.
const lines = [`TASUKI_REDIRECT_URI='${callback('demo-rp')}'`, `TASUKI_DEMO_RP='${rpOrigin}/'`];
for (const { env, registered } of all.filter((c) => c.env)) {
  lines.push(`${env}_ID='${registered.client_id}'`);
  if (registered.client_secret) lines.push(`${env}_SECRET='${registered.client_secret}'`);
  if (env !== 'TASUKI_CLIENT') lines.push(`${env.replace(/_CLIENT$/, '')}_REDIRECT_URI='${registered.redirect_uris[0]}'`);
}
for (const { account_id: id, type, phone, totp } of accounts) {
  const name = totp ? 'TASUKI_TOTP_ACCOUNT' : type === 'prime' ? 'TASUKI_ACCOUNT' : `TASUKI_${type.toUpperCase()}_ACCOUNT`;
  lines.push(`${name}='${id}'`);
  if (phone) lines.push(`${name}_PHONE='${phone}'`);
}
lines.push(`TASUKI_TOTP_SECRET='${readFileSync(`${outDir}/totp.secret`, 'utf8').trim()}'`);
write('clients.env', `${lines.join('\n')}\n`);
