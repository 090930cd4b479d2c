// Nodes that get their data from others: blank, away for too long, damaged, killed half
// way. A cluster of its own, whose nodes keep very little log.
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { addAccount, addClient, operator, statusOf, word } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { sleep, until } from '../lib/demo.mjs';
import { signIn, tokens, userinfo } from '../lib/flow.mjs';
import { leader } from '../lib/leader.mjs';

const EXIT = { usage: 64, rotten: 77, config: 78 };
// A marker comes after 8,192 entries and waits for a restart point of the store, less than a
// second; 1,024 stay behind it.
const ENTRIES_BEYOND = 10_200;
const cluster = await Cluster.make({
  name: 'reseed',
  port: Number(process.env.TASUKI_CLUSTER_PORT ?? 12600),
  binDir: process.env.TASUKI_BIN_DIR,
  lines: ['log_retained_bytes = 65536'],
});
after(() => cluster.close());
await cluster.bootstrap();
const rp = await addClient({ name: 'reseed' });
const account = await addAccount({ name: 'reseed' });
await cluster.settled();

// One after the other on two connections: while one frame is written, one command waits for
// the next. More of them would share it.
async function write(count) {
  const through = await leader();
  const one = async () => {
    const { status, json } = await operator(through, 'POST', '/v1/clients', {
      client_id: `w-${word(8)}`, name: 'x'.repeat(100), ministry: 'y', profile: 'gbizid', auth: 'basic', alg: 'RS256',
      native: false, government: true, scopes: ['openid'], redirect_uris: [`https://rp.example.test/${'z'.repeat(200)}`],
    });
    assert.equal(status, 200, JSON.stringify(json));
  };
  const { applied_index: from } = await statusOf(through);
  const lane = async () => {
    while ((await statusOf(through)).applied_index < from + count) for (let i = 0; i < 50; i++) await one();
  };
  await Promise.all([lane(), lane()]);
}

// Sign in on the node itself; what the others gave is honoured there.
async function serves(id, given) {
  await cluster.ready(id);
  const node = cluster.node(id);
  assert.ok((await signIn(node, rp, account)).code);
  if (given) assert.equal((await userinfo(node, given.access_token)).status, 200);
  const live = cluster.nodes.filter((n) => cluster.runs(n.id)).map((n) => n.id);
  await cluster.digestsAgree(live);
}

const seeded = (id) => cluster.events(id, 'node.seeded');
const staging = (id) => join(cluster.node(id).data, 'staging');
const assertWhole = (id) => {
  for (const name of ['staging', 'reseed', 'discarded']) assert.ok(!existsSync(join(cluster.node(id).data, name)), `${name} is gone`);
};

test('a node that is away for longer than the log re-seeds itself, and serves', async () => {
  const first = await leader();
  const away = [1, 2, 3].find((id) => id !== first);
  await cluster.stop(away);
  const given = await tokens(cluster.node(first), rp, account);
  await write(ENTRIES_BEYOND);
  cluster.start(away);
  const ended = await cluster.end(away);
  assert.equal(ended.code, 74, cluster.logText(away).slice(-1500));
  assert.match(readFileSync(join(cluster.node(away).data, 'reseed'), 'utf8'), /longer than the retained log/);
  cluster.start(away); // as a supervisor does
  await serves(away, given);
  assert.equal(seeded(away).length, 1);
  assertWhole(away);
});

test('a blank node joins: added, seeded, promoted', async () => {
  const given = await tokens(cluster.node(1), rp, account);
  const node = await cluster.prepare(4);
  cluster.start(4, '--join');
  await until('it is told that it is no member', () => cluster.events(4, 'node.seeding_failed').some((e) => /member/.test(e.why)));
  const added = await cluster.ask(['node', 'add', '4', node.peer, node.region]);
  assert.equal(added.code, 0, added.stderr);
  cluster.include(4);
  await cluster.ready(4);
  const promoted = await cluster.ask(['node', 'promote', '4']);
  assert.equal(promoted.code, 0, promoted.stderr);
  await serves(4, given);
  assert.equal((await statusOf(4)).nodes.find((n) => n.self).voter, true);
  assertWhole(4);
  // --join stays without effect from now on.
  await cluster.stop(4);
  cluster.start(4, '--join');
  await serves(4, given);
  assert.equal(seeded(4).length, 1);
  assert.equal(cluster.events(4, 'node.join_ignored').length, 1);
});

