// SECURITY_CHECKS B: codes, tokens and client authentication.
import assert from 'node:assert/strict';
import { everywhere, word } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo, sleep } from '../lib/demo.mjs';
import { alice, bob, browserOf, code, conf, evil, postRp, pub, standard, tokensOf } from '../lib/fixtures.mjs';
import {
  assertTokenError,
  basic,
  logout,
  pkce,
  random,
  redeem,
  refresh,
  signIn,
  token,
  tokens,
  userinfo,
} from '../lib/flow.mjs';
import { get, post } from '../lib/http.mjs';
import { transfer, whole } from '../lib/leader.mjs';
import { count, tally, volley } from '../lib/race.mjs';
import { mannWhitney, quantile, SEPARATION_MAX } from '../lib/stats.mjs';

const OFFLINE = { scope: 'openid profile email offline_access' };

// A follower hears of a commit some milliseconds later: dead on every node within a
// second (B14), or when the node of a machine under load has heard of it; and for good.
async function assertDead(access, what) {
  const deadline = Date.now() + 1000;
  const status = async (node) => (await userinfo(node, access)).status;
  for (const node of demo().nodes) {
    while ((await status(node)) === 200 && Date.now() < deadline) await sleep(10);
    if ((await status(node)) === 200) for (const { id } of demo().nodes) await everywhere(id);
    const answer = await status(node);
    assert.equal(answer, 401, `${what}: access token at ${node.name}: ${answer}`);
  }
}

// Codes of the one are stored when they are issued, those of the other when they are
// redeemed: they are sealed until then.
const bothForms = () => Promise.all([conf(), standard()]);

check('B01', 'a second redemption fails and revokes what the first gave', async ({ target }) => {
  for (const rp of await bothForms()) await replayEnds(target, rp);
});

async function replayEnds(target, rp) {
  const got = await code(target, rp, await alice(), OFFLINE);
  const first = await redeem(target, rp, got.code, { verifier: got.verifier });
  assert.equal(first.status, 200, first.body);
  assert.equal((await userinfo(target, first.json.access_token)).status, 200);
  assertTokenError(await redeem(target, rp, got.code, { verifier: got.verifier }), 400, 'invalid_grant');
  await assertDead(first.json.access_token, 'after the replay');
  assertTokenError(await refresh(target, rp, first.json.refresh_token), 400, 'invalid_grant');
}

async function raceCode(targets, { rp, ...options }) {
  const got = await code(targets[0], rp, await alice(), OFFLINE);
  const answers = await volley(50, targets, (at) => redeem(at, rp, got.code, { verifier: got.verifier }), options);
  return { rp, answers, winners: answers.filter((a) => a.status === 200) };
}

check(
  'B02',
  'one code, 50 redemptions at once over all nodes: exactly one 200',
  async ({ note }) => {
    const [stored, sealed] = await bothForms();
    for (const rp of [stored, sealed, sealed]) {
      const { answers, winners } = await raceCode(demo().nodes, { rp });
      assert.equal(winners.length, 1, tally(answers));
      assert.equal(count(answers, 400), 49, tally(answers));
      await assertDead(winners[0].answer.json.access_token, 'of a raced code');
      assertTokenError(await refresh(demo().nodes[0], rp, winners[0].answer.json.refresh_token), 400, 'invalid_grant');
    }
    note('3 rounds');
  },
  { targets: 'once' },
);

check('B02', 'the same at one address', async ({ target }) => {
  const { answers, winners } = await raceCode([target], { rp: await standard() });
  assert.equal(winners.length, 1, tally(answers));
});

