// Relying parties, registered by `tasuki rp add` as an operator does. What the command
// does not know yet makes the module "not built".
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAccount, everywhere, word } from '../../lib/admin.mjs';
import { demo, run } from '../../lib/demo.mjs';
import { note } from '../../lib/secrets.mjs';
import { notBuilt } from './outcome.mjs';

export const REDIRECT = 'https://rp.example.test/cb';
export const POST_LOGOUT = 'https://rp.example.test/signed-out';

const EXIT_USAGE = 64;

// Options of the command for a description of a client; files go to `dir`.
function argumentsOf(rp, dir) {
  const args = ['--name', rp.name, '--profile', rp.profile, '--auth', rp.auth, '--alg', rp.alg];
  if (rp.government !== false) args.push('--government');
  const one = (option, value) => value !== undefined && args.push(option, value);
  const many = (option, values = []) => values.forEach((value) => args.push(option, value));
  many('--redirect-uri', rp.redirectUris);
  one('--scope', rp.scopes.join(' '));
  many('--post-logout-uri', rp.postLogoutUris);
  one('--backchannel-logout-uri', rp.backchannelLogoutUri);
  one('--tls-subject', rp.tlsSubject);
  if (rp.jwks) {
    const file = join(dir, 'jwks.json');
    writeFileSync(file, JSON.stringify(rp.jwks));
    args.push('--jwks-file', file);
  }
  many('--feature', rp.features);
  return args;
}

// Returns what the description says, with clientId and secret.
export async function addClient(options = {}) {
  const rp = {
    name: '適合性試験',
    profile: 'standard',
    auth: 'basic',
    alg: 'RS256',
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    redirectUris: [REDIRECT],
    ...options,
  };
  const clientId = `conf-${word()}`;
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-conformance-'));
  try {
    const { binDir, file } = demo();
    const args = ['rp', 'add', clientId, ...argumentsOf(rp, dir), '--json', '--env', file];
    const result = await run(join(binDir, 'tasuki'), args);
    const said = `${result.stdout}${result.stderr}`.trim().split('\n')[0];
    if (result.code === EXIT_USAGE) notBuilt(`tasuki rp add: ${said}`);
    if (result.code !== 0) throw new Error(`tasuki rp add: exit ${result.code}: ${said}`);
    for (const node of demo().nodes) await everywhere(node.id);
    return { ...rp, clientId, secret: note(JSON.parse(result.stdout).client_secret), redirectUri: rp.redirectUris[0] };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

// Made once for all modules that ask for it by the same name.
const made = new Map();
export function once(name, make) {
  if (!made.has(name)) made.set(name, make());
  return made.get(name);
}

export const account = () => once('account', () => addAccount({ name: 'conformance' }));
export const standard = () => once('standard', () => addClient());
export const second = () => once('second', () => addClient({ redirectUris: ['https://second.example.test/cb'] }));

// Servers that the modules have started on behalf of their clients.
const opened = [];
export const keepOpen = (server) => (opened.push(server), server);
export const close = async () => {
  for (const server of opened.splice(0)) server.close();
};
