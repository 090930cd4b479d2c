// The audit: what is done on any node is one chain on all of them, also across the
// leader's death; it is searched and exported, and what is planted in it is found.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { addAccount, addClient, operator } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo, until } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, Browser, signIn, submitLogin, tokens } from '../lib/flow.mjs';
import { leader } from '../lib/leader.mjs';

const binDir = process.env.TASUKI_BIN_DIR;
const MAP_BYTES = '1073741824';
const cluster = await Cluster.make({ name: 'audit', port: Number(process.env.TASUKI_CLUSTER_PORT ?? 12600), binDir });
after(() => cluster.close());
await cluster.bootstrap();
const rp = await addClient({ name: 'audit' });
const account = await addAccount({ name: 'audit' });
const other = await addAccount({ name: 'audit-other' });

const ask = async (...args) => {
  const result = await cluster.ask(['audit', ...args, '--json']);
  assert.equal(result.code, 0, `audit ${args.join(' ')}: ${result.stderr}`);
  return JSON.parse(result.stdout);
};
const found = (...args) => ask('search', ...args);
const head = async (id) => (await operator(id, 'GET', '/v1/audit')).json.head;
// The one head of all nodes: what was asked last is a record too, which each node shows
// with its next commit.
const commonHead = () => until('the nodes have one head', async () => {
  const heads = await Promise.all([1, 2, 3].map(head));
  return heads.every((one) => isDeepStrictEqual(one, heads[0])) && heads[0];
});
const verify = (...args) => cluster.ask(['audit', 'verify', ...args]);
const file = (name) => join(cluster.dir, name);

// One wrong password, through the pages.
async function fail(node, id, password = 'wrong') {
  const browser = new Browser(node);
  await submitLogin(browser, await browser.get(authorizePath(authorizeParams(rp))), { id, password });
}

test('what operators and people do is there once, with who did it and from where, the same on every node', async () => {
  const { nodes } = demo();
  await tokens(nodes[1], rp, account);
  await fail(nodes[2], account.id);
  await fail(nodes[0], 'nobody@example.test');
  await cluster.settled();
  const common = await commonHead();
  assert.ok(common.seq > 5, JSON.stringify(common));

  const of = await found('--account', account.id);
  assert.deepEqual(of.map((record) => record.event).filter((event) => event !== 'audit.searched'), ['signin.failed', 'signin', 'account.created']);
  const [failed, ok, created] = of.filter((record) => record.event !== 'audit.searched');
  assert.equal(created.actor_kind, 'operator');
  assert.equal(created.actor, 'operator', "the certificate's name");
  assert.equal(created.sub, account.sub);
  assert.equal(ok.actor_kind, 'account');
  assert.equal(ok.actor, account.sub);
  assert.equal(ok.address, '127.0.0.1');
  assert.equal(failed.actor_kind, 'somebody');
  assert.ok(failed.outcome > 0);
  for (const record of of) assert.ok(!JSON.stringify(record).includes(account.id), 'no account ID in the clear');

  const strangers = await found('--account', 'nobody@example.test');
  assert.equal(strangers.length, 1);
  assert.equal(strangers[0].event, 'signin.failed');
  assert.ok(!strangers[0].sub && strangers[0].login);
  assert.equal((await found('--rp', rp.clientId)).filter((record) => record.event === 'client.created').length, 1);
  assert.deepEqual((await found('--rp', rp.clientId)).map((record) => record.event).filter((event) => event.startsWith('signin')).sort(), ['signin', 'signin.failed', 'signin.failed'], 'what began at the relying party');
  assert.equal((await found('--event', 'signin.failed')).length, 2);
  assert.deepEqual([...new Set((await found('--event', 'signin*')).map((record) => record.event))].sort(), ['signin', 'signin.failed']);
  assert.ok((await found('--address', '127.0.0.1', '--event', 'signin')).length >= 1);
  assert.equal((await found('--address', '192.0.2.1')).length, 0);
  assert.equal((await found('--from', '2099-01-01')).length, 0);
  assert.equal((await found('--to', '2001-01-01')).length, 0);
  assert.ok((await found('--operator', 'operator', '--limit', '3')).length === 3);
  const searches = await found('--event', 'audit.searched', '--account', account.id);
  assert.ok(searches.length >= 1 && searches[0].actor === 'operator', 'who looked at whom is there too');
  const refused = await cluster.ask(['audit', 'search', '--event', 'no.such']);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /no such event/);
  const one = await ask('show', String(created.seq));
  assert.equal(one.hash, created.hash);
});

test('pages go on where the last one ended, and leave none out', async () => {
  const all = await ask('list', '--limit', '100000');
  assert.deepEqual(all.map((record) => record.seq), Array.from({ length: all.length }, (_, i) => all[0].seq - i));
  let at = 0;
  const seen = [];
  do {
    const { json } = await operator(2, 'POST', '/v1/audit', { upward: true, sealed: true, limit: 3, ...(at ? { at } : {}) });
    seen.push(...json.records.map((record) => record.seq));
    at = json.next;
  } while (at);
  assert.deepEqual(seen, Array.from({ length: seen.length }, (_, i) => i + 1));
});

test('verify proves the chain over all nodes, and remembers where it ended', async () => {
  const first = await verify('--remember', file('head'));
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^sound: records 1 to \d+\n\d+:[0-9a-f]{64}\n$/);
  const known = first.stdout.split('\n')[1];
  assert.equal(readFileSync(file('head'), 'utf8').trim(), known);
  await fail(demo().nodes[0], other.id);
  const second = await verify('--remember', file('head'), '--known', known);
  assert.equal(second.code, 0, second.stderr);
  const [seq, hash] = known.split(':');
  const lied = await verify('--known', `${seq}:${hash.replace(/^./, (c) => (c === '0' ? '1' : '0'))}`);
  assert.equal(lied.code, 1);
  assert.match(lied.stderr, /NOT sound: record \d+: its hash is another than that of --known/);
});

