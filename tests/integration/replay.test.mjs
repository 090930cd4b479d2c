// What may be used once is used once: client assertions, DPoP proofs and pushed requests,
// sent again to every other node, and all the while a leader dies (RFC 7523 §3, RFC 9449
// §11.1, RFC 9126 §7.3). A cluster of its own, since its leaders are killed.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { addAccount, addClient } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo, sleep } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, basic, Browser, pkce, signIn } from '../lib/flow.mjs';
import { post } from '../lib/http.mjs';
import { leader } from '../lib/leader.mjs';
import { volley } from '../lib/race.mjs';
import { clientAssertion, dpopProof, newKey } from '../conformance/lib/keys.mjs';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const KILLS = 2;
const THINGS = 20;

const cluster = await Cluster.make({ name: 'replay', port: Number(process.env.TASUKI_CLUSTER_PORT ?? 12600), binDir: process.env.TASUKI_BIN_DIR });
after(() => cluster.close());
await cluster.bootstrap();
const { issuer } = demo();
const keys = { signs: await newKey(), proves: await newKey() };
const signs = await addClient({ name: 'signs', auth: 'private_key_jwt', profile: 'standard', features: ['credentials'], jwks: { keys: [keys.signs.jwk] } });
const proves = await addClient({ name: 'proves', profile: 'standard', features: ['credentials', 'dpop_bound'] });
const pushes = await addClient({ name: 'pushes', profile: 'standard', features: ['require_par'] });
const account = await addAccount({ name: 'replay' });
await cluster.settled();
const { browser } = await signIn(cluster.node(1), await addClient({ name: 'session' }), account);
await cluster.settled();

const tokenUrl = new URL('token', issuer).href;
const asked = (rp) => ({ authorization: basic(rp.clientId, rp.secret) });

async function nonceOf(node) {
  const proof = await dpopProof({ key: keys.proves, method: 'POST', url: tokenUrl });
  const answer = await post(node, '/oauth/token', { form: { grant_type: 'client_credentials' }, headers: { ...asked(proves), dpop: proof } });
  assert.equal(answer.json.error, 'use_dpop_nonce', answer.body);
  return answer.headers['dpop-nonce'];
}

const judged = (answer, used, refused) => {
  if (used(answer)) return 'used';
  if (answer.status >= 500) return 'unknown';
  assert.ok(refused(answer), `neither used nor refused as a replay: ${answer.status} ${answer.body.slice(0, 300)}`);
  return 'refused';
};

const kinds = {
  assertion: {
    make: () => clientAssertion({ clientId: signs.clientId, key: keys.signs, audience: issuer }),
    send: async (node, jwt) =>
      judged(
        await post(node, '/oauth/token', { form: { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE, client_assertion: jwt } }),
        ({ status }) => status === 200,
        ({ status, json }) => [400, 401].includes(status) && json.error === 'invalid_client',
      ),
  },
  'DPoP proof': {
    make: async (node) => dpopProof({ key: keys.proves, method: 'POST', url: tokenUrl, nonce: await nonceOf(node) }),
    send: async (node, proof) =>
      judged(
        await post(node, '/oauth/token', { form: { grant_type: 'client_credentials' }, headers: { ...asked(proves), dpop: proof } }),
        ({ status }) => status === 200,
        ({ status, json }) => status === 400 && json.error === 'invalid_dpop_proof',
      ),
  },
  request_uri: {
    make: async (node) => {
      const { challenge } = pkce();
      const params = authorizeParams(pushes, { scope: 'openid', prompt: 'none', code_challenge: challenge, code_challenge_method: 'S256' });
      const answer = await post(node, '/oauth/par', { form: params, headers: asked(pushes) });
      assert.equal(answer.status, 201, answer.body);
      return answer.json.request_uri;
    },
    send: async (node, uri) =>
      judged(
        await new Browser(node, { jar: browser.jar.clone() }).get(authorizePath({ client_id: pushes.clientId, request_uri: uri })),
        ({ status, location }) => [302, 303].includes(status) && new URL(location).searchParams.has('code'),
        ({ status, isHtml }) => status === 400 && isHtml,
      ),
  },
};

const others = (node) => cluster.nodes.filter((one) => one !== node);

for (const [name, { make, send }] of Object.entries(kinds)) {
  test(`${name}: used at one node, it is refused at each other one`, async () => {
    for (const node of cluster.nodes) {
      const thing = await make(others(node)[0]);
      assert.equal(await send(node, thing), 'used', node.name);
      for (const other of [...others(node), node]) assert.equal(await send(other, thing), 'refused', `${node.name}, then ${other.name}`);
    }
  });

  test(`${name}: sent 24 times at once over all nodes, it is used once`, async () => {
    for (let round = 0; round < 3; round++) {
      const thing = await make(cluster.nodes[round]);
      const answers = await volley(24, cluster.nodes, async (node) => ({ status: await send(node, thing) }));
      assert.equal(answers.filter(({ status }) => status === 'used').length, 1, JSON.stringify(answers.map(({ status }) => status)));
    }
  });
}

test('whatever is under way when a leader dies is used at most once, and then never again', async () => {
  for (let kill = 0; kill < KILLS; kill++) {
    const things = [];
    for (let i = 0; i < THINGS; i++)
      for (const kind of Object.keys(kinds)) things.push({ kind, thing: await kinds[kind].make(cluster.nodes[i % 3]), used: 0 });
    const attempt = async (one, node) => {
      const outcome = await kinds[one.kind].send(node, one.thing).catch((error) => {
        if (error.code === 'ERR_ASSERTION') throw error;
        return 'unknown'; // the connection broke
      });
      one.used += outcome === 'used' ? 1 : 0;
    };
    const sends = [];
    for (const one of things)
      for (const node of cluster.nodes) sends.push(sleep(Math.random() * 1500).then(() => attempt(one, node)));
    const lead = await leader();
    await sleep(300);
    await cluster.kill(lead);
    await Promise.all(sends);
    cluster.start(lead);
    await cluster.ready(lead);
    await cluster.settled();
    const answered = things.filter(({ used }) => used > 0).length;
    for (const one of things) for (const node of cluster.nodes) await attempt(one, node);
    for (const { kind, used } of things) assert.equal(used <= 1, true, `kill ${kill}: ${kind} used ${used} times`);
    assert.ok(answered > things.length / 3, `kill ${kill}: only ${answered} of ${things.length} were answered`);
    console.log(`# kill ${kill} of node ${lead}: ${answered} of ${things.length} answered in the storm, ${things.filter(({ used }) => used).length} known as used in the end, none twice`);
  }
});
