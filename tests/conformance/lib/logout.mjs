// What a person and a client see of a sign-out.
import assert from 'node:assert/strict';
import { formWith } from '../../lib/html.mjs';
import { answered } from './agent.mjs';
import { assertAuthorizeError, NEEDS_PERSON } from './checks.mjs';
import { authorize, codeFlow, newAgent } from './code_flow.mjs';

const QUESTIONS_MAX = 2;

export const signedIn = async (op, rp) => codeFlow(op, { rp, agent: await newAgent(op) });

// To the end_session_endpoint, and "yes" to what the provider asks there.
export async function endSession(op, agent, params) {
  const url = new URL(await op.endpoint('end_session_endpoint'));
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  let result = await agent.open(url);
  for (let i = 0; i < QUESTIONS_MAX && !result.location; i++) {
    const form = result.answer.status === 200 && formWith(result.answer.body, 'csrf');
    if (!form) break;
    result = await agent.open(new URL(form.action || '/oauth/logout', op.issuer), { form: form.fields });
  }
  return result;
}

// RP-Initiated Logout §3: state as it was sent, and nothing else.
export function assertSignedOutAt(result, uri, state) {
  assert.deepEqual(answered(result, uri), state === undefined ? {} : { state });
}

// The session is over at every node.
export async function assertEnded(op, flow) {
  for (let i = 0; i < 3; i++) {
    const result = await authorize(op, flow.rp, { agent: flow.agent, params: { prompt: 'none' } });
    assert.deepEqual(result.pages, []);
    assertAuthorizeError(answered(result, flow.rp.redirectUri), result.sent, op.issuer, NEEDS_PERSON);
  }
}
