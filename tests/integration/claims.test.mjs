// What services hear of an account: claims one by one, by the platform's own scopes, and
// under a name of the sector's own.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as jose from 'jose';
import { addAccount, addClient, everywhere, PROFILE, newPhone } from '../lib/admin.mjs';
import { demo } from '../lib/demo.mjs';
import { authorize, Browser, redeem, signIn, tokens, userinfo } from '../lib/flow.mjs';

const { nodes } = demo();
const [one, two, three] = nodes;
const PLATFORM = ['openid', 'profile', 'user', 'email', 'mandate', 'jp_gbizid_v1_ida', 'role', 'delegation_info', 'offline_access'];
const proven = { ...PROFILE, procedure: 'jp_gbizid_document_corporation', verified_at: '2026-10-01T03:00:00Z' };

const seen = async () => {
  for (const node of nodes) await everywhere(node.id);
};

test('claims one by one: in the ID token, at userinfo, and no more', async () => {
  const account = await addAccount({ name: 'claims' });
  const rp = await addClient({ name: 'claims', profile: 'standard', alg: 'ES256' });
  await seen();
  const claims = JSON.stringify({ id_token: { email: null, acr: { essential: true, value: 'urn:tasuki:acr:password' } }, userinfo: { given_name: { essential: true }, phone_number: null } });
  const given = await tokens(one, rp, account, { scope: 'openid', claims });
  const told = jose.decodeJwt(given.id_token);
  assert.equal(told.email, account.id);
  assert.equal(told.acr, 'urn:tasuki:acr:password');
  assert.deepEqual(told.amr, ['pwd']);
  assert.equal(told.given_name, undefined);
  await seen();
  for (const node of nodes) {
    const heard = (await userinfo(node, given.access_token)).json;
    // The client may not ask for the scope that opens phone_number.
    assert.deepEqual(heard, { sub: told.sub, given_name: PROFILE.user_first_nm }, node.name);
  }
});

test('claims that cannot be served are told so, the same on every node', async () => {
  const account = await addAccount({ name: 'unmet' });
  const rp = await addClient({ name: 'unmet', profile: 'standard' });
  await seen();
  const { browser } = await signIn(one, rp, account);
  const ask = async (node, claims) => authorize(new Browser(node, { jar: browser.jar.clone() }), rp, { params: { prompt: 'none', claims } });
  const rows = [
    ['{"id_token":{"acr":{"essential":true,"values":["urn:mace:incommon:iap:silver"]}}}', 'unmet_authentication_requirements'],
    ['{"id_token":{"sub":{"value":"somebody-else"}}}', 'login_required'],
    ['{"id_token":[]}', 'invalid_request'],
    ['{"userinfo":{"name":7}}', 'invalid_request'],
    ['{"userinfo":{},"userinfo":{}}', 'invalid_request'],
    ['nothing', 'invalid_request'],
    [`{"userinfo":{"${'x'.repeat(5000)}":null}}`, 'invalid_request'],
  ];
  for (const node of nodes) for (const [claims, error] of rows) assert.equal((await ask(node, claims)).error, error, `${node.name}: ${claims.slice(0, 60)}`);
  const mine = JSON.stringify({ id_token: { sub: { value: account.sub } }, userinfo: { unknown: null } });
  assert.ok((await ask(two, mine)).code);
});

