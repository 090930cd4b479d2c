// A cluster made anew out of one node, when the others are lost for good.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { addAccount, addClient, operator, statusOf } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo } from '../lib/demo.mjs';
import { assertAlive, assertDead, issue, joins } from '../lib/epoch.mjs';
import { signIn } from '../lib/flow.mjs';

const EXIT = { refused: 1, usage: 64 };
const cluster = await Cluster.make({ name: 'recover', port: Number(process.env.TASUKI_CLUSTER_PORT ?? 12600), binDir: process.env.TASUKI_BIN_DIR });
after(() => cluster.close());
await cluster.bootstrap();
const rp = await addClient({ name: 'recover' });
const account = await addAccount({ name: 'recover' });
await cluster.settled();
let given;

test('two of three nodes lost for good: recovered from the third', async () => {
  given = await issue(cluster.node(3), rp, account);
  const { epoch } = await statusOf(3);
  const late = await addAccount({ name: 'late' });
  await cluster.settled();
  for (const id of [1, 2, 3]) await cluster.kill(id);
  for (const id of [1, 2]) rmSync(cluster.node(id).data, { recursive: true });
  const { conf } = cluster.node(3);

  const asked = await cluster.tasuki(['recover', '--config', conf], { input: '\n' });
  assert.equal(asked.code, EXIT.refused, asked.stderr);
  for (const sentence of [/kept/, /lost/, new RegExp(cluster.id), /3 voting nodes/, /nothing was changed/]) assert.match(asked.stderr, sentence);
  assert.equal(asked.stdout, '');
  const wrong = await cluster.tasuki(['recover', '--config', conf], { input: `${'0'.repeat(32)}\n` });
  assert.equal(wrong.code, EXIT.usage, wrong.stderr);
  assert.match(wrong.stderr, /nothing was changed/);
  const done = await cluster.tasuki(['recover', '--config', conf, '--json'], { input: `${cluster.id}\n` });
  assert.equal(done.code, 0, done.stderr);
  const result = JSON.parse(done.stdout);
  assert.equal(result.recovered, true);
  assert.equal(Math.floor(result.epoch / 2 ** 32), Math.floor(epoch / 2 ** 32) + 1); // the rest is chance
  assert.ok(result.last_term > 0);
  assert.ok(result.last_index >= result.applied_index);

  cluster.start(3);
  await cluster.ready(3);
  const status = await statusOf(3);
  assert.deepEqual(status.nodes.map((n) => n.id), [3]);
  await assertDead(cluster.node(3), rp, given);
  await assertAlive(cluster.node(3), rp, account, given);
  assert.ok((await signIn(cluster.node(3), rp, late)).code, 'the last account is there');
  const told = await operator(3, 'POST', '/v1/audit', { event: 'cluster.recovered' });
  assert.equal(told.json.records.length, 1, 'the audit says so');
  for (const id of [4, 5]) {
    await cluster.prepare(id);
    await joins(cluster, id);
  }
  demo().nodes.splice(0, 2, cluster.node(3), cluster.node(3));
  await cluster.digestsAgree([3, 4, 5]);
  await assertAlive(cluster.node(5), rp, account, given);
});

test('recovered with --confirm: for scripts', async () => {
  given = await issue(cluster.node(5), rp, account);
  for (const id of [3, 4, 5]) await cluster.kill(id);
  const { conf } = cluster.node(4);
  const done = await cluster.tasuki(['recover', '--config', conf, '--confirm', cluster.id]);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /only node/);
  cluster.start(4);
  await cluster.ready(4);
  await assertAlive(cluster.node(4), rp, account, given);
});
