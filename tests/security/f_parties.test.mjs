// SECURITY_CHECKS C04, C06, F05, F07, F10: what relying parties register, are told, and are
// shown as.
import assert from 'node:assert/strict';
import http from 'node:http';
import { join } from 'node:path';
import * as jose from 'jose';
import { addAccount, addClient, everywhere, operator, word } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { demo, sleep, until } from '../lib/demo.mjs';
import { alice, bob, conf } from '../lib/fixtures.mjs';
import { authorize, authorizeParams, authorizePath, Browser, isConsentPage, isLoginPage, logout, pkce, redeem, sessionLives, signIn, textOf, tokens, userinfo } from '../lib/flow.mjs';
import { formWith } from '../lib/html.mjs';
import { get, post } from '../lib/http.mjs';
import { transfer, whole } from '../lib/leader.mjs';
import { Receiver, take } from '../lib/receiver.mjs';
import { note as secret } from '../lib/secrets.mjs';

const once = (make) => {
  let made;
  return () => (made ??= make());
};
const pki = () => join(demo().dir, 'pki');
const seen = async () => {
  for (const node of demo().nodes) await everywhere(node.id);
};

// What a careless build would hand on, for weaken.mjs.
export const wire = { token: (jwt) => jwt };

async function initialToken() {
  const { status, json } = await operator(1, 'POST', '/v1/registration-tokens', {});
  assert.equal(status, 200, JSON.stringify(json));
  return secret(json.token);
}

check('C04', 'addresses that a client registers are never fetched, or refused', async ({ target, note }) => {
  let came = 0;
  const trap = http.createServer((_, answer) => answer.end('{}'));
  trap.on('connection', () => came++);
  await new Promise((done) => trap.listen(0, '127.0.0.1', done));
  try {
    const { port } = trap.address();
    const token = await initialToken();
    const hosts = [`http://127.0.0.1:${port}`, `https://127.0.0.1:${port}`, `https://localhost:${port}`, `https://[::1]:${port}`, 'https://169.254.169.254', 'https://10.0.0.1', 'https://192.168.0.1', 'file://', `gopher://127.0.0.1:${port}`];
    const register = (fields) =>
      post(target, '/oauth/register', { headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ redirect_uris: ['https://self.example.test/cb'], ...fields }) });
    let refused = 0;
    for (const host of hosts) {
      for (const name of ['jwks_uri', 'sector_identifier_uri', 'request_uris']) {
        const uri = `${host}/x`;
        const answer = await register({ [name]: name === 'request_uris' ? [uri] : uri, ...(name === 'sector_identifier_uri' ? { subject_type: 'pairwise' } : {}) });
        assert.equal(answer.status, 400, `${name} ${host}: ${answer.body}`);
        assert.equal(answer.json.error, 'invalid_client_metadata');
        refused++;
      }
    }
    for (const name of ['logo_uri', 'initiate_login_uri', 'policy_uri', 'tos_uri', 'backchannel_logout_uri']) {
      for (const uri of ['file:///etc/passwd', `http://127.0.0.1:${port}/x`, 'javascript:alert(1)', `gopher://127.0.0.1:${port}/`, 'https://u:p@self.example.test/x', 'data:text/html,x']) {
        assert.equal((await register({ [name]: uri })).status, 400, `${name} ${uri}`);
        refused++;
      }
    }
    // One that passes is linked to, by the browser of a person; the server does not go there.
    const answer = await register({ logo_uri: `https://127.0.0.1:${port}/logo.png`, initiate_login_uri: `https://127.0.0.1:${port}/i` });
    assert.equal(answer.status, 201, answer.body);
    for (const name of ['client_secret', 'registration_access_token']) secret(answer.json[name]);
    await get(target, authorizePath(authorizeParams({ clientId: answer.json.client_id, redirectUri: 'https://self.example.test/cb' })));
    await sleep(300);
    assert.equal(came, 0, `${came} connections`);
    note(`${refused} refused`);
  } finally {
    trap.close();
  }
});

check('C06', 'pairwise: another name for another sector; a sub is never given again', async ({ target }) => {
  const pairwise = (name, host) => addClient({ name, profile: 'standard', features: ['pairwise'], redirect_uris: [`https://${host}/cb`] });
  const [a, b] = [await pairwise('a', `a-${word()}.example.test`), await pairwise('b', `b-${word()}.example.test`)];
  const plain = await conf();
  const account = await addAccount({ name: 'pairs' });
  const subs = new Map();
  for (const [name, rp] of [['a', a], ['b', b], ['plain', plain]]) {
    const given = await tokens(target, rp, account, { scope: 'openid' });
    const { sub } = jose.decodeJwt(given.id_token);
    assert.equal((await userinfo(target, given.access_token)).json.sub, sub, `${name}: one name in all documents`);
    subs.set(name, sub);
  }
  assert.equal(new Set(subs.values()).size, 3, 'three names that nobody can connect');
  assert.equal(jose.decodeJwt((await tokens(target, a, account, { scope: 'openid' })).id_token).sub, subs.get('a'), 'the same one always');
  // The holder leaves; whoever has the address then is somebody else.
  const browser = await accountBrowser(target, account);
  const page = await browser.get('/account/close');
  const done = await browser.post('/account/close', { csrf: /name="csrf" value="([^"]+)"/.exec(page.body)?.[1], account_id: account.id });
  assert.match(textOf(done), /退会しました/);
  await seen();
  const made = await operator(1, 'POST', '/v1/accounts', { account_id: account.id, password: secret(`again ${word(12)} pass`), type: 'entry', profile: {} });
  if (made.status === 200) assert.notEqual(made.json.sub, subs.get('plain'), 'another sub');
  else assert.ok([409, 422].includes(made.status), JSON.stringify(made.json));
});

