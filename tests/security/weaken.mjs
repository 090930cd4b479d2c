// A proxy before one node that weakens one answer, as a careless release would. Each
// entry names the check that must turn red behind it: a check that cannot fail is
// worthless (SECURITY_CHECKS, running rule 3).
//
// request(message) changes { method, path, headers, body } on the way in, or returns an
// answer { status, headers, body } itself; response(answer, message) changes the one
// that comes back. Both may keep things in `this`, one object a proxy.
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { demo } from '../lib/demo.mjs';
import { noted } from '../lib/secrets.mjs';
// Which accounts of the check D01 exist: the operator port is not behind the proxy.
import { timingKnown } from './d_login.test.mjs';
import { accountWeaknesses } from './weaken_accounts.mjs';
import { consoleWeaknesses } from './weaken_console.mjs';
import { careless, tunnel } from './weaken_front.mjs';
import { requestWeaknesses } from './weaken_requests.mjs';
import { authorizeParams, BROWSER, cookieOf, form, header, html, isAuthorize, isToken, lenient, lenientToken, location, PASSKEY, served, SESSION, setForm, setUrl, success, url, WAITING, withCode } from './weaken_kit.mjs';

// What takes some take longer, by what it costs on this machine now: a machine under load
// hides a few milliseconds, and no careless build is careless by so few.
async function dearer(kept, m, send, some, least) {
  const began = performance.now();
  const answer = await send(m);
  kept.usual = 0.8 * (kept.usual ?? 0) + 0.2 * (performance.now() - began);
  if (some) await new Promise((done) => setTimeout(done, Math.max(least, kept.usual)));
  return answer;
}