check(
  'B02',
  'the same during a leader change',
  async ({ note }) => {
    const seen = [];
    const [stored, sealed] = await bothForms();
    for (const rp of [sealed, stored, sealed]) {
      const moving = transfer();
      const { answers, winners } = await raceCode(demo().nodes, { rp, spread_ms: 300 });
      await moving;
      assert.ok(winners.length <= 1, tally(answers));
      assert.equal(winners.length + count(answers, 400) + count(answers, 503) + count(answers, 0), 50, tally(answers));
      if (winners.length === 0) assert.ok(count(answers, 503) + count(answers, 0) > 0, `no winner without a lost answer: ${tally(answers)}`);
      seen.push(tally(answers));
    }
    await whole();
    note(seen.join(' '));
  },
  { targets: 'once' },
);

check('B03', 'a code is for its client, redirect URI and verifier', async ({ target }) => {
  for (const rp of await bothForms()) await isForItsOwn(target, rp);
});

async function isForItsOwn(target, rp) {
  const other = await evil();
  const account = await alice();
  const got = await code(target, rp, account);
  const good = { verifier: got.verifier };
  assertTokenError(await redeem(target, { ...other, redirectUri: rp.redirectUri }, got.code, good), 400, 'invalid_grant');
  assertTokenError(await redeem(target, rp, got.code, { ...good, redirect_uri: `${rp.redirectUri}/x` }), 400, 'invalid_grant');
  assertTokenError(await redeem(target, rp, got.code, { ...good, redirect_uri: other.redirectUri }), 400, 'invalid_grant');
  assertTokenError(await redeem(target, rp, got.code, { ...good, redirect_uri: '' }), 400, ['invalid_grant', 'invalid_request']);
  assertTokenError(await redeem(target, rp, got.code, { verifier: pkce().verifier }), 400, 'invalid_grant');
  assertTokenError(await redeem(target, rp, got.code), 400, 'invalid_grant');
  assertTokenError(await redeem(target, rp, got.code, { code_verifier: '' }), 400, ['invalid_grant', 'invalid_request']);
  assertTokenError(await redeem(target, rp, got.code, { verifier: got.verifier.slice(0, 42) }), 400, ['invalid_grant', 'invalid_request']);
  const second = await code(target, rp, account);
  assertTokenError(await redeem(target, rp, got.code, { verifier: second.verifier }), 400, 'invalid_grant');
  // None of them has burnt the rightful code.
  const answer = await redeem(target, rp, got.code, good);
  assert.equal(answer.status, 200, answer.body);
  // A stranger's replay neither succeeds nor revokes.
  assertTokenError(await redeem(target, { ...other, redirectUri: rp.redirectUri }, got.code, good), 400, 'invalid_grant');
  assert.equal((await userinfo(target, answer.json.access_token)).status, 200);
  // What no code is, sealed or not, and what was one.
  const flipped = got.code.slice(0, -9) + (got.code.at(-9) === 'A' ? 'B' : 'A') + got.code.slice(-8);
  for (const text of [random(16), random(200), random(384), random(386), 'A'.repeat(2000), flipped, got.code.slice(1), got.code.slice(0, -4), `${got.code}AAAA`, answer.json.access_token])
    assertTokenError(await redeem(target, rp, text, good), 400, 'invalid_grant');
  assertTokenError(await redeem(target, rp, '', good), 400, 'invalid_request');
  assert.equal((await userinfo(target, answer.json.access_token)).status, 200, 'none of which revokes');
}

check(
  'B04',
  'a code of the profile standard is dead after 61 s, one of gbizid lives 5 minutes',
  async ({ target }) => {
    const [short, long, account] = [await standard(), await conf(), await alice()];
    const dying = await code(target, short, account);
    const living = await code(target, long, account);
    const fresh = await code(target, short, account);
    assert.equal((await redeem(target, short, fresh.code, { verifier: fresh.verifier })).status, 200);
    await sleep(61500);
    assertTokenError(await redeem(target, short, dying.code, { verifier: dying.verifier }), 400, 'invalid_grant');
    assert.equal((await redeem(target, long, living.code, { verifier: living.verifier })).status, 200);
  },
  { parallel: true, timeout: 150000 },
);

