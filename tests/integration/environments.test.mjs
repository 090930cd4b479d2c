// Verification and production are two clusters whose keys of trust have nothing in
// common: an RP of one of them can do nothing in the other one, though it is registered
// there under the same name; nor can its operators and its nodes. Certificates of
// clients, each environment with an authority of its own, are looked at on the way.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as jose from 'jose';
import { addAccount, addClient, operator } from '../lib/admin.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { demo, run } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, Browser, callback, isLoginPage, redeem, refresh, signIn, token, tokens, userinfo } from '../lib/flow.mjs';
import { get, post } from '../lib/http.mjs';
import { clientAssertion, newKey, selfSigned } from '../conformance/lib/keys.mjs';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const base = Number(process.env.TASUKI_CLUSTER_PORT ?? 12600);
const binDir = process.env.TASUKI_BIN_DIR;
const key = await newKey();
const pair = await selfSigned('rp of both');

// ---- authorities and certificates, as an RP's supplier would make them

async function openssl(...args) {
  const result = await run('openssl', args);
  assert.equal(result.code, 0, result.stderr);
}

async function authority(dir, name) {
  const at = (what) => join(dir, `${name}.${what}`);
  await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', at('key'), '-out', at('pem'));
  return { name, dir, pem: at('pem'), key: at('key') };
}

async function issued(by, name, { authority: issues = false, san } = {}) {
  const at = (what) => join(by.dir, `${name}.${what}`);
  await openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr'));
  writeFileSync(at('ext'), `basicConstraints=critical,CA:${issues ? 'TRUE' : 'FALSE'}\n${san ? `subjectAltName=${san}\n` : ''}`);
  await openssl('x509', '-req', '-in', at('csr'), '-CA', by.pem, '-CAkey', by.key, '-CAcreateserial', '-days', '2', '-extfile', at('ext'), '-out', at('pem'));
  return { name, dir: by.dir, pem: at('pem'), key: at('key') };
}

const shown = (leaf, ...between) => ({ key: readFileSync(leaf.key), cert: [leaf, ...between].map(({ pem }) => readFileSync(pem, 'utf8')).join('') });

// ---- the environments

async function environment(name, port) {
  const cluster = await Cluster.make({ name, port, binDir, voters: 1, lines: [`environment = ${name}`, `mtls_listen = 127.0.0.1:${port + 9}`, `mtls_url = https://localhost:${port + 9}/oauth/`] });
  after(() => cluster.close());
  const root = await authority(cluster.dir, `${name}-root`);
  const between = await issued(root, `${name}-between`, { authority: true });
  const leaf = await issued(between, `${name}-leaf`, { san: 'DNS:rp.example.test' });
  cluster.configure(1, [`client_ca = ${root.pem}`]);
  await cluster.bootstrap();
  const account = await addAccount({ account_id: 'same@example.test' });
  const usual = { profile: 'standard', alg: 'ES256' };
  const rp = await addClient({ ...usual, client_id: 'both', features: ['jwt_access'] });
  await addClient({ ...usual, client_id: 'signs', auth: 'private_key_jwt', features: ['credentials'], jwks: { keys: [key.jwk] } });
  const shows = await operator(1, 'POST', '/v1/clients', {
    ...usual, client_id: 'shows', name: '証明書', ministry: 'デジタル庁', auth: 'tls_client_auth', scopes: ['openid'], tls_subject: 'dns:rp.example.test', features: ['credentials'], redirect_uris: ['https://rp.example.test/cb'],
  });
  assert.equal(shows.status, 200, JSON.stringify(shows.json));
  await cluster.settled();
  return { name, cluster, node: cluster.node(1), door: { name: 'door', base: `https://localhost:${port + 9}` }, root, between, leaf, account, rp, issuer: demo().issuer };
}

const verification = await environment('verification', base);
const production = await environment('production', base + 40);
const both = [[verification, production], [production, verification]];

const assertion = ({ node }, jwt) => post(node, '/oauth/token', { form: { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE, client_assertion: jwt } });
const assertionFor = (aud) => clientAssertion({ clientId: 'signs', key, audience: aud });
const byCertificate = ({ door }, certificate) => post(door, '/oauth/token', { form: { grant_type: 'client_credentials', client_id: 'shows' }, fresh: true, tls: certificate });

test('what one environment has issued is worth nothing in the other one', async () => {
  for (const [here, there] of both) {
    here.cluster.use();
    const given = await tokens(here.node, here.rp, here.account, { scope: 'openid offline_access' });
    const { code } = await signIn(here.node, here.rp, here.account, { jar: given.browser.jar.clone(), params: { scope: 'openid' } });
    assert.equal((await userinfo(here.node, given.access_token)).status, 200);

    there.cluster.use();
    const what = `${here.name} in ${there.name}`;
    const info = await userinfo(there.node, given.access_token);
    assert.equal(info.status, 401, what);
    assert.equal((await refresh(there.node, there.rp, given.refresh_token)).json.error, 'invalid_grant', what);
    assert.equal((await redeem(there.node, there.rp, code)).json.error, 'invalid_grant', what);
    const secret = await token(there.node, here.rp, { grant_type: 'refresh_token', refresh_token: 'x' });
    assert.equal(secret.json.error, 'invalid_client', `${what}: the secret`);
    const jwks = jose.createLocalJWKSet((await get(there.node, '/oauth/jwks')).json);
    for (const jwt of [given.id_token, given.access_token]) await assert.rejects(jose.jwtVerify(jwt, jwks), undefined, `${what}: the keys differ`);
    const session = new Browser(there.node, { jar: given.browser.jar.clone() });
    assert.ok(isLoginPage(await session.get(authorizePath(authorizeParams(there.rp, { scope: 'openid' })))), `${what}: the session`);
    const hinted = await get(there.node, authorizePath(authorizeParams(there.rp, { scope: 'openid', prompt: 'none', id_token_hint: given.id_token })));
    assert.equal(callback(hinted, there.rp).error, 'invalid_request', `${what}: the hint`);
  }
});

