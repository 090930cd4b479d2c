// Every step of a flow at another node, at once, many times (DESIGN §3, reads).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addAccount, addClient } from '../lib/admin.mjs';
import { demo } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, Browser, callback, isLoginPage, notice, pkce, redeem, refresh, submitLogin, userinfo } from '../lib/flow.mjs';
import { get } from '../lib/http.mjs';
import { digestsAgree } from '../lib/leader.mjs';
import { count, tally, volley } from '../lib/race.mjs';

const REPETITIONS = Number(process.env.TASUKI_CROSS_NODE ?? 200);
const { nodes } = demo();
// Codes of the one are stored when they are issued, those of the other are sealed until
// they are redeemed.
const rps = [await addClient({ name: 'cross', alg: 'ES256' }), await addClient({ name: 'sealed', alg: 'ES256', profile: 'standard' })];
const [rp] = rps;
const account = await addAccount({ name: 'cross' });

test(`authorize, login, token and userinfo each at another node, ${REPETITIONS} times`, async () => {
  const orders = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]];
  for (let i = 0; i < REPETITIONS; i++) {
    const [a, b, c] = orders[i % orders.length].map((at) => nodes[at]);
    const rp = rps[Math.floor(i / orders.length) % rps.length];
    const proof = pkce();
    const browser = new Browser(a);
    const page = await browser.get(
      authorizePath(authorizeParams(rp, { scope: 'openid email offline_access', code_challenge: proof.challenge, code_challenge_method: 'S256' })),
    );
    const answer = await submitLogin(browser, page, account, { at: b });
    assert.ok(!isLoginPage(answer), `${i}: ${notice(answer)}`);
    const { code } = callback(answer, rp);
    const given = await redeem(c, rp, code, { verifier: proof.verifier });
    assert.equal(given.status, 200, `${i}: token at ${c.name} after login at ${b.name}: ${given.body}`);
    const info = await userinfo(a, given.json.access_token);
    assert.equal(info.status, 200, `${i}: userinfo at ${a.name} after token at ${c.name}: ${info.body}`);
    assert.equal(info.json.email, account.id);
    // The session is known at the two nodes that have not made it, at once.
    for (const other of [a, c]) {
      const again = callback(await browser.get(authorizePath(authorizeParams(rp, { prompt: 'none' })), { at: other }), rp);
      assert.ok(again.code, `${i}: session at ${other.name}: ${JSON.stringify(again)}`);
    }
    const next = await refresh(b, rp, given.json.refresh_token);
    assert.equal(next.status, 200, `${i}: refresh at ${b.name}: ${next.body}`);
    assert.equal((await userinfo(c, next.json.access_token)).status, 200, `${i}: userinfo at ${c.name} after refresh`);
  }
});

test('discovery and keys are the same bytes on every node', async () => {
  for (const path of ['/oauth/.well-known/openid-configuration', '/oauth/jwks']) {
    const bodies = await Promise.all([demo().balancer, ...nodes].map(async (node) => (await get(node, path)).body));
    assert.equal(new Set(bodies).size, 1, path);
    assert.ok(bodies[0].length > 100);
  }
});

test('a code redeemed 50 times at once over all nodes: one 200, its tokens revoked', async () => {
  const browser = new Browser(nodes[0]);
  const page = await browser.get(authorizePath(authorizeParams(rp)));
  let code = callback(await submitLogin(browser, page, account), rp).code;
  for (let round = 0; round < 5; round++) {
    const answers = await volley(50, nodes, (node) => redeem(node, rp, code));
    assert.equal(count(answers, 200), 1, tally(answers));
    assert.equal(count(answers, 400), 49, tally(answers));
    const access = answers.find((a) => a.status === 200).answer.json.access_token;
    for (const node of nodes) assert.equal((await userinfo(node, access)).status, 401, node.name);
    code = callback(await browser.get(authorizePath(authorizeParams(rp, { prompt: 'none' })), { at: nodes[round % 3] }), rp).code;
  }
});

test('a refresh token used 50 times at once: never two successors', async () => {
  const browser = new Browser(nodes[1]);
  const page = await browser.get(authorizePath(authorizeParams(rp, { scope: 'openid offline_access' })));
  const { code } = callback(await submitLogin(browser, page, account), rp);
  let current = (await redeem(nodes[2], rp, code)).json.refresh_token;
  for (let round = 0; round < 5; round++) {
    const answers = await volley(50, nodes, (node) => refresh(node, rp, current));
    const successors = new Set(answers.filter((a) => a.status === 200).map((a) => a.answer.json.refresh_token));
    assert.equal(successors.size, 1, tally(answers));
    [current] = successors;
  }
});

test('all nodes hold the same data', async () => {
  const { digest } = await digestsAgree();
  assert.match(digest, /^[0-9a-f]{32}$/);
});