check(
  'B05',
  'a replayed refresh token ends its family',
  async ({ target }) => {
    const rp = await conf();
    const account = await alice();
    const first = await tokensOf(target, rp, account, OFFLINE);
    const second = await refresh(target, rp, first.refresh_token);
    assert.equal(second.status, 200, second.body);
    assert.notEqual(second.json.refresh_token, first.refresh_token, 'it is rotated');
    // An honest retry within 10 s gets the same successor (DESIGN §4).
    const retry = await refresh(target, rp, first.refresh_token);
    assert.equal(retry.status, 200, retry.body);
    assert.equal(retry.json.refresh_token, second.json.refresh_token, 'never two successors');
    // Once the successor is used, the old one is a replay at any time.
    const third = await refresh(target, rp, second.json.refresh_token);
    assert.equal(third.status, 200, third.body);
    assertTokenError(await refresh(target, rp, first.refresh_token), 400, 'invalid_grant');
    assertTokenError(await refresh(target, rp, third.json.refresh_token), 400, 'invalid_grant');
    await assertDead(third.json.access_token, 'of the ended family');
    // And beyond the grace time.
    const old = await tokensOf(target, rp, account, OFFLINE);
    const newest = await refresh(target, rp, old.refresh_token);
    await sleep(11000);
    assertTokenError(await refresh(target, rp, old.refresh_token), 400, 'invalid_grant');
    assertTokenError(await refresh(target, rp, newest.json.refresh_token), 400, 'invalid_grant');
    await assertDead(newest.json.access_token, 'of the ended family');
  },
  { parallel: true },
);

check(
  'B05',
  'the same during a leader change',
  async () => {
    const rp = await conf();
    const [one, two, three = one] = demo().nodes;
    const again = async (at, value) => {
      for (;;) {
        const answer = await refresh(at, rp, value);
        if (answer.status !== 503) return answer;
        await sleep(100);
      }
    };
    for (let round = 0; round < 2; round++) {
      const first = await tokensOf(one, rp, await alice(), OFFLINE);
      const moving = transfer();
      const second = await again(two, first.refresh_token);
      assert.equal(second.status, 200, second.body);
      const third = await again(three, second.json.refresh_token);
      assert.equal(third.status, 200, third.body);
      assertTokenError(await again(one, first.refresh_token), 400, 'invalid_grant');
      await moving;
      assertTokenError(await again(two, third.json.refresh_token), 400, 'invalid_grant');
    }
    await whole();
  },
  { targets: 'once' },
);

// All winners must name the same successor, and it must be the one that lives.
async function raceRefresh(targets, options) {
  const rp = await conf();
  const first = await tokensOf(targets[0], rp, await alice(), OFFLINE);
  const answers = await volley(50, targets, (at) => refresh(at, rp, first.refresh_token), options);
  const successors = new Set(answers.filter((a) => a.status === 200).map((a) => a.answer.json.refresh_token));
  assert.ok(successors.size <= 1, `${successors.size} successors`);
  assert.equal(count(answers, 200) + count(answers, 400) + count(answers, 503) + count(answers, 0), 50, tally(answers));
  return { rp, answers, successor: [...successors][0] };
}

check(
  'B06',
  'one refresh token, 50 times at once over all nodes: one successor',
  async ({ note }) => {
    const { rp, answers, successor } = await raceRefresh(demo().nodes);
    assert.ok(successor, tally(answers));
    assert.equal(count(answers, 503), 0, tally(answers));
    const next = await refresh(demo().nodes[1], rp, successor);
    assert.equal(next.status, 200, 'the successor is good');
    note(tally(answers));
  },
  { targets: 'once' },
);

check('B06', 'the same at one address', async ({ target }) => {
  const { answers, successor } = await raceRefresh([target]);
  assert.ok(successor, tally(answers));
});