export const weaknesses = [
  { id: 'A01', what: 'redirect URIs are compared by prefix', request: (m) => authorizeParams(m, (p) => {
    const sent = p.get('redirect_uri') ?? '';
    if (sent.startsWith('https://rp.example.test/cb')) p.set('redirect_uri', 'https://rp.example.test/cb');
  }) },
  { id: 'A01', what: 'the case of the host is ignored', request: (m) => authorizeParams(m, (p) => {
    const sent = p.get('redirect_uri');
    if (/^https:\/\/rp\.example\.test\/cb$/i.test(sent ?? '')) p.set('redirect_uri', 'https://rp.example.test/cb');
  }) },
  { id: 'A02', what: 'localhost passes for the loopback literal', request: (m) => authorizeParams(m, (p) => {
    if (p.get('redirect_uri')?.startsWith('http://localhost')) p.set('redirect_uri', p.get('redirect_uri').replace('localhost', '127.0.0.1'));
  }) },
  { id: 'A03', what: 'an unknown client is told at its redirect URI', response(answer, m) {
    if (isAuthorize(m) && answer.status === 400) Object.assign(answer, { status: 302, headers: { location: 'https://rp.example.test/cb?error=invalid_client' }, body: Buffer.alloc(0) });
  } },
  { id: 'A04', what: 'the last of two values counts', request: (m) => authorizeParams(m, (p) => {
    for (const name of new Set(p.keys())) p.set(name, p.getAll(name).at(-1));
  }) },
  { id: 'A05', what: 'any response_type means code', request: (m) => authorizeParams(m, (p) => p.has('response_type') && p.set('response_type', 'code')) },
  { id: 'A06', what: 'PKCE method plain is taken', request: (m) => authorizeParams(m, (p) => p.has('code_challenge_method') && p.set('code_challenge_method', 'S256')) },
  { id: 'A06', what: 'a public client may omit PKCE', request: (m) => authorizeParams(m, (p) => {
    if (!p.has('code_challenge') && !p.has('code_challenge_method')) {
      p.set('code_challenge', 'A'.repeat(43));
      p.set('code_challenge_method', 'S256');
    }
  }) },
  { id: 'A07', what: 'a verifier without challenge is ignored', request(m) {
    if (!isToken(m)) return;
    const params = form(m);
    params.delete('code_verifier');
    setForm(m, params);
  } },
  { id: 'A08', what: 'no iss in the answer', response: (answer) => location(answer, (p) => p.delete('iss')) },
  { id: 'A08', what: 'iss without its slash', response: (answer) => location(answer, (p) => p.has('iss') && p.set('iss', p.get('iss').replace(/\/$/, ''))) },
  { id: 'A09', what: '307 after the login form', response(answer, m) {
    if (m.path === '/oauth/login' && answer.status === 303) answer.status = 307;
  } },
  { id: 'A10', what: 'state is decoded once too often', response: (answer) => {
    location(answer, (p) => p.has('state') && p.set('state', p.get('state').replace(/%20/g, ' ')));
  } },
  { id: 'A10', what: 'state is reflected into the page', response(answer, m) {
    if (isAuthorize(m)) html(answer, (text) => text.replace('</main>', `${url(m).searchParams.get('state') ?? ''}</main>`));
  } },
  { id: 'A12', what: 'response_mode is ignored', request: (m) => authorizeParams(m, (p) => p.delete('response_mode')) },
  { id: 'A13', what: 'prompt=none shows the login page', request: (m) => authorizeParams(m, (p) => p.get('prompt') === 'none' && p.delete('prompt')) },
  { id: 'A14', what: 'prompt=login is ignored', request: (m) => authorizeParams(m, (p) => p.get('prompt') === 'login' && p.delete('prompt')) },
  { id: 'A14', what: 'max_age is ignored', request: (m) => authorizeParams(m, (p) => p.delete('max_age')) },
  { id: 'A15', what: 'id_token_hint is ignored', request: (m) => authorizeParams(m, (p) => p.delete('id_token_hint')) },
  { id: 'A16', what: 'request objects are ignored', request: (m) => authorizeParams(m, (p) => {
    p.delete('request');
    p.delete('request_uri');
  }) },
  { id: 'A19', what: 'scope openid is added', request: (m) => authorizeParams(m, (p) => p.set('scope', `openid ${p.get('scope') ?? ''}`.trim())) },
  { id: 'A20', what: 'login_hint is not escaped', response(answer, m) {
    if (isAuthorize(m)) html(answer, (text) => text.replace('</main>', `${url(m).searchParams.get('login_hint') ?? ''}</main>`));
  } },
  { id: 'A21', what: 'error_description is shown', response: (answer, m) => html(answer, (text) => text.replace('</main>', `${url(m).searchParams.get('error_description') ?? ''}</main>`)) },
  { id: 'A22', what: 'any Host is served', request(m, upstream) {
    m.headers.host = upstream;
  } },
  { id: 'A22', what: 'X-Forwarded-Host makes the links', response(answer, m) {
    const host = m.headers['x-forwarded-host'];
    if (host) html(answer, (text) => text.replaceAll('href="/', `href="https://${host}/`));
  } },
  { id: 'B01', what: 'a code is good twice', ...lenientToken },
  { id: 'B02', what: 'racing redemptions all win', ...lenientToken, anywhere: true },
  { id: 'B03', what: 'redirect_uri is not compared', request(m) {
    if (!isToken(m)) return;
    const params = form(m);
    if (params.get('redirect_uri')) params.set('redirect_uri', 'https://rp.example.test/cb');
    setForm(m, params);
  } },
  { id: 'B03', what: 'a wrong code is good', ...lenientToken },
  { id: 'B05', what: 'an old refresh token is good', ...lenientToken },
  { id: 'B06', what: 'every race gives another successor', response(answer, m) {
    if (isToken(m) && answer.status === 200 && form(m).get('grant_type') === 'refresh_token')
      answer.body = Buffer.from(JSON.stringify({ ...JSON.parse(answer.body), refresh_token: `r${Math.random()}`.repeat(3) }));
  } },
  { id: 'B07', what: "another client's refresh token is good", ...lenientToken },
  { id: 'B08', what: 'grant_type=password gives tokens', request: (m) => (isToken(m) && form(m).get('grant_type') === 'password' ? success({}) : undefined) },
  { id: 'B09', what: 'a secret in the query is taken', request(m) {
    if (!isToken(m)) return;
    const to = url(m);
    if (!to.searchParams.has('client_secret')) return;
    const params = form(m);
    for (const [name, value] of to.searchParams) params.set(name, value);
    setForm(m, params);
    m.path = '/oauth/token';
  } },
  { id: 'B09', what: '401 without challenge', response: (answer) => delete answer.headers['www-authenticate'] },
  { id: 'B11', what: 'unknown clients are refused early', async request(m, _, send) {
    if (!isToken(m)) return undefined;
    const id = Buffer.from((m.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString().split(':')[0];
    this.seen ??= new Map();
    this.seen.set(id, (this.seen.get(id) ?? 0) + 1);
    return dearer(this, m, send, this.seen.get(id) > 2, 3);
  } },
  { id: 'B12', what: 'tokens may be cached', ...header('cache-control', 'private') },
  { id: 'B15', what: 'introspection answers anybody', request: (m) => (m.path === '/oauth/introspect' && !m.headers.authorization ? success({ active: true }) : undefined) },
  { id: 'B15', what: 'strangers hear a little', response(answer, m) {
    if (m.path === '/oauth/introspect' && answer.status === 200) answer.body = Buffer.from('{"active":false,"client_id":"x"}');
  } },
  { id: 'B15', what: 'revocation answers anybody', request: (m) => (m.path === '/oauth/revoke' && !m.headers.authorization ? success({}) : undefined) },
  { id: 'B16', what: 'a token in the query is taken', request(m) {
    const to = url(m);
    const access = to.searchParams.get('access_token');
    if (!access) return;
    m.headers.authorization = `Bearer ${access}`;
    m.path = to.pathname;
  } },
  { id: 'C01', what: 'alg none', response(answer, m) {
    if (!isToken(m) || answer.status !== 200) return;
    const body = JSON.parse(answer.body);
    body.id_token = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body.id_token.split('.')[1]}.`;
    answer.body = Buffer.from(JSON.stringify(body));
  } },
  { id: 'C01', what: 'nonce is trimmed before it is kept', request: (m) => authorizeParams(m, (p) => p.has('nonce') && p.set('nonce', p.get('nonce').replace(/[^\w]+/g, ''))) },
  { id: 'C02', what: 'hints with alg none are passed over', request: (m) => authorizeParams(m, (p) => {
    const [head] = (p.get('id_token_hint') ?? '').split('.');
    if (/"none"/i.test(Buffer.from(head, 'base64url').toString())) p.delete('id_token_hint');
  }) },
  { id: 'C05', what: 'one node differs in a blank', response(answer, m) {
    if (m.path.endsWith('openid-configuration')) answer.body = Buffer.from(`${answer.body} `);
  } },
  { id: 'C07', what: 'anybody may register', response(answer, m) {
    if (m.path === '/oauth/register' && answer.status === 401) Object.assign(answer, { status: 201, body: Buffer.from('{"client_id":"x"}') });
  } },
  { id: 'C07', what: 'a fragment in a redirect URI is dropped', request(m) {
    if (m.path === '/oauth/register' && m.method === 'POST') m.body = Buffer.from(m.body.toString().replace('#f"', '"').replace(`"${'https://self.example.test/cb'}",`, ''));
  } },
  { id: 'C07', what: 'another client may remove it', response(answer, m) {
    if (m.method === 'DELETE' && answer.status === 401) Object.assign(answer, { status: 204, body: Buffer.alloc(0) });
  } },
  { id: 'C05', what: 'not cacheable', ...header('cache-control', 'no-store') },
  { id: 'D01', what: 'unknown accounts are told so', response(answer, m) {
    if (m.path === '/oauth/login' && !timingKnown.has(form(m).get('account_id'))) html(answer, (text) => text.replace('role="alert"', 'role="alert" data-unknown="1"'));
  } },
  { id: 'D01', what: 'unknown accounts are not hashed', request(m, _, send) {
    return m.path === '/oauth/login' ? dearer(this, m, send, timingKnown.has(form(m).get('account_id')), 6) : undefined;
  } },
  { id: 'D03', what: 'an unknown account is told so', response(answer, m) {
    if (m.path !== '/oauth/login' || answer.headers.location) return;
    const id = form(m).get('account_id');
    this.first ??= id;
    if (id !== this.first) html(answer, (text) => text.replace('</main>', '<p>no such account</p></main>'));
  } },
  { id: 'D06', what: 'long passwords are cut and hashed', request(m) {
    if (m.path !== '/oauth/login' || m.body.length < 65536) return undefined;
    return { status: 500, headers: {}, body: Buffer.from('hashed for a long time') };
  } },
  { id: 'D07', what: 'only 72 bytes count', request(m) {
    if (m.path !== '/oauth/login') return;
    const params = form(m);
    const password = params.get('password') ?? '';
    // What a hash that cuts would do: find the password that begins alike.
    const whole = noted().find((known) => known.length > 72 && known.slice(0, 72) === password.slice(0, 72));
    if (whole) params.set('password', whole);
    setForm(m, params);
  } },
  { id: 'D08', what: 'the old session id goes on', request(m) {
    const old = cookieOf(m, SESSION);
    if (old && this.alias?.has(old) && m.path !== '/oauth/login') m.headers.cookie = m.headers.cookie.replace(old, this.alias.get(old));
  }, response(answer, m) {
    const old = cookieOf(m, SESSION);
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const fresh = line.match(new RegExp(`^${SESSION}=([^;]+)`))?.[1];
      if (m.path === '/oauth/login' && old && fresh) (this.alias ??= new Map()).set(old, fresh);
    }
  } },
  { id: 'D09', what: 'a login is not bound to its browser', request(m) {
    if (!['/oauth/login', '/oauth/consent'].includes(m.path)) return;
    const owner = this.owners?.get(form(m).get('login_state'));
    if (!owner) return;
    const rest = (m.headers.cookie ?? '').split('; ').filter((c) => c && !c.startsWith(BROWSER));
    m.headers.cookie = [...rest, `${BROWSER}=${owner}`].join('; ');
  }, response(answer, m) {
    const state = answer.body.toString().match(/name="login_state" value="([^"]+)"/)?.[1];
    const set = [answer.headers['set-cookie'] ?? []].flat().map((l) => l.match(new RegExp(`^${BROWSER}=([^;]+)`))?.[1]).find(Boolean);
    const owner = set ?? cookieOf(m, BROWSER);
    if (state && owner) (this.owners ??= new Map()).set(state, owner);
  } },
  { id: 'D10', what: 'cookies without Secure', response(answer) {
    if (answer.headers['set-cookie']) answer.headers['set-cookie'] = [answer.headers['set-cookie']].flat().map((line) => line.replace(/;\s*secure/i, ''));
  } },
  { id: 'D02', what: 'an account ID that is had is told', response(answer, m) {
    if (m.path === '/account/id' && m.method === 'POST' && answer.status === 200)
      html(answer, (text) => (this.asked ? text.replaceAll('確認のメールを送りました', 'は使われています') : text));
    if (m.path === '/account/id' && m.method === 'POST') this.asked = true;
  } },
  { id: 'D11', what: 'other sessions outlive the password', response(answer, m) {
    if (m.path !== '/account' || m.method !== 'GET' || !cookieOf(m, SESSION)) return;
    if (answer.status === 200) this.last = { status: 200, headers: { ...answer.headers }, body: answer.body };
    else if (this.last) Object.assign(answer, this.last);
  } },
  { id: 'D14', what: 'a form of another session is taken', response(answer, m) {
    if (m.path === '/account/password' && answer.status === 403) answer.status = 200;
  } },
  { id: 'D14', what: 'a page is shown without a session', response(answer, m) {
    if (m.path === '/account/close' && answer.status === 302) Object.assign(answer, { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('<p>close</p>') });
  } },
  { id: 'D16', what: 'the session of a closed account lives', response(answer, m) {
    if (m.path !== '/account' || m.method !== 'GET' || !cookieOf(m, SESSION)) return;
    if (answer.status === 200) this.last = { status: 200, headers: { ...answer.headers }, body: answer.body };
    else if (this.last) Object.assign(answer, this.last);
  } },
  { id: 'E08', what: 'opening the link confirms it', request(m) {
    if (m.method !== 'GET' || !m.path.startsWith('/account/confirm?')) return;
    const { searchParams } = url(m);
    m.method = 'POST';
    m.path = '/account/confirm';
    m.headers['content-type'] = 'application/x-www-form-urlencoded';
    setForm(m, searchParams);
  } },
  { id: 'E10', what: 'a void link is said to have served', response(answer, m) {
    if (m.path === '/account/confirm' && m.method === 'POST') html(answer, (text) => text.replaceAll('このリンクは使えません', 'アカウントIDを変更しました'));
  } },
  { id: 'E11', what: 'both are told that they have it', response(answer, m) {
    if (m.path === '/account/confirm' && m.method === 'POST') html(answer, (text) => text.replaceAll(/このリンクは使えません|すでに使われています/g, 'アカウントIDを変更しました'));
  } },
  { id: 'D12', what: 'sign-out only deletes the cookie', request(m) {
    if (m.path !== '/oauth/logout' || m.method !== 'POST') return undefined;
    return { status: 200, headers: { 'content-type': 'text/html', 'set-cookie': [`${SESSION}=; Max-Age=0; Path=/; Secure; HttpOnly`] }, body: Buffer.from('<p>signed out</p>') };
  } },
  { id: 'D15', what: 'the Origin is not looked at', request(m) {
    delete m.headers.origin;
    delete m.headers['sec-fetch-site'];
  } },
  { id: 'F01', what: 'consent by GET', request(m) {
    if (!m.path.startsWith('/oauth/consent?')) return;
    const to = url(m);
    Object.assign(m, { method: 'POST', path: '/oauth/consent', body: Buffer.from(to.search.slice(1)) });
    m.headers['content-type'] = 'application/x-www-form-urlencoded';
  } },
  { id: 'F02', what: 'pages can be framed', response(answer) {
    if (answer.headers['content-security-policy']) answer.headers['content-security-policy'] = answer.headers['content-security-policy'].replace(/frame-ancestors[^;]*;?/, '');
  } },
  { id: 'F02', what: 'no X-Frame-Options', ...header('x-frame-options') },
  { id: 'F03', what: 'inline styles are allowed', response(answer) {
    const policy = answer.headers['content-security-policy'];
    if (policy) answer.headers['content-security-policy'] = policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'");
  } },
  { id: 'F03', what: 'no HSTS', ...header('strict-transport-security') },
  { id: 'F03', what: 'no Referrer-Policy', ...header('referrer-policy') },
  { id: 'F03', what: 'no nosniff', ...header('x-content-type-options') },
  { id: 'F03', what: 'a script from elsewhere', response: (answer) => html(answer, (text) => text.replace('</head>', '<script src="https://cdn.test/a.js"></script></head>')) },
  { id: 'F04', what: 'a link to another site with state', response: (answer, m) => html(answer, (text) => text.replace('</main>', `<a href="https://help.test/?state=${url(m).searchParams.get('state')}">?</a></main>`)) },
  { id: 'F06', what: 'a GET signs out', async request(m, upstream, send) {
    if (m.path !== '/oauth/logout' || m.method !== 'GET') return undefined;
    const page = await send(m);
    const csrf = page.body.toString().match(/name="csrf" value="([^"]+)"/)?.[1];
    if (csrf) await send({ ...m, method: 'POST', body: Buffer.from(`csrf=${csrf}`), headers: { ...m.headers, 'content-type': 'application/x-www-form-urlencoded' } });
    return page;
  } },
  { id: 'F08', what: 'next= redirects anywhere', request(m) {
    const next = url(m).searchParams.get('next');
    return next && !isAuthorize(m) ? { status: 302, headers: { location: next }, body: Buffer.alloc(0) } : undefined;
  } },
  { id: 'F09', what: 'CORS reflects the origin', response(answer, m) {
    if (m.headers.origin) Object.assign(answer.headers, { 'access-control-allow-origin': m.headers.origin, 'access-control-allow-credentials': 'true' });
  } },
  { id: 'G01', what: 'a parser that forgives', forgiving: true },
  { id: 'G04', what: 'no time limit on a request head', forgiving: true },
  { id: 'G04', what: 'connections that do nothing hold up the others', front: (node) => tunnel(node, { slow: ({ count }) => (count > 150 ? 8000 : 0) }) },
  { id: 'G05', what: 'what is too long is cut', forgiving: true, request(m) {
    if (m.path.length > 8000) m.path = '/health';
    for (const name of Object.keys(m.headers)) if (String(m.headers[name]).length > 4000 || /^x-\d+$/.test(name)) delete m.headers[name];
  } },
  { id: 'G06', what: 'paths in any case', request: (m) => {
    if (/^\/oauth\/\w+\/?$/i.test(m.path)) m.path = m.path.toLowerCase();
  } },
  { id: 'G06', what: 'TRACE echoes', request: (m) => (m.method === 'TRACE' ? { status: 200, headers: {}, body: Buffer.from(JSON.stringify(m.headers)) } : undefined) },
  { id: 'G08', what: 'metrics are public', request: (m) => (m.path === '/metrics' ? { status: 200, headers: {}, body: Buffer.from('tasuki_logins_total 3\n') } : undefined) },
  { id: 'P01', what: 'a page of a passkey may be answered again', ...lenient('/oauth/passkey', withCode) },
  { id: 'P02', what: 'a passkey answers for any place and anybody', ...lenient('/oauth/passkey', withCode) },
  { id: 'P03', what: "any account's passkey is a second step", ...lenient('/oauth/factor', withCode, PASSKEY) },
  { id: 'P04', what: 'counters are not looked at', ...lenient('/oauth/passkey', withCode) },
  { id: 'P05', what: 'any device, number and repetition is an approval', ...lenient('/oauth/app/answer', served) },
  { id: 'P05', what: 'a browser is believed before the app has answered', ...lenient('/oauth/factor', withCode, WAITING) },
  { id: 'P06', what: "a device's proofs are not looked at", ...lenient('/oauth/app/challenges', served) },
  ...requestWeaknesses,
  ...accountWeaknesses,
  ...consoleWeaknesses,
  ...transportWeaknesses(),
];

// Weaknesses of TLS, HTTP/2, peers and logs: what stands in front is another server.
function transportWeaknesses() {
  const placeOf = (address) => {
    const [, host, port] = /^(?:https:\/\/)?(.*):(\d+)$/.exec(address);
    return { host, port: Number(port) };
  };
  const before = (options) => async (node) => {
    const { port, close } = await careless({ to: placeOf(node.base), ...options });
    return { target: { ...node, name: `careless TLS before ${node.name}`, base: `https://127.0.0.1:${port}`, host: new URL(node.base).host }, close };
  };
  // Instead of a port that is not for people.
  const instead = (name, options) => async (node) => {
    const { port, close } = await careless({ to: placeOf(node[name]), ...options(node) });
    return { target: { ...node, [name]: name === 'peer' ? `127.0.0.1:${port}` : `https://127.0.0.1:${port}` }, close };
  };
  const h2 = (answer) => before({
    ALPNProtocols: ['h2', 'http/1.1'],
    serve(socket) {
      if (socket.alpnProtocol !== 'h2') return false;
      socket.write(Buffer.from('000000040000000000', 'hex'));
      socket.on('data', answer ? () => socket.write(Buffer.from(answer, 'hex')) : () => {});
      return true;
    },
  });
  const old = { minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' };
  const open = () => ({ serve: () => true, requestCert: true, rejectUnauthorized: false, ...old });
  return [
    { id: 'G02', what: 'nodes speak HTTP/2', front: h2('') },
    { id: 'G02', what: 'a crowd of streams holds up the others', front: (node) => tunnel(node, { slow: ({ most }) => (most > 100000 ? 8000 : 0) }) },
    { id: 'G03', what: 'whatever comes is read for ever', front: h2('') },
    { id: 'G03', what: 'whatever comes is answered with 200', front: h2('000001010500000001880000010105000000038800000101050000000588') },
    { id: 'G07', what: 'TLS 1.0 is spoken', front: before(old) },
    { id: 'G07', what: "operators' certificates are not looked at", front: instead('operator', () => ({ to: undefined, ...open(), serve: (socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')) })) },
    { id: 'G07', what: "a peer's certificate may be expired", front: instead('peer', open) },
    { id: 'G09', what: 'whoever knocks may stay', front: instead('peer', open) },
    { id: 'G11', what: 'line ends reach the log', request(m) {
      const [, marker] = /^\/(logcanary\w+)/.exec(decodeURIComponent(m.path)) ?? [];
      if (!marker) return;
      // A log that goes with this process: integration_logs reads those of the nodes later.
      const log = join(demo().dir, 'node-weakened.log');
      appendFileSync(log, `{"event":"${marker}"}\n`);
      process.once('exit', () => rmSync(log, { force: true }));
    } },
  ];
}

// Weaknesses of what people are sent (e_messages.test.mjs). edit(body): how a careless
// server would read a request; before(): what it would wait for; seen(all): what a
// careless sender would have given to the providers; fault: how a gateway behaves.
const digits = (text) => (typeof text === 'string' ? text.replace(/;.*$|[\r\n].*$|,.*$/s, '').normalize('NFKC').replace(/[^+0-9]/g, '') : text);
let several = 0;
export const messageWeaknesses = [
  { id: 'E03', what: 'a forwarded address is believed', edit(body) {
    if (body.source) body.source = `203.0.${Math.floor(several / 250)}.${several++ % 250}`;
    return body;
  } },
  { id: 'E03', what: 'each spelling of a number is counted by itself', edit(body) {
    if (body.sms?.endsWith('0001')) body.sms = `+8170${String(1000 + (several++ % 9000))}${String(several % 10000).padStart(4, '0')}`;
    return body;
  } },
  { id: 'E04', what: 'what is no digit is dropped', edit: (body) => ({ ...body, sms: digits(body.sms) }) },
  { id: 'E04', what: 'national numbers go to the gateway', seen: (all) => ({ ...all, sms: all.sms.map((sms) => ({ ...sms, to: sms.to.replace('+81', '0') })) }) },
  { id: 'E05', what: 'names are put into mail as they are', seen: (all) => ({ ...all, mail: all.mail.map((mail) => ({ ...mail, text: mail.text.normalize('NFKC') })) }) },
  { id: 'E05', what: 'a line end in a name ends a header', seen: (all) => ({ ...all, mail: all.mail.map((mail) => (/Bcc/.test(mail.text) ? { ...mail, headers: [...mail.headers, ['Bcc', 'victim@evil.example']] } : mail)) }) },
  { id: 'E05', what: 'reordering characters are kept', seen: (all) => ({ ...all, mail: all.mail.map((mail) => ({ ...mail, text: mail.text.replace('gnp', '\u202egnp') })) }) },
  { id: 'E13', what: 'the request waits for the gateway', before: () => new Promise((done) => setTimeout(done, 12000)) },
  { id: 'E13', what: 'a repetition has a key of its own', fault: { forget: true } },
];