test("the platform's scopes: verified_claims, mandate_info, role, delegation_info", async () => {
  const prime = await addAccount({ name: 'prime', type: 'prime', phone: newPhone(), profile: proven });
  const member = await addAccount({ name: 'member', type: 'member', phone: newPhone(), parent: prime.id, profile: { ...PROFILE, procedure: 'jp_gbizid_member', services: 'jgrants e-gov' } });
  const entry = await addAccount({ name: 'entry', type: 'entry', profile: PROFILE });
  const rp = await addClient({ name: 'platform', scopes: PLATFORM });
  const plain = await addClient({ name: 'plain' });
  await seen();
  const hear = async (account, target = two) => {
    const given = await tokens(one, rp, account, { scope: PLATFORM.join(' ') });
    // No personal data, and no claims that the platform does not have.
    assert.deepEqual(Object.keys(jose.decodeJwt(given.id_token)).sort(), ['at_hash', 'aud', 'auth_time', 'exp', 'iat', 'iss', 'jti', 'nonce', 'sid', 'sub']);
    await seen();
    return (await userinfo(target, given.access_token)).json;
  };
  const of = await hear(prime);
  assert.deepEqual(of.verified_claims, {
    verification: { trust_framework: 'jp_gbizid_v1', assurance_level: 'ial2', time: proven.verified_at, assurance_process: { procedure: proven.procedure } },
    claims: {
      family_name: PROFILE.rep_last_nm,
      given_name: PROFILE.rep_first_nm,
      birthdate: '1980-04-01',
      authority: { applies_to: { registration_number: PROFILE.corporate_number }, permission: [{ role: 'prime' }] },
    },
  });
  assert.deepEqual([of.mandate_info, of.role, of.delegation_info], [[], { permission: [{ role: 'jp_gbizid_prime' }] }, {}]);
  const by = await hear(member, three);
  assert.deepEqual(by.mandate_info, [{ client_id: 'jgrants' }, { client_id: 'e-gov' }]);
  assert.deepEqual(by.verified_claims.claims.authority.permission, [{ role: 'member' }]);
  assert.equal(by.parent_id, prime.sub);
  const first = await hear(entry);
  assert.deepEqual(first.verified_claims, { verification: { trust_framework: 'jp_gbizid_v1', assurance_level: 'ial1' }, claims: {} });
  assert.deepEqual(first.role, {});
  // An RP that has not arranged for them does not get them, however it asks.
  const given = await tokens(one, plain, prime, { scope: PLATFORM.join(' ') });
  const heard = (await userinfo(one, given.access_token)).json;
  for (const name of ['verified_claims', 'mandate_info', 'role', 'delegation_info']) assert.equal(heard[name], undefined, name);
});

test('pairwise: one name a sector, the same on every node and in every document', async () => {
  const prime = await addAccount({ name: 'pair', type: 'prime', phone: newPhone(), profile: proven });
  const member = await addAccount({ name: 'pairmember', type: 'member', phone: newPhone(), parent: prime.id });
  const pairwise = (name, host) => addClient({ name, profile: 'standard', features: ['pairwise'], redirect_uris: [`https://${host}/cb`] });
  const [a, b, other] = [await pairwise('a', 'a.example.test'), await pairwise('b', 'a.example.test'), await pairwise('c', 'c.example.test')];
  await seen();
  const [ofA, ofB, ofOther, ofMember] = [await tokens(one, a, prime), await tokens(two, b, prime), await tokens(three, other, prime), await tokens(one, a, member, { scope: 'openid profile' })];
  const sub = (given) => jose.decodeJwt(given.id_token).sub;
  assert.match(sub(ofA), /^[\w-]{43}$/);
  assert.equal(sub(ofA), sub(ofB), 'one sector');
  assert.notEqual(sub(ofA), sub(ofOther), 'another sector');
  // One browser session at both: nothing in the ID tokens is alike that names it.
  const { browser: one2 } = await signIn(one, a, prime);
  const inOne = async (rp) => jose.decodeJwt((await redeem(two, rp, (await authorize(new Browser(two, { jar: one2.jar.clone() }), rp, { params: { prompt: 'none' } })).code)).json.id_token);
  const [atA, atB, atOther] = [await inOne(a), await inOne(b), await inOne(other)];
  assert.equal(atA.sid, atB.sid, 'one sector');
  assert.notEqual(atA.sid, atOther.sid, 'a session has no name that all share');
  for (const name of ['sub', 'sid', 'jti', 'at_hash']) assert.notEqual(atA[name], atOther[name], name);
  await seen();
  for (const node of nodes) assert.equal((await userinfo(node, ofA.access_token)).json.sub, sub(ofA));
  const heard = (await userinfo(two, ofMember.access_token)).json;
  assert.equal(heard.parent_id, sub(ofA), 'the Prime is known by the same name');
  assert.ok(!JSON.stringify(heard).includes(prime.sub) && !JSON.stringify(heard).includes(member.sub), 'nothing tells who it is elsewhere');
  // A hint of this sector's is understood, one of another's is not that of this session.
  const { browser } = await signIn(two, a, prime);
  const ask = (hint) => authorize(new Browser(three, { jar: browser.jar.clone() }), a, { params: { prompt: 'none', id_token_hint: hint } });
  assert.ok((await ask(ofA.id_token)).code);
  assert.equal((await ask(ofMember.id_token)).error, 'login_required');
});
