// OpenID Connect Back-Channel Logout 1.0.
import assert from 'node:assert/strict';
import { random } from '../../lib/flow.mjs';
import { nowS } from '../lib/checks.mjs';
import { addClient, POST_LOGOUT } from '../lib/clients.mjs';
import { assertEnded, assertSignedOutAt, endSession, signedIn } from '../lib/logout.mjs';
import { RpServer } from '../lib/rp_server.mjs';
import { discovery } from './rp_logout.mjs';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const PATH = '/backchannel_logout';

async function verification(t) {
  const metadata = await discovery(t);
  assert.equal(metadata.backchannel_logout_supported, true);
  assert.equal(metadata.backchannel_logout_session_supported, true);
}

// Back-Channel Logout §2.4, §2.5.
async function assertLogoutToken(op, request, flow) {
  assert.equal(request.method, 'POST');
  assert.match(request.headers['content-type'] ?? '', /^application\/x-www-form-urlencoded/);
  assert.match(request.tls, /^TLSv1\.[23]$/);
  const form = new URLSearchParams(request.body);
  assert.deepEqual([...form.keys()], ['logout_token']);
  const { payload, protectedHeader } = await op.verify(form.get('logout_token'), { audience: flow.rp.clientId, alg: flow.rp.alg });
  if (protectedHeader.typ !== undefined) assert.equal(protectedHeader.typ, 'logout+jwt');
  assert.ok(Math.abs(payload.iat - nowS()) < 60, 'iat');
  assert.ok(payload.exp > nowS(), 'exp');
  assert.ok(payload.jti, 'jti');
  assert.deepEqual(payload.events, { [EVENT]: {} });
  assert.equal(payload.nonce, undefined, 'no nonce');
  assert.ok(payload.sub !== undefined || payload.sid !== undefined, 'sub or sid');
  if (payload.sub !== undefined) assert.equal(payload.sub, flow.claims.sub);
  assert.equal(payload.sid, flow.claims.sid, 'sid, as the client has asked for');
}

async function logout(t) {
  const server = await RpServer.open({ [PATH]: () => ({ status: 200 }) });
  const rp = await addClient({ postLogoutUris: [POST_LOGOUT], backchannelLogoutUri: server.base + PATH, features: ['logout_session'] });
  const flow = await signedIn(t.op, rp);
  assert.ok(flow.claims.sid, 'sid in the ID token');
  const params = { id_token_hint: flow.given.id_token, post_logout_redirect_uri: POST_LOGOUT, state: random(96) };
  assertSignedOutAt(await endSession(t.op, flow.agent, params), POST_LOGOUT, params.state);
  await assertLogoutToken(t.op, await server.received(PATH), flow);
  await assertEnded(t.op, flow);
}

export const modules = [
  { name: 'oidcc-backchannel-logout-discovery-endpoint-verification', run: verification },
  { name: 'oidcc-backchannel-rp-initiated-logout', run: logout },
];