check(
  'B06',
  'the same during a leader change',
  async ({ note }) => {
    const seen = [];
    for (let round = 0; round < 3; round++) {
      const moving = transfer();
      const { answers } = await raceRefresh(demo().nodes, { spread_ms: 300 });
      await moving;
      seen.push(tally(answers));
    }
    await whole();
    note(seen.join(' '));
  },
  { targets: 'once' },
);

check('B07', "a refresh token is its client's, within its scopes, until sign-out", async ({ target }) => {
  const rp = await conf();
  const given = await tokens(target, rp, await bob(), { scope: 'openid email offline_access' });
  assertTokenError(await refresh(target, await evil(), given.refresh_token), 400, 'invalid_grant');
  assertTokenError(await refresh(target, rp, given.refresh_token, { scope: 'openid profile email offline_access' }), 400, 'invalid_scope');
  const narrow = await refresh(target, rp, given.refresh_token, { scope: 'openid' });
  assert.equal(narrow.status, 200, narrow.body);
  assert.equal((await userinfo(target, narrow.json.access_token)).json.email, undefined, 'narrowed');
  await logout(given.browser);
  assertTokenError(await refresh(target, rp, narrow.json.refresh_token), 400, 'invalid_grant');
  await assertDead(narrow.json.access_token, 'after sign-out');
});

check('B08', 'no other grants', async ({ target }) => {
  const rp = await conf();
  const account = await alice();
  const grants = {
    password: { username: account.id, password: account.password },
    client_credentials: {},
    implicit: {},
    'urn:ietf:params:oauth:grant-type:device_code': { device_code: 'x' },
    'urn:ietf:params:oauth:grant-type:jwt-bearer': { assertion: 'x' },
    'urn:ietf:params:oauth:grant-type:token-exchange': { subject_token: 'x' },
    Authorization_Code: { code: 'x' },
    '../x': {},
  };
  for (const [grant, more] of Object.entries(grants))
    assertTokenError(await token(target, rp, { grant_type: grant, scope: 'openid', ...more }), 400, ['unsupported_grant_type', 'unauthorized_client']);
  assertTokenError(await token(target, rp, { scope: 'openid' }), 400, 'invalid_request');
});

function assertUnauthorized(answer, { basicUsed = false } = {}) {
  assertTokenError(answer, 401, 'invalid_client');
  if (basicUsed) assert.match(answer.headers['www-authenticate'] ?? '', /^Basic\b/i, 'RFC 6749 §5.2: a challenge');
}