async function accountBrowser(target, account) {
  const browser = new Browser(target);
  let answer = await browser.get('/account');
  for (let hops = 0; hops < 8; hops++) {
    if ([302, 303].includes(answer.status)) answer = await browser.get(new URL(answer.location, demo().issuer).pathname + new URL(answer.location, demo().issuer).search);
    else if (isLoginPage(answer)) answer = await browser.post('/oauth/login', { ...formWith(answer.body, 'login_state').fields, account_id: account.id, password: account.password });
    else break;
  }
  assert.equal(answer.status, 200, textOf(answer).slice(0, 200));
  return browser;
}

const BACK = 'https://rp.example.test/signed-out';
const leaver = once(() => addClient({ name: 'leaves', post_logout_uris: [BACK] }));

check('F05', 'after a sign-out: to the registered address, by proof, or nowhere', async ({ target, note }) => {
  const rp = await leaver();
  const given = await tokens(target, rp, await alice());
  const { browser } = given;
  const ask = (params, by = browser) => by.get(`/oauth/logout?${new URLSearchParams(params)}`);
  const host = new URL(BACK).host;
  const variants = [
    `${BACK}/x`, `${BACK}/../x`, `${BACK}//x`, `${BACK}?x=1`, `${BACK}#f`, `${BACK}/`, `${BACK}%2e%2e`, BACK.replace(host, host.toUpperCase()), BACK.replace('https', 'http'), BACK.replace(host, `${host}:443`),
    BACK.replace(host, `${host}:8443`), BACK.replace(host, `${host}@evil.test`), BACK.replace(host, `evil.test@${host}`), BACK.replace(host, `${host}.evil.test`), BACK.replace('https://', 'https:\\\\'), BACK.replace('https://', '//'),
    `${BACK}\t`, ` ${BACK}`, `${BACK}\r\nX: y`, `${BACK}\0`, 'javascript:alert(1)', 'data:text/html,x', 'https://evil.test/', rp.redirectUri, BACK.slice(0, -1), BACK.replace('example', 'exаmple'),
  ];
  const kept = browser.jar.clone();
  for (const uri of variants) {
    const answer = await ask({ id_token_hint: given.id_token, post_logout_redirect_uri: uri, state: 's' });
    assert.equal(answer.location, undefined, `${JSON.stringify(uri)}: ${answer.location}`);
    assert.equal(answer.status, 400, `${JSON.stringify(uri)}: ${answer.status}`);
    assert.ok(!/href="(?!\/)[^"]*(evil|javascript|signed-out)/i.test(answer.body), `${uri}: a link`);
  }
  assert.equal(await sessionLives(target, kept, rp), true, 'and nobody is signed out by that');
  // Without a hint, and with one that proves nothing: the person is asked.
  const forged = `${given.id_token.split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`;
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${given.id_token.split('.')[1]}.`;
  const foreign = (await tokens(target, await conf(), await bob())).id_token;
  for (const hint of [undefined, forged, unsigned, foreign, given.access_token]) {
    const answer = await ask({ ...(hint ? { id_token_hint: hint } : { client_id: rp.clientId }), post_logout_redirect_uri: BACK, state: 's' });
    assert.equal(answer.location, undefined, `hint ${hint?.slice(0, 20)}: ${answer.location}`);
    assert.equal(await sessionLives(target, browser.jar, rp), true, 'still signed in');
  }
  const nasty = `"><script>alert(1)</script>\r\nSet-Cookie: x=y`;
  const shown = await ask({ client_id: rp.clientId, post_logout_redirect_uri: BACK, state: nasty });
  assert.ok(!shown.body.includes('<script>alert'), 'state is escaped');
  assert.ok(!shown.cookies.some((line) => line.startsWith('x=')));
  const out = await ask({ id_token_hint: given.id_token, post_logout_redirect_uri: BACK, state: `"><b>&=` });
  assert.ok([302, 303].includes(out.status), `${out.status}`);
  const to = new URL(out.location);
  assert.equal(to.origin + to.pathname, BACK);
  assert.equal(to.searchParams.get('state'), `"><b>&=`);
  assert.ok(!/[<>"]/.test(out.location));
  assert.equal(await sessionLives(target, kept, rp), false, 'signed out');
  note(`${variants.length} variants`);
});

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

check('F07', 'a sign-out is told to each party, in the right form, though one is slow and the leader changes', async ({ target }) => {
  const account = await addAccount({ name: 'fanout' });
  const parties = [];
  let failing = true;
  for (const [name, answer] of [['quick', take], ['down', () => (failing ? { status: 500 } : { status: 200 })], ['slow', () => ({ status: 200, delayMs: 3000 })]]) {
    const receiver = await Receiver.open(pki(), answer);
    parties.push({ name, receiver, rp: await addClient({ name, scopes: ['openid'], features: ['logout_session'], backchannel_logout_uri: receiver.uri }) });
  }
  try {
    await seen();
    const browser = new Browser(target);
    const ids = [];
    for (const { rp } of parties) {
      const proof = pkce();
      const { code } = await authorize(browser, rp, { account, params: { scope: 'openid', code_challenge: proof.challenge, code_challenge_method: 'S256' } });
      ids.push((await redeem(target, rp, code, { verifier: proof.verifier })).json.id_token);
    }
    const moving = sleep(50).then(transfer);
    await logout(browser);
    await moving;
    await whole();
    await until('the party that fails was called', () => parties[1].receiver.requests.length >= 1, { timeout: 20000 }).catch(() => assert.fail('no logout token came'));
    failing = false;
    const keys = jose.createLocalJWKSet((await get(target, '/oauth/jwks')).json);
    for (const [i, { name, rp, receiver }] of parties.entries()) {
      const wanted = name === 'down' ? 2 : 1;
      await until(`${wanted} tokens at ${name}`, () => receiver.requests.length >= wanted, { timeout: 30000 }).catch(() => assert.fail(`${name}: ${receiver.requests.length} tokens, ${wanted} expected`));
      const ids_ = new Set();
      for (const token of receiver.tokens.map(wire.token)) {
        const { payload } = await jose.jwtVerify(token, keys, { issuer: demo().issuer, audience: rp.clientId, typ: 'logout+jwt', requiredClaims: ['iat', 'exp', 'jti', 'events'] });
        assert.deepEqual(payload.events, { [EVENT]: {} });
        assert.equal(payload.nonce, undefined, 'no nonce');
        assert.ok(payload.sid || payload.sub);
        assert.equal(payload.sid, jose.decodeJwt(ids[i]).sid);
        assert.equal(payload.sub, jose.decodeJwt(ids[i]).sub);
        ids_.add(payload.jti);
      }
      assert.equal(ids_.size, 1, `${name}: a repetition has the same jti`);
    }
  } finally {
    failing = false;
    parties.forEach(({ receiver }) => receiver.close());
  }
}, { targets: 'nodes', timeout: 150000 });

check('F10', 'a client\'s name cannot dress itself up, and the domain is shown', async ({ target }) => {
  const host = `f10-${word()}.example.test`;
  const account = await addAccount({ name: 'reads' });
  const hostile = ['銀行\u202egnp.elgoog', 'pay\u200bpal\u2066x\u2069', '\u200f\u061cabc', 'a\u0000b', `${'長'.repeat(5000)}`, '<b>x</b> {{redirect_host}}', 'x\r\ny', '\ufeffG\u00ad'];
  let shown = 0;
  for (const name of hostile) {
    const body = { client_id: `t-f10-${word()}`, name, profile: 'standard', auth: 'basic', alg: 'RS256', government: false, scopes: ['openid', 'email'], redirect_uris: [`https://${host}/cb`] };
    const made = await operator(1, 'POST', '/v1/clients', body);
    if (made.status !== 200) {
      assert.equal(made.status, 422, `${JSON.stringify(name.slice(0, 20))}: ${made.status}`);
      continue;
    }
    await seen();
    const rp = { clientId: body.client_id, secret: secret(made.json.client_secret), auth: 'basic', redirectUri: body.redirect_uris[0] };
    const browser = new Browser(target);
    const login = await browser.get(authorizePath(authorizeParams(rp, { scope: 'openid email' })));
    const page = await browser.post('/oauth/login', { ...formWith(login.body, 'login_state').fields, account_id: account.id, password: account.password });
    assert.ok(isConsentPage(page), textOf(page).slice(0, 200));
    for (const one of [login, page]) {
      assert.doesNotMatch(one.body, /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\0]/, `${JSON.stringify(name.slice(0, 20))} is shown as it is`);
      assert.ok(!one.body.includes('<b>x</b>'), 'escaped');
      assert.ok(one.bytes.length < 65536, 'bounded');
    }
    assert.match(page.body, new RegExp(`class="host">${host.replaceAll('.', '\\.')}<`), 'the domain is shown');
    shown++;
  }
  const rp = await addClient({ name: 'f10', label: 'ふつうの名前', government: false, redirect_uris: [`https://${host}/cb`] });
  const { code } = await signIn(target, rp, account, { params: { scope: 'openid' } });
  assert.ok(code && shown >= 0);
});
