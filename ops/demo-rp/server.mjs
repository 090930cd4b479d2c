// server: all the demo's relying parties in one process, on openid-client.
//
//   GET  /                    the list
//   GET  /rp/ID               what one of them knows of who signed in
//   GET  /rp/ID/login         to the provider, with PKCE, state and nonce
//   GET  /rp/ID/callback      back from it: code for tokens, then userinfo
//   POST /rp/ID/refresh, userinfo, logout, logout-all
//   POST /rp/ID/backchannel   from the provider: a session has ended there
//
// usage: node server.mjs CONFIG.json (see relying_parties.mjs). Not for production:
// sessions are in memory, and pages show tokens' contents.
import './node18.mjs';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import * as oidc from 'openid-client';
import { makeVerifier } from './logout_token.mjs';
import { failurePage, listPage, messagePage, rpPage } from './pages.mjs';
import { loadConfig, makeProvider } from './relying_parties.mjs';
import { COOKIE, addPending, cookies, findSession, newSession, renewId, setCookie, signOut } from './sessions.mjs';
import { chooseLanguage, translate } from './texts.mjs';

const BODY_MAX = 8192;
const config = loadConfig(process.argv[2] ?? 'demo-rp.json');
const provider = makeProvider(config);
const verifyLogoutToken = makeVerifier(config, provider.metadata);
const origin = `https://${config.address}:${config.port}`;
const style = readFileSync(new URL('./style.css', import.meta.url));

const log = (event, more = {}) =>
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...more })}\n`);

// ---- answers

const HEADERS = {
  'content-security-policy': "default-src 'none'; style-src 'self'; form-action 'self' " +
    `${new URL(config.issuer).origin}; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const answer = (ctx, status, type, body, more = {}) => {
  ctx.response.writeHead(status, { ...HEADERS, 'content-type': type, ...ctx.cookie, ...more });
  ctx.response.end(body);
};
const answerPage = (ctx, body, status = 200) => answer(ctx, status, 'text/html; charset=utf-8', body);
const redirect = (ctx, location, more = {}) => answer(ctx, 303, 'text/plain', '', { location, ...more });

// ---- the flow

// The balancer names the node in this header; "?" where it does not.
const nodeOf = (response) => response.headers.get('x-tasuki-node') ?? '?';

function client(rp, answeredBy) {
  return provider(rp, (url, response) => {
    answeredBy[url.pathname] = nodeOf(response);
  });
}

async function login(ctx, rp) {
  const session = (ctx.session ??= newSession());
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  addPending(session, state, { clientId: rp.client_id, verifier, nonce });
  const url = oidc.buildAuthorizationUrl(await client(rp, {}), {
    redirect_uri: rp.redirect_uri,
    scope: rp.scopes.join(' '),
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ui_locales: ctx.view.lang,
  });
  redirect(ctx, url.href, { 'set-cookie': setCookie(session) });
}

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
const decodeJwt = (jwt) => ({ header: decode(jwt.split('.')[0]), payload: decode(jwt.split('.')[1]) });

function remember(who, tokens) {
  who.accessToken = tokens.access_token;
  who.refreshToken = tokens.refresh_token ?? who.refreshToken;
  who.expiresMs = Date.now() + (tokens.expires_in ?? 0) * 1000;
  who.scope = tokens.scope ?? who.scope;
  if (tokens.id_token) {
    who.rawIdToken = tokens.id_token;
    who.idToken = decodeJwt(tokens.id_token);
  }
}

async function callback(ctx, rp) {
  const state = ctx.url.searchParams.get('state') ?? '';
  const pending = ctx.session?.pending.get(state);
  if (!pending || pending.clientId !== rp.client_id) {
    answerPage(ctx, failurePage(ctx.view, rp, { error: 'unknown_state', description: 'this browser did not ask for it' }), 400);
    return;
  }
  ctx.session.pending.delete(state);
  const answeredBy = {};
  const configuration = await client(rp, answeredBy);
  const tokens = await oidc.authorizationCodeGrant(configuration, ctx.url, {
    pkceCodeVerifier: pending.verifier,
    expectedState: state,
    expectedNonce: pending.nonce,
    idTokenExpected: true,
  });
  const who = { answeredBy, refreshes: 0 };
  remember(who, tokens);
  who.claims = await oidc.fetchUserInfo(configuration, tokens.access_token, tokens.claims().sub);
  renewId(ctx.session);
  ctx.session.signedIn.set(rp.client_id, who);
  ctx.session.toldOut.delete(rp.client_id);
  log('signed_in', { client_id: rp.client_id, answered_by: answeredBy });
  redirect(ctx, `/rp/${rp.client_id}`, { 'set-cookie': setCookie(ctx.session) });
}

async function refresh(ctx, rp, who) {
  remember(who, await oidc.refreshTokenGrant(await client(rp, who.answeredBy), who.refreshToken));
  who.refreshes += 1;
}

async function userinfo(ctx, rp, who) {
  who.claims = await oidc.fetchUserInfo(await client(rp, who.answeredBy), who.accessToken, who.claims.sub);
}

async function logoutAll(ctx, rp, who) {
  const configuration = await client(rp, {});
  // The others of this browser are told by the provider, over the back channel.
  ctx.session.signedIn.delete(rp.client_id);
  if (!configuration.serverMetadata().end_session_endpoint) {
    return redirect(ctx, new URL('logout', config.issuer).href); // the provider's own page
  }
  const url = oidc.buildEndSessionUrl(configuration, { id_token_hint: who.rawIdToken });
  return redirect(ctx, url.href);
}