check('B09', 'client authentication: one method, the right one, the right secret', async ({ target }) => {
  const [rp, byPost, open, other, account] = [await conf(), await postRp(), await pub(), await evil(), await alice()];
  const got = await code(target, rp, account);
  const form = { grant_type: 'authorization_code', code: got.code, redirect_uri: rp.redirectUri, code_verifier: got.verifier };
  const send = (headers, extra = {}) => post(target, '/oauth/token', { headers, form: { ...form, ...extra } });
  const bare = (text) => `Basic ${Buffer.from(text).toString('base64')}`;

  const both = await send({ authorization: basic(rp.clientId, rp.secret) }, { client_id: rp.clientId, client_secret: rp.secret });
  assert.ok([400, 401].includes(both.status), 'two methods at once');
  assert.ok(['invalid_request', 'invalid_client'].includes(both.json.error));
  const mixed = await send({ authorization: basic(rp.clientId, rp.secret) }, { client_id: other.clientId });
  assert.ok([400, 401].includes(mixed.status), 'another client_id in the body');

  assertUnauthorized(await send({ authorization: basic(rp.clientId, `${rp.secret}x`) }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: basic(rp.clientId, rp.secret.slice(0, -1)) }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: basic(rp.clientId, '') }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: basic(rp.clientId, other.secret) }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: basic(`nobody-${random(6)}`, rp.secret) }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: bare(rp.clientId) }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: bare(`${rp.clientId}:${rp.secret}:x`) }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: bare(`${rp.clientId}:%`) }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: bare(`${rp.clientId}:%zz`) }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: `Basic ${'A'.repeat(5000)}` }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: 'Basic !!!!' }), { basicUsed: true });
  assertUnauthorized(await send({ authorization: `Bearer ${rp.secret}` }), { basicUsed: true });
  assertUnauthorized(await send({}, { client_id: rp.clientId }), {});
  assertUnauthorized(await send({}, { client_id: rp.clientId, client_secret: '' }), {});
  assertUnauthorized(await send({}, {}), {});
  // Registered for basic: not by the body; and the other way round.
  assertUnauthorized(await send({}, { client_id: rp.clientId, client_secret: rp.secret }));
  const posted = await code(target, byPost, account);
  assertUnauthorized(
    await post(target, '/oauth/token', {
      headers: { authorization: basic(byPost.clientId, byPost.secret) },
      form: { ...form, code: posted.code, redirect_uri: byPost.redirectUri, code_verifier: posted.verifier },
    }),
    { basicUsed: true },
  );
  // A public client has nothing to prove, and cannot prove it either.
  assertUnauthorized(await send({}, { client_id: open.clientId, client_secret: 'x'.repeat(43) }));

  const query = new URLSearchParams({ client_id: byPost.clientId, client_secret: byPost.secret });
  const byQuery = await post(target, `/oauth/token?${query}`, {
    form: { ...form, code: posted.code, redirect_uri: byPost.redirectUri, code_verifier: posted.verifier },
  });
  assert.ok([400, 401].includes(byQuery.status), `secret in the query: ${byQuery.status}`);
  const byGet = await get(target, `/oauth/token?${new URLSearchParams({ ...form, client_id: byPost.clientId, client_secret: byPost.secret })}`);
  assert.ok([400, 404, 405].includes(byGet.status), `GET: ${byGet.status}`);

  // All that has burnt nothing.
  assert.equal((await redeem(target, rp, got.code, { verifier: got.verifier })).status, 200);
  assert.equal((await redeem(target, byPost, posted.code, { verifier: posted.verifier })).status, 200);
});

check(
  'B11',
  'unknown client and wrong secret take the same time',
  async ({ target, note }) => {
    const rp = await conf();
    const form = { grant_type: 'authorization_code', code: 'A'.repeat(22), redirect_uri: rp.redirectUri };
    const wrong = 'w'.repeat(43);
    const samples = { known: [], unknown: [] };
    for (let i = 0; i < 360; i++) {
      for (const kind of i % 2 ? ['known', 'unknown'] : ['unknown', 'known']) {
        const id = kind === 'known' ? rp.clientId : `t-conf-${word()}`;
        const answer = await post(target, '/oauth/token', { headers: { authorization: basic(id, wrong) }, form });
        assert.equal(answer.status, 401);
        if (i >= 60) samples[kind].push(answer.ms);
      }
    }
    const { auc, separation, z } = mannWhitney(samples.known, samples.unknown);
    note(`AUC ${auc.toFixed(3)}, medians ${quantile(samples.known, 0.5).toFixed(2)} and ${quantile(samples.unknown, 0.5).toFixed(2)} ms`);
    // Beyond the bound and beyond what chance gives with so few samples.
    assert.ok(separation < SEPARATION_MAX || Math.abs(z) < 3.3, `AUC ${auc.toFixed(3)}, z ${z.toFixed(2)}`);
  },
  { targets: 'nodes' },
);