test('a voter whose folder is gone must not join again under its id', async () => {
  await cluster.stop(4);
  const { data } = cluster.node(4);
  const kept = `${data}.kept`;
  await cluster.mustRun('mv', [data, kept]);
  cluster.cutLog(4);
  cluster.start(4, '--join');
  const ended = await cluster.end(4);
  assert.equal(ended.code, EXIT.rotten, cluster.logText(4).slice(-1500));
  assert.match(cluster.logText(4), /vot/);
  assert.match(cluster.logText(4), /tasuki node replace/);
  rmSync(data, { recursive: true });
  await cluster.mustRun('mv', [kept, data]);
  // Nor when the log alone is gone.
  const { raft } = cluster.node(4);
  await cluster.mustRun('mv', [raft, kept]);
  for (const more of [[], ['--join'], ['--bootstrap']]) {
    cluster.start(4, ...more);
    assert.equal((await cluster.end(4)).code, EXIT.config);
    assert.match(cluster.logText(4), /log in .* is gone/);
  }
  rmSync(raft, { recursive: true, force: true });
  await cluster.mustRun('mv', [kept, raft]);
  cluster.start(4);
  await serves(4);
});

// Flip `count` bytes of `file` at places that hold `text`.
function flipText(file, text) {
  const bytes = readFileSync(file);
  let at = bytes.indexOf(text);
  let flipped = 0;
  for (; at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes[at] ^= 1;
    flipped++;
  }
  assert.ok(flipped > 0, `${file} holds the text`);
  writeFileSync(file, bytes);
}

test('a rotten row: the node names the file and ends; reseed mends it', async () => {
  const node = cluster.node(2);
  await cluster.stop(2);
  flipText(join(node.store, 'data.mdb'), Buffer.from('rp.example.test'));
  cluster.cutLog(2);
  cluster.start(2);
  const ended = await cluster.end(2);
  assert.equal(ended.code, EXIT.rotten, cluster.logText(2).slice(-1500));
  assert.match(cluster.logText(2), /data\.mdb/);
  assert.match(cluster.logText(2), new RegExp(`tasuki reseed --config ${node.conf}`));
  const mended = await cluster.tasuki(['reseed', '--config', node.conf, '--json']);
  assert.equal(mended.code, 0, mended.stderr);
  const result = JSON.parse(mended.stdout);
  assert.equal(result.reseeded, true);
  assert.ok(result.rows > 0);
  assertWhole(2);
  cluster.start(2);
  await serves(2);
});

test('a rotten log segment: named, and mended by reseed', async () => {
  const node = cluster.node(3);
  await cluster.stop(3);
  const closed = readdirSync(node.raft).filter((name) => /^\d{16}-\d{16}$/.test(name)).sort().at(-1);
  assert.ok(closed, readdirSync(node.raft).join(' '));
  const file = join(node.raft, closed);
  const fd = openSync(file, 'r+');
  const at = Math.floor(statSync(file).size / 2);
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  writeSync(fd, Buffer.from([byte[0] ^ 0x10]), 0, 1, at);
  closeSync(fd);
  cluster.cutLog(3);
  cluster.start(3);
  const ended = await cluster.end(3);
  assert.equal(ended.code, EXIT.rotten, cluster.logText(3).slice(-1500));
  assert.match(cluster.logText(3), new RegExp(closed));
  const mended = await cluster.tasuki(['reseed', '--config', node.conf]);
  assert.equal(mended.code, 0, mended.stderr);
  assert.match(mended.stdout, /Start tasukid/);
  cluster.start(3);
  await serves(3);
});

test('term and vote damaged: reseed refuses, and says what to do', async () => {
  const node = cluster.node(3);
  await cluster.stop(3);
  const kept = new Map();
  for (const name of ['metadata1', 'metadata2']) {
    kept.set(name, readFileSync(join(node.raft, name)));
    writeFileSync(join(node.raft, name), 'x'.repeat(40));
  }
  const refused = await cluster.tasuki(['reseed', '--config', node.conf]);
  assert.equal(refused.code, EXIT.rotten, refused.stderr);
  assert.match(refused.stderr, /term|vote|metadata/);
  assert.ok(!existsSync(join(node.data, 'reseed')), 'no mark is left');
  for (const [name, bytes] of kept) writeFileSync(join(node.raft, name), bytes);
  cluster.start(3);
  await serves(3);
});