const ACTIONS = {
  refresh,
  userinfo,
  logout: async (ctx, rp) => ctx.session.signedIn.delete(rp.client_id),
  'logout-all': logoutAll,
};

// Back-Channel Logout §2.8: 200 when it was done, 400 when the token is no good.
async function backchannel(ctx, rp) {
  const form = await readBody(ctx.request);
  let claims;
  try {
    claims = await verifyLogoutToken(form.get('logout_token') ?? '', rp);
  } catch (error) {
    log('logout_token_refused', { client_id: rp.client_id, why: error.code ?? error.message });
    return answer(ctx, 400, 'application/json', '{"error":"invalid_request"}');
  }
  const count = signOut(rp.client_id, claims);
  log('signed_out', { client_id: rp.client_id, jti: claims.jti, sign_ins: count });
  return answer(ctx, 200, 'text/plain', '');
}

// ---- requests

function readBody(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let length = 0;
    request.on('data', (chunk) => {
      length += chunk.length;
      if (length > BODY_MAX) {
        request.destroy();
        reject(new Error('the request is too large'));
        return;
      }
      chunks.push(chunk);
    });
    request.on('end', () => resolve(new URLSearchParams(Buffer.concat(chunks).toString('utf8'))));
    request.on('error', reject);
  });
}

async function act(ctx, rp, action) {
  const form = await readBody(ctx.request);
  const who = ctx.session?.signedIn.get(rp.client_id);
  const sameOrigin = [undefined, 'null', origin].includes(ctx.request.headers.origin);
  if (!who || !sameOrigin || form.get('csrf') !== ctx.session.csrf || (action === 'refresh' && !who.refreshToken)) {
    redirect(ctx, `/rp/${rp.client_id}`);
    return;
  }
  await ACTIONS[action](ctx, rp, who);
  if (!ctx.response.headersSent) redirect(ctx, `/rp/${rp.client_id}`);
}

function switchLanguage(ctx) {
  const to = ctx.url.searchParams.get('to') === 'en' ? 'en' : 'ja';
  const back = ctx.url.searchParams.get('back') ?? '/';
  redirect(ctx, /^\/(rp\/[A-Za-z0-9._-]+)?$/.test(back) ? back : '/', {
    'set-cookie': `lang=${to}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000`,
  });
}

async function route(ctx) {
  const { pathname } = ctx.url;
  const get = ctx.request.method === 'GET' || ctx.request.method === 'HEAD';
  if (get && pathname === '/') return answerPage(ctx, listPage(ctx.view, config, ctx.session));
  if (get && pathname === '/style.css') return answer(ctx, 200, 'text/css; charset=utf-8', style);
  if (get && pathname === '/health') return answer(ctx, 200, 'text/plain', 'ok\n');
  if (get && pathname === '/language') return switchLanguage(ctx);
  const [, id, action = ''] = pathname.match(/^\/rp\/([A-Za-z0-9._-]{1,64})(?:\/([a-z-]{1,20}))?$/) ?? [];
  const rp = config.byId.get(id);
  if (rp && get && action === '') {
    return answerPage(ctx, rpPage(ctx.view, rp, ctx.session, ctx.session?.signedIn.get(id)));
  }
  ctx.rp = rp;
  if (rp && get && action === 'login') return login(ctx, rp);
  if (rp && get && action === 'callback') return callback(ctx, rp);
  if (rp && ctx.request.method === 'POST' && action === 'backchannel') return backchannel(ctx, rp);
  if (rp && ctx.request.method === 'POST' && Object.hasOwn(ACTIONS, action)) return act(ctx, rp, action);
  return answerPage(ctx, messagePage(ctx.view, ctx.view.t('notFound')), 404);
}

function fail(ctx, error) {
  // openid-client: `error` is the provider's word, `code` its own.
  const what = error.error ?? error.code ?? error.name;
  const description = error.error_description ?? error.cause?.code ?? error.message;
  log('failed', { path: ctx.url?.pathname, error: String(what), description: String(description) });
  if (ctx.response.headersSent) ctx.response.destroy();
  else if (ctx.rp) answerPage(ctx, failurePage(ctx.view, ctx.rp, { error: what, description }), 502);
  else answerPage(ctx, messagePage(ctx.view, String(description)), 500);
}

async function handle(request, response) {
  const jar = cookies(request.headers.cookie);
  const lang = chooseLanguage(jar.get('lang'), request.headers['accept-language']);
  const ctx = { request, response, session: findSession(jar.get(COOKIE) ?? '') };
  ctx.view = { lang, t: translate(lang), path: '/' };
  try {
    ctx.url = new URL(request.url, origin);
    ctx.view.path = ctx.url.pathname.replace(/\/(login|callback)$/, '');
    await route(ctx);
  } catch (error) {
    fail(ctx, error);
  }
}

const server = https.createServer(
  { cert: readFileSync(config.cert), key: readFileSync(config.key), maxHeaderSize: 16384, minVersion: 'TLSv1.2' },
  handle,
);
server.requestTimeout = 15000;
server.headersTimeout = 10000;
server.maxConnections = 500;
server.on('error', (error) => {
  log('listen_failed', { error: error.code, address: config.address, port: config.port });
  process.exit(75);
});
server.listen(config.port, config.address, () => log('listening', { url: `${origin}/`, relying_parties: config.clients.length }));
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), 1000).unref();
  });
}