test("an RP's assertion is for one environment, though its key is registered in both", async () => {
  for (const [here, there] of both) {
    here.cluster.use();
    assert.equal((await assertion(here, await assertionFor(here.issuer))).status, 200);
    there.cluster.use();
    assert.equal((await assertion(there, await assertionFor(here.issuer))).json.error, 'invalid_client');
    assert.equal((await assertion(there, await assertionFor(there.issuer))).status, 200);
  }
});

test('certificates of clients: a chain by intermediates leads to the authority of its own environment', async () => {
  for (const [here, there] of both) {
    here.cluster.use();
    const whole = shown(here.leaf, here.between);
    for (let i = 0; i < 2; i++) assert.equal((await byCertificate(here, whole)).status, 200, 'also the second connection');
    assert.equal((await byCertificate(here, shown(here.leaf))).json.error, 'invalid_client', 'its issuer is not known');
    assert.equal((await byCertificate(here, shown(here.leaf, here.root))).json.error, 'invalid_client', 'nor does the root tell it');
    assert.equal((await byCertificate(here, shown(there.leaf, there.between, there.root))).json.error, 'invalid_client', 'an authority that the client brings is none');
    assert.equal((await byCertificate(here, {})).json.error, 'invalid_client', 'no certificate at all');
    assert.equal((await byCertificate(here, { cert: pair.cert, key: pair.key })).json.error, 'invalid_client', 'self-signed');
  }
});

test('operators, registrations and nodes are of one environment', async () => {
  for (const [here, there] of both) {
    const what = `${here.name} in ${there.name}`;
    there.cluster.use();
    const { pki } = here.cluster;
    const request = get({ name: 'operator', base: there.node.operator }, '/v1/status', {
      fresh: true, tls: { cert: readFileSync(join(pki, 'operator.crt')), key: readFileSync(join(pki, 'operator.key')), ca: readFileSync(join(there.cluster.pki, 'ca.crt')) },
    });
    const answer = await request.catch((error) => ({ status: 0, error }));
    assert.ok(answer.status === 0 || answer.status === 401 || answer.status === 403, `${what}: an operator gets ${answer.status}`);

    // Its list of RPs is not taken as it is.
    const list = join(here.cluster.dir, 'rp.json');
    const exported = await here.cluster.ask(['rp', 'export']);
    assert.equal(exported.code, 0, exported.stderr);
    writeFileSync(list, exported.stdout);
    const taken = await there.cluster.ask(['rp', 'import', list]);
    assert.notEqual(taken.code, 0, what);
    assert.match(taken.stderr, new RegExp(`this cluster's is ${there.name}`), taken.stderr);

    // Nor is its node a node there.
    const conf = join(here.cluster.dir, 'foreign.conf');
    writeFileSync(conf, readFileSync(here.node.conf, 'utf8').replaceAll(here.node.peer, there.node.peer), { mode: 0o600 });
    const copy = await here.cluster.tasuki(['backup', join(here.cluster.dir, 'foreign.backup'), '--config', conf]);
    assert.notEqual(copy.code, 0, `${what}: a copy of its state`);

    // A backup of it makes no cluster of the other environment.
    const backup = join(here.cluster.dir, 'own.backup');
    assert.equal((await here.cluster.tasuki(['backup', backup, '--force', '--config', here.node.conf])).code, 0);
    const checked = await there.cluster.tasuki(['backup', '--verify', backup, '--config', there.node.conf]);
    assert.notEqual(checked.code, 0, what);
    assert.match(checked.stderr, /another cluster/, checked.stderr);
  }
});

test('in production only what is live is served', async () => {
  const listed = { profile: 'standard', alg: 'ES256', stage: 'in_verification' };
  for (const [at, served] of [[verification, true], [production, false]]) {
    at.cluster.use();
    const rp = await operator(1, 'POST', '/v1/clients', { ...listed, client_id: 'early', name: '早い', ministry: 'デジタル庁', auth: 'basic', scopes: ['openid'], redirect_uris: ['https://rp.example.test/cb'] });
    assert.equal(rp.status, 200, JSON.stringify(rp.json));
    await at.cluster.settled();
    const page = await get(at.node, authorizePath(authorizeParams({ clientId: 'early', redirectUri: 'https://rp.example.test/cb' }, { scope: 'openid' })));
    assert.equal(isLoginPage(page), served, at.name);
  }
});