// A sound export with one thing done to it.
async function tampered(change, ...args) {
  const lines = readFileSync(file('export'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const records = change(lines.slice(1), lines[0]) ?? lines.slice(1);
  writeFileSync(file('bad'), `${[lines[0], ...records].map((line) => JSON.stringify(line)).join('\n')}\n`);
  return verify('--file', file('bad'), ...args);
}

test('a change, a gap, another order, an insertion and a cut are found in an export, whatever is changed', async () => {
  const made = await cluster.ask(['audit', 'export', '--out', file('export')]);
  assert.equal(made.code, 0, made.stderr);
  const text = readFileSync(file('export'), 'utf8');
  assert.ok(!text.includes('127.0.0.1') && !text.includes(account.id), 'origins are sealed');
  const sound = await verify('--file', file('export'));
  assert.equal(sound.code, 0, sound.stderr);
  const known = sound.stdout.split('\n')[1];
  const again = await cluster.ask(['audit', 'export', '--out', file('export')]);
  assert.notEqual(again.code, 0, 'a file that is there is kept');

  const count = text.trimEnd().split('\n').length - 1;
  const members = { seq: 1, time_ms: 1, event_number: 2, outcome: 7, count: 2, actor_kind: 'staff', actor: 'x', sub: 'f'.repeat(32), note: 'x', client_id: 'x', source: 'f'.repeat(32), sealed: 'AAAA', previous: 'f'.repeat(64), hash: 'f'.repeat(64), event: 'signout' };
  for (const [member, value] of Object.entries(members))
    for (const at of [0, Math.floor(count / 2), count - 1]) {
      const result = await tampered((records) => {
        records[at][member] = typeof value === 'number' ? records[at][member] + value : value;
      });
      assert.equal(result.code, 1, `${member} of record ${at + 1}`);
      assert.match(result.stderr, /NOT sound/, member);
    }
  const cases = {
    'a record less': [(records) => records.toSpliced(2, 1), /record 4 follows record 2: what was between them is missing/],
    'the first gone': [(records) => records.slice(1), /missing/],
    'two exchanged': [(records) => records.toSpliced(2, 2, records[3], records[2]), /missing|order/],
    'one twice': [(records) => records.toSpliced(2, 0, records[2]), /not in their order/],
    'the last ones gone': [(records) => records.slice(0, -2), /records end with \d+, but the export's first line had/],
    'the last ones gone, and the head with them': [
      (records, first) => {
        const left = records.slice(0, -2);
        first.head.seq = left.at(-1).seq;
        first.head.hash = left.at(-1).hash;
        return left;
      },
      null,
    ],
  };
  for (const [what, [change, why]] of Object.entries(cases)) {
    const result = await tampered(change);
    if (why === null) {
      assert.equal(result.code, 0, `${what}: nothing in it tells`);
      const told = await tampered(change, '--known', known);
      assert.equal(told.code, 1, `${what}, but it is known from before`);
      assert.match(told.stderr, /the last ones are missing/);
    } else {
      assert.equal(result.code, 1, what);
      assert.match(result.stderr, why, what);
    }
  }
});

test('the chain is whole across the death of the leader, and nothing in it is there twice', async () => {
  const { nodes } = demo();
  const gone = await leader();
  const before = (await head(gone)).seq;
  const left = nodes.filter((node) => node.id !== gone);
  const attempts = [];
  for (let i = 0; i < 6; i++) attempts.push(signIn(left[i % 2], rp, account).catch((error) => error));
  await cluster.kill(gone);
  await Promise.all(attempts);
  cluster.start(gone);
  await cluster.ready(gone);
  await cluster.settled();
  const result = await verify('--remember', file('head'));
  assert.equal(result.code, 0, result.stderr);
  assert.ok((await commonHead()).seq > before);
});

test('a row that was changed, or cut off, on every disk is found, where no node finds it', async () => {
  const target = (await found('--account', account.id)).find((record) => record.event === 'account.created');
  const tamper = async (...args) => {
    for (const { id } of cluster.nodes) await cluster.stop(id);
    for (const node of cluster.nodes) await cluster.mustRun(join(binDir, 'tests/integration/audit_tamper'), [node.store, MAP_BYTES, ...args]);
    for (const { id } of cluster.nodes) cluster.start(id);
    for (const { id } of cluster.nodes) await cluster.ready(id);
  };
  assert.equal((await verify('--remember', file('head'))).code, 0);
  await tamper('note', String(target.seq), 'never happened');
  const changed = await verify('--remember', file('head'));
  assert.equal(changed.code, 1);
  assert.match(changed.stderr, new RegExp(`record ${target.seq}: its hash does not fit what it says`));
  await tamper('rehash', String(target.seq), 'never happened');
  const rehashed = await verify('--remember', file('head'));
  assert.equal(rehashed.code, 1);
  assert.match(rehashed.stderr, new RegExp(`record ${target.seq + 1} does not follow`));
  await tamper('note', String(target.seq), target.note ?? '');
  const mended = await verify('--remember', file('head'));
  assert.equal(mended.code, 1, 'its hash is the other one still');
  await tamper('rehash', String(target.seq), target.note ?? '');
  assert.equal((await verify('--remember', file('head'))).code, 0, 'as it was');

  const end = await head(1);
  await tamper('cut', String(end.seq - 1));
  assert.equal((await verify()).code, 0, 'who remembers nothing finds nothing');
  const cut = await verify('--remember', file('head'));
  assert.equal(cut.code, 1);
  assert.match(cut.stderr, /NOT sound/);
});
