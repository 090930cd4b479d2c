// The code flow by hand: forms are parsed and posted as a browser without script
// does, each step at whichever target the test names.
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { demo } from './demo.mjs';
import { formWith, forms } from './html.mjs';
import { get, Jar, post } from './http.mjs';
import { codeOf, lastSms } from './messages.mjs';
import { note } from './secrets.mjs';

export const random = (bytes = 24) => randomBytes(bytes).toString('base64url');

export function pkce() {
  const verifier = note(random(32));
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

// A relying party of demo.env: 'TASUKI', 'TASUKI_ES256', 'TASUKI_CONSENT', 'TASUKI_EVIL'.
export function demoRp(prefix, redirectUri, auth = 'basic') {
  const { env } = demo();
  return {
    clientId: env[`${prefix}_CLIENT_ID`],
    secret: note(env[`${prefix}_CLIENT_SECRET`]),
    auth,
    redirectUri: redirectUri ?? env.TASUKI_REDIRECT_URI,
  };
}

// `changes` replaces parameters; undefined or null leaves one out.
export function authorizeParams(rp, changes = {}) {
  const params = {
    response_type: 'code',
    client_id: rp.clientId,
    redirect_uri: rp.redirectUri,
    scope: 'openid profile email',
    state: random(12),
    nonce: random(12),
    ...changes,
  };
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined && value !== null));
}

export const authorizePath = (params) => `/oauth/authorize?${new URLSearchParams(params)}`;

export class Browser {
  constructor(target, { jar, language = 'ja' } = {}) {
    this.target = target;
    this.jar = jar ?? new Jar();
    this.language = language;
  }
  get(path, options = {}) {
    return get(options.at ?? this.target, path, {
      jar: this.jar,
      ...options,
      headers: { 'accept-language': this.language, ...options.headers },
    });
  }
  post(path, form, options = {}) {
    return post(options.at ?? this.target, path, {
      jar: this.jar,
      form,
      ...options,
      headers: { 'accept-language': this.language, ...options.headers },
    });
  }
}

const formPath = (action, page) => {
  const url = new URL(action || page, new URL('/oauth/', demo().issuer));
  return url.pathname + url.search;
};

export function loginForm(answer) {
  assert.equal(answer.status, 200, `login page: status ${answer.status} ${answer.location ?? answer.body.slice(0, 300)}`);
  const form = formWith(answer.body, 'login_state');
  assert.ok(form, 'the page has a form with login_state');
  assert.ok('password' in form.fields, 'the page has a field password');
  return { ...form, path: formPath(form.action, '/oauth/login') };
}

export function consentForm(answer) {
  assert.equal(answer.status, 200, `consent page: status ${answer.status} ${answer.location ?? ''}`);
  const form = formWith(answer.body, 'login_state');
  assert.ok(form, 'the page has a form with login_state');
  assert.ok(!('password' in form.fields), 'it is not the login page');
  return { ...form, path: formPath(form.action, '/oauth/consent') };
}

export const isLoginPage = (answer) => answer.status === 200 && 'password' in (formWith(answer.body, 'login_state')?.fields ?? {});
export const isConsentPage = (answer) =>
  answer.status === 200 && Boolean(formWith(answer.body, 'login_state')) && !isLoginPage(answer) && !isFactorPage(answer);

// Fill the login page that `page` is, and the second step where one is asked for.
// `second: false` stops there.
export async function submitLogin(browser, page, account, { at, fields = {}, second = true, ...more } = {}) {
  const form = loginForm(page);
  const since = Date.now();
  const answer = await browser.post(
    form.path,
    { ...form.fields, account_id: account.id, password: account.password, ...fields },
    { at, ...more },
  );
  return second && isFactorPage(answer) ? submitSecond(browser, answer, account, { at, since }) : answer;
}

export const isFactorPage = (answer) => answer.status === 200 && factorForms(answer).length > 0;
// The forms of the second step's page.
export const factorForms = (answer) =>
  forms(answer.body ?? '')
    .filter(({ action }) => new URL(action || '/', 'https://x/').pathname === '/oauth/factor')
    .map((form) => ({ ...form, path: formPath(form.action, '/oauth/factor') }));
// The form that takes a code.
export const codeForm = (answer) => factorForms(answer).find(({ fields }) => 'code' in fields);