check('B12', 'headers of token answers', async ({ target }) => {
  const rp = await conf();
  const got = await code(target, rp, await alice());
  const evilOrigin = { origin: 'https://evil.test' };
  const good = await redeem(target, rp, got.code, { verifier: got.verifier }, { headers: evilOrigin });
  assert.equal(good.status, 200);
  const bad = await redeem(target, rp, got.code, { verifier: got.verifier }, { headers: evilOrigin });
  for (const answer of [good, bad, await userinfo(target, good.json.access_token, { headers: evilOrigin })]) {
    assert.match(answer.headers['cache-control'] ?? '', /\bno-store\b/, 'no-store');
    if (answer.status !== 401) assert.match(answer.headers['content-type'] ?? '', /^application\/json\b/);
    assert.ok(!(answer.headers['access-control-allow-credentials'] === 'true' && /\*|evil/.test(answer.headers['access-control-allow-origin'] ?? '')));
    assert.notEqual(answer.headers['access-control-allow-origin'], 'https://evil.test');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  }
  assert.equal(good.json.token_type, 'Bearer');
  assert.ok(good.json.expires_in > 3500 && good.json.expires_in <= 3600, `expires_in ${good.json.expires_in}`);
});

check('B16', 'userinfo: a live access token in the header, nothing else', async ({ target }) => {
  const rp = await conf();
  const given = await tokens(target, rp, await bob());
  const refused = (answer, what) => {
    assert.equal(answer.status, 401, `${what}: ${answer.status}`);
    assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer\b.*error="invalid_token"/, what);
    assert.ok(!answer.body.includes('"sub"'), what);
  };
  assert.equal((await userinfo(target, given.access_token)).status, 200);
  refused(await userinfo(target, given.id_token), 'ID token');
  refused(await userinfo(target, random(64)), 'random bytes');
  const at = Math.floor(given.access_token.length / 2);
  const flipped = given.access_token.slice(0, at) + (given.access_token[at] === 'A' ? 'B' : 'A') + given.access_token.slice(at + 1);
  refused(await userinfo(target, flipped), 'one character changed');
  refused(await userinfo(target, given.access_token.slice(0, -4)), 'cut short');
  refused(await userinfo(target, `${given.access_token}AAAA`), 'longer');
  const cookie = [...given.browser.jar.cookies.values()];
  for (const value of cookie) refused(await userinfo(target, value), 'a cookie');
  refused(await userinfo(target, given.code), 'a code');
  refused(await userinfo(target, 'A'.repeat(6000)), '6,000 characters');
  const none = await get(target, '/oauth/userinfo');
  assert.equal(none.status, 401);
  assert.match(none.headers['www-authenticate'] ?? '', /^Bearer\b/);
  assert.ok(!/error=/.test(none.headers['www-authenticate']), 'RFC 6750 §3.1: no error without a token');
  const query = await get(target, `/oauth/userinfo?access_token=${given.access_token}`);
  assert.ok([400, 401].includes(query.status), `token in the query: ${query.status}`);
  assert.ok(!query.body.includes('"sub"'));
  const both = await post(target, '/oauth/userinfo', { headers: { authorization: `Bearer ${given.access_token}` }, form: { access_token: given.access_token } });
  assert.equal(both.status, 400, 'two places');
  const form = await post(target, '/oauth/userinfo', { form: { access_token: given.access_token } });
  assert.equal(form.status, 200, 'RFC 6750 §2.2');
  await logout(given.browser);
  await assertDead(given.access_token, 'after sign-out');
  refused(await userinfo(target, given.access_token), 'after sign-out');
});

// Shannon entropy of the characters at each place, in bits, summed.
function entropy(values) {
  const length = Math.min(...values.map((v) => v.length));
  let bits = 0;
  for (let i = 0; i < length; i++) {
    const counts = new Map();
    for (const v of values) counts.set(v[i], (counts.get(v[i]) ?? 0) + 1);
    for (const n of counts.values()) bits -= (n / values.length) * Math.log2(n / values.length);
  }
  return bits;
}

function assertRandom(values, what, { suffix = 22 } = {}) {
  assert.equal(new Set(values).size, values.length, `${what}: no repetition`);
  const tails = values.map((v) => v.slice(-suffix));
  const bits = entropy(tails);
  assert.ok(bits >= 115, `${what}: ${bits.toFixed(1)} bits in the last ${suffix} characters`);
  const sorted = [...tails].sort();
  for (let i = 1; i < sorted.length; i++) assert.notEqual(sorted[i].slice(0, 10), sorted[i - 1].slice(0, 10), `${what}: a common prefix`);
  return bits;
}

