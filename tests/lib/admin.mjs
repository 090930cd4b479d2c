// The operator port: tests make the accounts and relying parties that they need.
import https from 'node:https';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { demo, sleep, until } from './demo.mjs';
import { request } from './http.mjs';
import { note } from './secrets.mjs';

const agents = new Map(); // by system

export function operatorAgent() {
  const { file } = demo();
  if (!agents.has(file))
    agents.set(
      file,
      new https.Agent({
        keepAlive: true,
        timeout: 2500,
        ca: demo().ca,
        cert: readFileSync(demo().need('TASUKI_OPERATOR_CERT')),
        key: readFileSync(demo().need('TASUKI_OPERATOR_KEY')),
      }),
    );
  return agents.get(file);
}

// { status, json }; `id`: through which node.
export async function operator(id, method, path, body) {
  const base = demo().nodes[id - 1].operator;
  const answer = await request({ name: `operator-${id}`, base }, method, path, {
    agent: operatorAgent(),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: answer.status, json: answer.body ? answer.json : null, answer };
}

// What a node has applied its readers see within this, but for one that commands come to
// without a pause (F6 of raft/fsm.h); and a turn of its loop on a busy machine.
const SHARED_COMMIT_MS = 60;

// Rows of accounts and clients carry no stamp: a test waits until all nodes that
// answer have what `id` has.
export async function everywhere(id) {
  const { applied_index: index } = await statusOf(id);
  for (const node of demo().nodes) {
    await until(
      `${node.name} at index ${index}`,
      async () => {
        const status = await statusOf(node.id).catch(() => null);
        return status === null || status.applied_index >= index;
      },
      { every: 5 },
    );
  }
  await sleep(2 * SHARED_COMMIT_MS);
}

// Try the nodes in turn while the answer is 503: a leader change may be under way.
async function must(method, path, body) {
  let last;
  for (let attempt = 0; attempt < 30; attempt++) {
    const id = 1 + (attempt % demo().nodes.length);
    try {
      last = await operator(id, method, path, body);
      if (last.status >= 200 && last.status < 300) {
        await everywhere(id);
        return last.json;
      }
      if (last.status !== 503) break;
    } catch (error) {
      last = { status: 0, json: error.message };
    }
    await sleep(300);
  }
  throw new Error(`${method} ${path}: ${last.status} ${JSON.stringify(last.json)}`);
}

export const statusOf = async (id) => (await operator(id, 'GET', '/v1/status')).json;

export const word = (bytes = 6) => randomBytes(bytes).toString('hex');

export const PROFILE = {
  corp_type: 1,
  corporate_number: '7000012050002',
  name: '株式会社襷試験',
  en_name: 'Tasuki Test Inc.',
  prefecture_name: '13',
  address1: '千代田区霞が関',
  address2: '一丁目1番1号',
  rep_last_nm: '髙橋',
  rep_first_nm: '花子',
  rep_last_nm_kana: 'タカハシ',
  rep_first_nm_kana: 'ハナコ',
  birthday_ymd: '19800401',
  user_last_nm: '髙橋',
  user_first_nm: '花子',
  user_last_nm_kana: 'タカハシ',
  user_first_nm_kana: 'ハナコ',
  user_post_code: '1000013',
  user_prefecture_name: '13',
  user_address1: '千代田区霞が関',
  user_address2: '一丁目1番1号',
  user_address3: '合同庁舎',
  user_department: '総務部',
  user_tel_no_contact: '0312345678',
  user_birthday_ymd: '19800401',
};

// A number of its own, which the sinks of the demo take.
export const newPhone = () => `+8190${String(randomBytes(4).readUInt32BE() % 100000000).padStart(8, '0')}`;

export async function addAccount(options = {}) {
  const account = {
    account_id: options.account_id ?? `${options.name ?? 'user'}-${word()}@example.test`,
    password: note(options.password ?? `test ${word(12)} pass`),
    type: options.type ?? 'entry', // one factor will do; others need a phone or totp_seed
    ...(options.parent ? { parent: options.parent } : {}),
    profile: options.profile ?? PROFILE,
  };
  const made = await must('POST', '/v1/accounts', account);
  for (const member of ['phone', 'totp_seed'])
    if (options[member]) await must('POST', '/v1/accounts/factors', { account_id: account.account_id, action: 'add', [member]: options[member] });
  return { id: account.account_id, password: account.password, sub: made.sub, phone: options.phone, totp: options.totp_seed };
}

// A relying party as flow.mjs wants it.
export async function addClient(options = {}) {
  const client = {
    client_id: options.client_id ?? `t-${options.name ?? 'rp'}-${word()}`,
    name: options.label ?? '試験サービス',
    ministry: 'デジタル庁',
    profile: options.profile ?? 'gbizid',
    auth: options.auth ?? 'basic',
    alg: options.alg ?? 'RS256',
    native: options.native ?? false,
    government: options.government ?? true,
    scopes: options.scopes ?? ['openid', 'profile', 'user', 'email', 'offline_access'],
    redirect_uris: options.redirect_uris ?? ['https://rp.example.test/cb'],
    ...(options.account_types ? { account_types: options.account_types } : {}),
    ...(options.features ? { features: options.features } : {}),
    ...(options.jwks ? { jwks: options.jwks } : {}),
    ...(options.audience ? { audience: options.audience } : {}),
    ...(options.backchannel_logout_uri ? { backchannel_logout_uri: options.backchannel_logout_uri } : {}),
    ...(options.post_logout_uris ? { post_logout_uris: options.post_logout_uris } : {}),
  };
  const made = await must('POST', '/v1/clients', client);
  return {
    clientId: client.client_id,
    secret: made.client_secret && note(made.client_secret),
    auth: client.auth,
    alg: client.alg,
    redirectUri: client.redirect_uris[0],
  };
}