// The six digits of a step of an authenticator app (RFC 6238).
export function totp(secret, at = Date.now()) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const mac = createHmac('sha1', key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

// The code that the account was sent, or that its app shows.
export async function secondCode(account, since) {
  const phone = account.phone ?? demo().phones.get(account.id);
  if (phone) return codeOf(await lastSms(phone, { after: since }));
  const secret = account.totp ?? (account.id === demo().env.TASUKI_TOTP_ACCOUNT ? demo().env.TASUKI_TOTP_SECRET : undefined);
  assert.ok(secret, `the second step is asked of ${account.id}, which has neither phone nor totp here`);
  return totp(secret);
}

export async function submitSecond(browser, page, account, { at, since = 0, code, fields = {} } = {}) {
  const form = codeForm(page);
  assert.ok(form, `the page has a field for a code: ${notice(page)}`);
  return browser.post(form.path, { ...form.fields, code: code ?? (await secondCode(account, since)), ...fields }, { at });
}

export function submitConsent(browser, page, decision, { at, fields = {} } = {}) {
  const form = consentForm(page);
  return browser.post(form.path, { ...form.fields, decision, ...fields }, { at });
}

// The parameters of a form that the browser posts to the RP (response_mode=form_post).
export function posted(answer, rp) {
  assert.equal(answer.status, 200, notice(answer));
  const form = formWith(answer.body, 'iss');
  assert.ok(form, `a form for the RP: ${notice(answer)}`);
  assert.equal(form.action, rp.redirectUri, 'the form goes to the registered URI');
  note(form.fields.code);
  return form.fields;
}

// The parameters of a redirect to the RP.
export function callback(answer, rp) {
  assert.ok([302, 303].includes(answer.status), `redirect to the RP: status ${answer.status} ${answer.body.slice(0, 300)}`);
  const url = new URL(answer.location);
  const want = new URL(rp.redirectUri);
  assert.equal(url.origin + url.pathname, want.origin + want.pathname, 'redirect goes to the registered URI');
  assert.equal(url.hash, '', 'nothing in a fragment');
  const params = Object.fromEntries(url.searchParams);
  note(params.code);
  return params;
}

// From no session, or with one, to the callback's parameters. Consent is given
// where it is asked for. `at`: { authorize, login, consent }, targets of the steps.
export async function authorize(browser, rp, { account, params = {}, at = {} } = {}) {
  const sent = authorizeParams(rp, params);
  const began = Date.now();
  let answer = await browser.get(authorizePath(sent), { at: at.authorize });
  if (isLoginPage(answer)) {
    assert.ok(account, 'a sign-in was asked for though a session was expected');
    answer = await submitLogin(browser, answer, account, { at: at.login });
    if (isLoginPage(answer)) assert.fail(`sign-in refused: ${notice(answer)}`);
  }
  if (isFactorPage(answer)) answer = await submitSecond(browser, answer, account, { at: at.login, since: began });
  if (isConsentPage(answer)) answer = await submitConsent(browser, answer, 'allow', { at: at.consent });
  return { ...callback(answer, rp), sent };
}

// The text of a page without tags, and without the footer's number of the request.
export const textOf = (answer) =>
  answer.body
    .replace(/<(style|script|head|footer)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
export const notice = (answer) => textOf(answer).slice(0, 300);

export async function signIn(target, rp, account, options = {}) {
  const browser = new Browser(target, options);
  const result = await authorize(browser, rp, { account, ...options });
  assert.ok(result.code, `no code: ${JSON.stringify(result)}`);
  return { browser, ...result };
}

const formEscape = (text) => encodeURIComponent(text).replace(/%20/g, '+').replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
export const basic = (id, secret) => `Basic ${Buffer.from(`${formEscape(id)}:${formEscape(secret)}`).toString('base64')}`;

export async function token(target, rp, form, options = {}) {
  const headers = { ...options.headers };
  const fields = { ...form };
  if (rp.auth === 'basic') headers.authorization ??= basic(rp.clientId, rp.secret);
  if (rp.auth === 'post') fields.client_secret ??= rp.secret;
  if (rp.auth !== 'basic') fields.client_id ??= rp.clientId;
  const answer = await post(target, '/oauth/token', { ...options, headers, form: fields });
  if (answer.status === 200) {
    const { access_token: access, refresh_token: refresh, id_token: id } = answer.json;
    note(access);
    note(refresh);
    note(id);
  }
  return answer;
}

export const redeem = (target, rp, code, { verifier, ...more } = {}, options) =>
  token(
    target,
    rp,
    {
      grant_type: 'authorization_code',
      code,
      redirect_uri: rp.redirectUri,
      ...(verifier ? { code_verifier: verifier } : {}),
      ...more,
    },
    options,
  );

export const refresh = (target, rp, refreshToken, more = {}, options) =>
  token(target, rp, { grant_type: 'refresh_token', refresh_token: refreshToken, ...more }, options);

export const userinfo = (target, accessToken, options = {}) =>
  get(target, '/oauth/userinfo', { ...options, headers: { authorization: `Bearer ${accessToken}`, ...options.headers } });

// A fresh set of tokens.
export async function tokens(target, rp, account, params = {}) {
  const proof = pkce();
  const signed = await signIn(target, rp, account, {
    params: { code_challenge: proof.challenge, code_challenge_method: 'S256', ...params },
  });
  const answer = await redeem(target, rp, signed.code, { verifier: proof.verifier });
  assert.equal(answer.status, 200, answer.body);
  return { ...answer.json, ...signed };
}

// Does the browser's session live, as seen from `target`? Asks for a code without UI.
export async function sessionLives(target, jar, rp) {
  const answer = await get(target, authorizePath(authorizeParams(rp, { prompt: 'none', scope: 'openid' })), { jar: jar.clone() });
  const result = callback(answer, rp);
  if (result.code) return true;
  assert.equal(result.error, 'login_required', JSON.stringify(result));
  return false;
}

export async function logout(browser, { at } = {}) {
  const page = await browser.get('/oauth/logout', { at });
  assert.equal(page.status, 200, 'logout page');
  const form = formWith(page.body, 'csrf');
  assert.ok(form, 'the logout page has a form with csrf');
  return browser.post(formPath(form.action, '/oauth/logout'), form.fields, { at });
}

// A refusal of the token endpoint, in every respect that RFC 6749 §5.2 names.
export function assertTokenError(answer, status, errors) {
  const list = [errors].flat();
  assert.equal(answer.status, status, `${answer.status} ${answer.body}`);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  assert.match(answer.headers['cache-control'] ?? '', /no-store/);
  if (status !== 401) assert.equal(answer.headers['www-authenticate'], undefined, 'a challenge goes with 401 alone');
  const body = answer.json;
  assert.ok(list.includes(body.error), `error ${body.error}, expected ${list.join(' or ')}`);
  assert.equal(body.access_token, undefined);
  return body;
}
