// Counters of relying parties: every sign-in, and what the nodes count themselves.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { addAccount, addClient, everywhere, operator } from '../lib/admin.mjs';
import { demo, run, sleep, until } from '../lib/demo.mjs';
import { tokens, userinfo } from '../lib/flow.mjs';
import { get } from '../lib/http.mjs';

const { nodes, binDir, file } = demo();
const FLUSH_MS = 20000; // 10 s, and room for a busy machine
// Japan's, and one that lasts for as long as the test may.
const monthAt = (ms) => new Date(ms + 9 * 3600e3).toISOString().slice(0, 7);
while (monthAt(Date.now()) !== monthAt(Date.now() + 60000)) await sleep(1000);
const month = monthAt(Date.now());

async function usageAt(id, clientId) {
  const { status, json } = await operator(id, 'GET', '/v1/usage');
  assert.equal(status, 200);
  return json.usage.find((row) => row.client_id === clientId && row.month === month) ?? { logins: 0, userinfo: 0, top: 0, sms: 0 };
}

test('sign-ins, userinfo and the TOP page are counted, on whatever node, and all nodes tell the same', { timeout: 60000 }, async () => {
  const account = await addAccount({ name: 'counted' });
  const rp = await addClient({ name: 'counted' });
  const sealing = await addClient({ name: 'counted-sealed', profile: 'standard' });
  const top = (await usageAt(1, '')).top;
  let userinfos = 0;
  for (let i = 0; i < 6; i++) {
    const node = nodes[i % 3];
    const given = await tokens(node, rp, account);
    if (i % 2 === 0) await tokens(node, sealing, account);
    for (let j = 0; j <= i; j++) {
      assert.equal((await userinfo(nodes[j % 3], given.access_token)).status, 200);
      userinfos++;
    }
    assert.equal((await userinfo(node, 'x'.repeat(90))).status, 401, 'which is not counted');
    assert.equal((await get(node, '/')).status, 200);
  }
  await everywhere(1);
  assert.equal((await usageAt(1, rp.clientId)).logins, 6, 'sign-ins at once');
  assert.equal((await usageAt(1, sealing.clientId)).logins, 3, 'by sealed codes as well');
  await until('userinfo is counted', async () => (await usageAt(1, rp.clientId)).userinfo === userinfos, { timeout: FLUSH_MS });
  await until('the TOP page is counted', async () => (await usageAt(1, '')).top >= top + 6, { timeout: FLUSH_MS });
  await everywhere(1);
  const all = await Promise.all(nodes.map((node) => usageAt(node.id, rp.clientId)));
  assert.deepEqual(all[1], all[0]);
  assert.deepEqual(all[2], all[0]);
  assert.deepEqual(all[0], { month, client_id: rp.clientId, logins: 6, userinfo: userinfos, top: 0, sms: 0, app_android: 0, app_ios: 0 });

  const told = await run(join(binDir, 'tasuki'), ['rp', 'usage', rp.clientId, '--month', month, '--json', '--env', file]);
  assert.deepEqual(JSON.parse(told.stdout), [all[0]]);
  const table = await run(join(binDir, 'tasuki'), ['rp', 'usage', '--env', file]);
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, new RegExp(`${month} +${rp.clientId} +6 +${userinfos} +0 +0`));
  assert.equal((await run(join(binDir, 'tasuki'), ['rp', 'usage', '--month', 'May', '--env', file])).code, 64);
});
