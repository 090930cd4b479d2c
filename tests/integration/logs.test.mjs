// SECURITY_CHECKS G11: the nodes' logs are one JSON object a line, and hold none of the
// secrets that the tests before this one have used (lib/secrets.mjs).
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { addAccount, addClient } from '../lib/admin.mjs';
import { demo, sleep } from '../lib/demo.mjs';
import { Browser, authorizeParams, authorizePath, logout, redeem, refresh, submitLogin, tokens, userinfo } from '../lib/flow.mjs';
import { nodeLogs } from '../lib/logs.mjs';
import { noted } from '../lib/secrets.mjs';

// One flow at every node, with what goes wrong in it, so that there is something to find.
test('a run of all that handles secrets', async () => {
  const rp = await addClient({ name: 'logs' });
  const account = await addAccount({ name: 'logs' });
  for (const node of demo().nodes) {
    const given = await tokens(node, rp, account, { scope: 'openid email offline_access' });
    await userinfo(node, given.access_token);
    await userinfo(node, `${given.access_token}x`);
    await redeem(node, rp, given.code);
    await refresh(node, rp, given.refresh_token);
    await redeem(node, { ...rp, secret: `${rp.secret}x` }, given.code);
    const browser = new Browser(node);
    await submitLogin(browser, await browser.get(authorizePath(authorizeParams(rp))), { id: account.id, password: `${account.password}x` });
    await logout(given.browser);
  }
  await sleep(300);
});

const secrets = new Set([demo().password, ...noted()]);
const file = process.env.TASUKI_SECRETS_FILE;

test('every line is one JSON object with time, level, node and event', () => {
  const logs = nodeLogs();
  assert.ok(logs.length >= demo().nodes.length, 'a log of every node');
  for (const { file: name, text, lines } of logs) {
    assert.ok(lines.length > 3, `${name} has lines`);
    assert.ok(text.endsWith('\n'), `${name} ends with a whole line`);
    for (const [i, line] of lines.entries()) {
      let event;
      assert.doesNotThrow(() => (event = JSON.parse(line)), `${name}:${i + 1}: ${line.slice(0, 200)}`);
      for (const key of ['time', 'level', 'node', 'event']) assert.ok(key in event, `${name}:${i + 1}: ${key}`);
      assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
      assert.match(event.level, /^(debug|info|warn|error|fatal)$/);
    }
  }
});

test('no secret is in any log', () => {
  for (const value of noted()) secrets.add(value);
  if (file && existsSync(file))
    for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) secrets.add(JSON.parse(line));
  assert.ok(secrets.size >= 20, 'there are secrets to look for');
  for (const { file: name, text } of nodeLogs()) {
    // As it is, and as a URL or JSON would write it.
    for (const secret of secrets) {
      for (const form of new Set([secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]))
        assert.ok(!text.includes(form), `${name} holds a secret of ${secret.length} characters: ${secret.slice(0, 4)}...`);
    }
    assert.ok(!/Bearer [A-Za-z0-9]|Basic [A-Za-z0-9+/]{8}|[?&](code|state|nonce|login_state|password)=/.test(text), `${name}: a header or query with secrets`);
  }
  console.log(`${secrets.size} secrets looked for`);
});
