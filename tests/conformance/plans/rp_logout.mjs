// OpenID Connect RP-Initiated Logout 1.0.
import assert from 'node:assert/strict';
import * as jose from 'jose';
import { random } from '../../lib/flow.mjs';
import { addClient, once, POST_LOGOUT } from '../lib/clients.mjs';
import { assertHttps, fetchMetadata } from '../lib/discovery.mjs';
import { assertEnded, assertSignedOutAt, endSession, signedIn } from '../lib/logout.mjs';

const party = () => once('logout', () => addClient({ postLogoutUris: [POST_LOGOUT] }));

const whole = (flow) => ({ id_token_hint: flow.given.id_token, post_logout_redirect_uri: POST_LOGOUT, state: random(96) });
const without = (params, ...names) => Object.fromEntries(Object.entries(params).filter(([name]) => !names.includes(name)));

// The person comes back to the client, signed out.
async function comesBack(t, change = (params) => params) {
  const flow = await signedIn(t.op, await party());
  const params = change(whole(flow));
  assertSignedOutAt(await endSession(t.op, flow.agent, params), POST_LOGOUT, params.state);
  await assertEnded(t.op, flow);
}

// The person stays with the provider: an error, or a question, and never the client.
async function staysHere(t, change) {
  const flow = await signedIn(t.op, await party());
  const result = await endSession(t.op, flow.agent, await change(whole(flow), flow));
  assert.equal(result.location, undefined, `redirected: ${result.location}`);
  assert.ok(result.answer.isHtml, 'a page');
  return flow;
}

// There, and signed out: the page says so.
async function endsHere(t, change) {
  const flow = await staysHere(t, change);
  await assertEnded(t.op, flow);
}

// Signed by a key that is not the provider's, though it has the kid of one that is.
async function forged(params) {
  const { privateKey } = await jose.generateKeyPair('RS256');
  const { kid } = jose.decodeProtectedHeader(params.id_token_hint);
  const claims = jose.decodeJwt(params.id_token_hint);
  return { ...params, id_token_hint: await new jose.SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey) };
}

function unsigned(params) {
  const [, claims] = params.id_token_hint.split('.');
  return { ...params, id_token_hint: `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.` };
}

export async function discovery(t) {
  const metadata = await fetchMetadata(t);
  assert.ok(metadata.end_session_endpoint, 'end_session_endpoint');
  assertHttps(metadata.end_session_endpoint, 'end_session_endpoint');
  return metadata;
}

const NAME = 'oidcc-rp-initiated-logout';

export const modules = [
  { name: `${NAME}-discovery-endpoint-verification`, run: discovery },
  { name: NAME, run: (t) => comesBack(t) },
  {
    name: `${NAME}-bad-post-logout-redirect-uri`,
    run: (t) => staysHere(t, (params) => ({ ...params, post_logout_redirect_uri: `${POST_LOGOUT}/${random(8)}` })),
  },
  { name: `${NAME}-modified-id-token-hint`, run: (t) => staysHere(t, unsigned) },
  { name: `${NAME}-no-id-token-hint`, run: (t) => staysHere(t, (params) => without(params, 'id_token_hint')) },
  { name: `${NAME}-no-params`, run: (t) => endsHere(t, () => ({})) },
  { name: `${NAME}-no-post-logout-redirect-uri`, run: (t) => endsHere(t, (params) => without(params, 'post_logout_redirect_uri')) },
  { name: `${NAME}-no-state`, run: (t) => comesBack(t, (params) => without(params, 'state')) },
  { name: `${NAME}-only-state`, run: (t) => endsHere(t, ({ state }) => ({ state })) },
  {
    name: `${NAME}-query-added-to-post-logout-redirect-uri`,
    run: (t) => staysHere(t, (params) => ({ ...params, post_logout_redirect_uri: `${POST_LOGOUT}?foo=bar` })),
  },
  { name: `${NAME}-bad-id-token-hint`, run: (t) => staysHere(t, forged) },
];