test('a running node is left alone by the offline commands', async () => {
  for (const args of [['reseed'], ['recover'], ['restore', '/dev/null']]) {
    const refused = await cluster.tasuki([...args, '--config', cluster.node(3).conf]);
    assert.equal(refused.code, 75, refused.stderr);
    assert.match(refused.stderr, /another tasukid/);
  }
  await serves(3);
});

// Slow transfers, so that there is a middle to be killed in.
async function slowDonors() {
  for (const { id } of cluster.nodes) {
    cluster.configure(id, ['image_bytes_per_s = 393216']);
    await cluster.stop(id);
    cluster.start(id);
    await cluster.ready(id);
  }
}

const underWay = (id) =>
  until('the image is on its way', () => {
    const file = join(staging(id), 'store', 'data.mdb');
    return existsSync(file) && statSync(file).size > 0;
  });

test('taker and donor killed during the transfer: it comes to a good end', { timeout: 300000 }, async () => {
  await slowDonors();
  await cluster.stop(4);
  cluster.cutLog(4);
  const mark = join(cluster.node(4).data, 'reseed');
  writeFileSync(mark, 'the test asks for it\n', { mode: 0o600 });
  for (const pause of [0, 300, 1200]) {
    cluster.start(4);
    await underWay(4);
    await sleep(pause);
    await cluster.kill(4);
    assert.ok(existsSync(mark), 'it is still to be seeded');
    assert.ok(existsSync(join(cluster.node(4).store, 'data.mdb')), 'the old store stays until the end');
  }
  assert.equal(seeded(4).length, 0);
  cluster.start(4);
  await underWay(4);
  const donor = await until('the donor is told', () => cluster.events(4, 'node.seeding').filter((e) => e.step === 'receiving').at(-1)?.donor);
  await cluster.kill(donor);
  await until('it goes on with another donor', () => cluster.events(4, 'node.seeding_failed').some((e) => e.donor === donor));
  cluster.start(donor);
  await serves(4);
  assert.notEqual(seeded(4).at(-1).donor, donor);
  await serves(donor);
  assertWhole(4);
});

test('a removed node: told so by all, backs off, and ends when it asks for an image', async () => {
  const log = () => cluster.logText(4).length;
  await cluster.stop(4);
  const gone = await cluster.ask(['node', 'remove', '4']);
  assert.equal(gone.code, 0, gone.stderr);
  const from = log();
  cluster.start(4);
  await until('it is turned away', () => cluster.events(4, 'peer.turned_away').length > 0);
  await sleep(5000);
  const dialled = cluster.events(1, 'peer.refused').filter((e) => e.peer === 4).length;
  await sleep(5000);
  const again = cluster.events(1, 'peer.refused').filter((e) => e.peer === 4).length - dialled;
  assert.ok(again <= 5, `it dialled ${again} times in 5 s`);
  const lines = cluster.logText(4).slice(from).split('\n');
  assert.ok(lines.length < 500, `its log fills: ${lines.length} lines\n${lines.slice(-12).join('\n')}`);
  await cluster.kill(4);
  writeFileSync(join(cluster.node(4).data, 'reseed'), 'the test asks for it\n', { mode: 0o600 });
  cluster.start(4);
  const ended = await cluster.end(4);
  assert.equal(ended.code, 76, cluster.logText(4).slice(-1500));
  assert.match(cluster.events(4, 'node.removed').at(-1).why, /removed from the cluster/);
  // Of its log nothing is left that could be read, but for its term and vote.
  const raft = join(cluster.node(4).data, 'raft');
  for (const name of readdirSync(raft).filter((n) => !n.startsWith('metadata'))) rmSync(join(raft, name));
  const before = cluster.events(4, 'node.removed').length;
  cluster.start(4);
  assert.equal((await cluster.end(4)).code, 76, cluster.logText(4).slice(-1500));
  assert.equal(cluster.events(4, 'node.removed').length, before + 1);
});
