// Weaknesses of requests, proofs, keys and what relying parties are told (weaken.mjs).
import http from 'node:http';
import { wire } from './f_parties.test.mjs';
import { authorizeParams, form, header, html, isAuthorize, isToken, lenientToken, success, url } from './weaken_kit.mjs';

// Says a good answer again where the next one is a refusal: of GETs too.
const again = (fits, good) => ({
  response(answer, m) {
    if (!fits(m)) return;
    if (good(answer)) this.last = { status: answer.status, headers: { ...answer.headers }, body: answer.body };
    else if (this.last) Object.assign(answer, this.last);
  },
});
const knock = (address) =>
  new Promise((done) => {
    const call = http.get(address, { timeout: 500 }, (answer) => answer.resume().on('end', done));
    call.on('error', done).on('timeout', () => call.destroy());
  });
const fetches = async (text) => {
  for (const address of (text ?? '').match(/https?:\/\/127\.0\.0\.1:\d+/g) ?? []) await knock(address.replace('https', 'http'));
};
const isUserinfo = (m) => m.path.startsWith('/oauth/userinfo');
const ok = (answer) => answer.status === 200;

export const requestWeaknesses = [
  { id: 'A11', what: 'state is put into the form as it is', response(answer, m) {
    const state = isAuthorize(m) && url(m).searchParams.get('state');
    if (state && url(m).searchParams.get('response_mode') === 'form_post') html(answer, (text) => text.replace('</form>', `${state}</form>`));
  } },
  { id: 'A11', what: 'no form-action', response(answer) {
    const policy = answer.headers['content-security-policy'];
    if (policy) answer.headers['content-security-policy'] = policy.replace(/form-action[^;]*;?/, '');
  } },
  { id: 'A11', what: 'any scheme is redirected to', response(answer, m) {
    const to = isAuthorize(m) && url(m).searchParams.get('redirect_uri');
    if (to && !to.startsWith('https:') && answer.status === 400) Object.assign(answer, { status: 302, headers: { location: to }, body: Buffer.alloc(0) });
  } },
  { id: 'A16', what: 'what cannot be verified is passed over', request: (m) => authorizeParams(m, (p) => {
    const [head, body] = (p.get('request') ?? '').split('.');
    const alg = head && JSON.parse(Buffer.from(head, 'base64url').toString()).alg;
    if (!alg || /^[RPE]S/.test(alg)) return;
    for (const [name, value] of Object.entries(JSON.parse(Buffer.from(body, 'base64url').toString()))) p.set(name, String(value));
    p.delete('request');
  }) },
  { id: 'A16', what: 'the query counts beside the object', response(answer, m) {
    const state = isAuthorize(m) && url(m).searchParams.get('request') && url(m).searchParams.get('state');
    if (state && answer.headers.location) answer.headers.location = answer.headers.location.replace(/state=[^&]*/, `state=${encodeURIComponent(state)}`);
  } },
  { id: 'A17', what: 'request_uri is fetched', async request(m) {
    await fetches(decodeURIComponent(m.path) + decodeURIComponent(m.body.toString()));
  } },
  { id: 'A17', what: 'request_uri is ignored', request: (m) => authorizeParams(m, (p) => p.delete('request_uri')) },
  { id: 'A18', what: 'a pushed request is answered again', ...again((m) => isAuthorize(m) && m.path.includes('request_uri='), (answer) => /[?&]code=/.test(answer.headers.location ?? '')) },
  { id: 'A18', what: "another client's pushed request is shown", response(answer, m) {
    if (isAuthorize(m) && m.path.includes('request_uri=') && answer.status === 400) answer.status = 200;
  } },
  { id: 'B04', what: 'codes live for ever', ...lenientToken },
  { id: 'B10', what: 'an assertion is good twice', ...lenientToken },
  { id: 'B10', what: 'an assertion for another audience is good', request(m) {
    const [, body] = (isToken(m) ? form(m).get('client_assertion') ?? '' : '').split('.');
    if (body && /other\.example/.test(Buffer.from(body, 'base64url').toString())) return success({});
    return undefined;
  } },
  { id: 'B10', what: 'alg none is believed', request(m) {
    const [head] = (isToken(m) ? form(m).get('client_assertion') ?? '' : '').split('.');
    return head && /"none"/.test(Buffer.from(head, 'base64url').toString()) ? success({}) : undefined;
  } },
  { id: 'B13', what: 'a proof is good for any request', ...again(isUserinfo, ok) },
  { id: 'B13', what: 'a proof is good at any endpoint', ...lenientToken },
  { id: 'B13', what: 'no nonce is asked for', response(answer, m) {
    if (isToken(m) && /use_dpop_nonce/.test(answer.body.toString())) Object.assign(answer, success({ token_type: 'DPoP' }));
  } },
  { id: 'B14', what: 'a revocation is only said', request: (m) => (m.path === '/oauth/revoke' ? success({}) : undefined) },
  { id: 'B14', what: 'what was active stays so at a node that lags', ...again((m) => m.path === '/oauth/introspect', (answer) => /"active":true/.test(answer.body.toString())) },
  { id: 'C04', what: 'the address of keys is fetched', async request(m) {
    if (m.path === '/oauth/register') await fetches(m.body.toString());
  } },
  { id: 'C04', what: 'jwks_uri is taken', response(answer, m) {
    if (m.path === '/oauth/register' && /jwks_uri/.test(m.body.toString())) answer.status = 201;
  } },
  { id: 'C04', what: 'plain http is taken for a logo', request(m) {
    if (m.path === '/oauth/register') m.body = Buffer.from(m.body.toString().replace('"logo_uri":"http:', '"logo_uri":"https:'));
  } },
  { id: 'C06', what: 'all sectors hear the same sub', response(answer, m) {
    if (isUserinfo(m) && ok(answer)) {
      this.sub ??= JSON.parse(answer.body).sub;
      answer.body = Buffer.from(JSON.stringify({ ...JSON.parse(answer.body), sub: this.sub }));
    }
  } },
  { id: 'F05', what: 'any address is returned to', response(answer, m) {
    const to = m.path.startsWith('/oauth/logout') && url(m).searchParams.get('post_logout_redirect_uri');
    if (to && answer.status === 400) Object.assign(answer, { status: 302, headers: { location: encodeURI(to) }, body: Buffer.alloc(0) });
  } },
  { id: 'F05', what: 'no proof is needed to be sent on', response(answer, m) {
    const params = m.path.startsWith('/oauth/logout') && url(m).searchParams;
    if (params && params.get('post_logout_redirect_uri') && !params.get('id_token_hint')) Object.assign(answer, { status: 302, headers: { location: encodeURI(params.get('post_logout_redirect_uri')) }, body: Buffer.alloc(0) });
  } },
  { id: 'F05', what: 'state is shown as it is', response(answer, m) {
    const state = m.path.startsWith('/oauth/logout') && url(m).searchParams.get('state');
    if (state) html(answer, (text) => text.replace('</main>', `${state}</main>`));
  } },
  { id: 'F07', what: 'nobody is told', request: (m) => (m.path === '/oauth/logout' && m.method === 'POST' ? { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('<p>out</p>') } : undefined) },
  { id: 'F07', what: 'a repetition is signed by nobody', arm() {
    const { token } = wire;
    wire.token = (jwt) => `${jwt.split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`;
    return () => (wire.token = token);
  } },
  { id: 'F10', what: 'a name reverses what follows', response(answer) {
    html(answer, (text) => text.replace('class="client">', 'class="client">\u202e'));
  } },
  { id: 'F10', what: 'the domain is not shown', response(answer) {
    html(answer, (text) => text.replace(/class="host">[^<]*</, 'class="host"><'));
  } },
  { id: 'B17', what: 'codes are counted', response(answer) {
    if (!answer.headers.location) return;
    this.n = (this.n ?? 0) + 1;
    answer.headers.location = answer.headers.location.replace(/([?&]code=)[^&]*/, (_, name) => `${name}${String(this.n).padStart(22, '0')}`);
  } },
  { id: 'B12', what: 'any site may read tokens', ...header('access-control-allow-origin', 'https://evil.test') },
];