check(
  'B17',
  'codes, tokens and session ids are random and never repeat',
  async ({ target, others, note }) => {
    const [rp, account] = [await conf(), await alice()];
    const nodes = [target, ...others];
    const codes = [];
    for (let i = 0; i < 1000; i += 20)
      codes.push(...(await Promise.all(Array.from({ length: 20 }, (_, k) => code(nodes[(i + k) % nodes.length], rp, account)))));
    for (const { code: text } of codes) assert.match(text, /^[A-Za-z0-9]{22}$/, 'DOMAIN §2.1');
    const bits = assertRandom(codes.map((c) => c.code), 'codes');
    const [sealing, sealed] = [await standard(), []];
    for (let i = 0; i < 200; i += 20)
      sealed.push(...(await Promise.all(Array.from({ length: 20 }, (_, k) => code(nodes[(i + k) % nodes.length], sealing, account)))));
    for (const { code: text } of sealed) assert.match(text, /^[\w-]{200,512}$/, 'a sealed code');
    assertRandom(sealed.map((c) => c.code), 'sealed codes');
    assertRandom(sealed.map((c) => c.code.slice(0, 100)), 'their beginnings');
    const given = [];
    for (const [i, one] of codes.slice(0, 200).entries()) {
      const offline = await code(nodes[i % nodes.length], rp, account, OFFLINE);
      const answer = await redeem(nodes[i % nodes.length], rp, offline.code, { verifier: offline.verifier });
      assert.equal(answer.status, 200, one.code && answer.body);
      given.push(answer.json);
    }
    assertRandom(given.map((t) => t.access_token), 'access tokens');
    assertRandom(given.map((t) => t.refresh_token), 'refresh tokens', { suffix: 42 });
    const cookies = [];
    for (let i = 0; i < 24; i++) {
      const { browser } = await signIn(nodes[i % nodes.length], rp, await bob());
      cookies.push([...browser.jar.cookies.values()].join(' '));
    }
    assert.equal(new Set(cookies).size, cookies.length, 'session ids do not repeat');
    note(`codes: ${bits.toFixed(0)} bits measured over 1,000`);
  },
  { targets: 'once', weaken: true, timeout: 300000 },
);

check('B15', 'introspection and revocation: a client, and its own', async ({ target, others }) => {
  const [rp, foreign, account] = [await conf(), await evil(), await alice()];
  const given = await tokensOf(target, rp, account, { scope: 'openid email offline_access' });
  const open = { headers: {} };
  const wrong = { headers: { authorization: basic(rp.clientId, `${rp.secret}x`) } };
  for (const path of ['/oauth/introspect', '/oauth/revoke'])
    for (const caller of [open, wrong]) assertTokenError(await post(target, path, { ...caller, form: { token: given.access_token } }), 401, 'invalid_client');
  const stranger = { headers: { authorization: basic(foreign.clientId, foreign.secret) } };
  for (const token of [given.access_token, given.refresh_token, given.code, 'nothing', `${given.access_token}x`]) {
    const said = await post(target, '/oauth/introspect', { ...stranger, form: { token } });
    assert.equal(said.status, 200, said.body);
    assert.equal(said.body, '{"active":false}', 'and nothing else');
    // RFC 7009 §2.2: the answer does not tell either.
    assert.equal((await post(target, '/oauth/revoke', { ...stranger, form: { token } })).status, 200);
  }
  for (const node of [target, ...others]) assert.equal((await userinfo(node, given.access_token)).status, 200, 'a stranger revoked nothing');
  for (const path of ['/oauth/device_authorization', '/oauth/ciba']) assert.equal((await post(target, path, { form: { token: 'x' } })).status, 404, path);
});
