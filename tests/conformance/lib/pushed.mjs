// Requests that have to be refused: at the PAR endpoint, or else at the authorization
// endpoint, by an error page or an error for the client.
import assert from 'node:assert/strict';
import { answered, assertErrorPage } from './agent.mjs';
import { assertErrorText, assertJsonError } from './checks.mjs';
import { newAgent } from './code_flow.mjs';
import { assertPushed, authorizeUrl, push, request } from './fapi.mjs';

export const INVALID = ['invalid_request', 'invalid_request_object'];

// An error for the client, with the state it sent, and no code.
export function assertCallbackError(result, redirectUri, sent, issuer, errors) {
  const params = answered(result, redirectUri);
  assert.equal(params.code, undefined, 'a code, though the request has to be refused');
  assertErrorText(params);
  assert.ok(errors.includes(params.error), `error ${params.error} (${params.error_description}), expected ${errors}`);
  assert.equal(params.iss, issuer, 'iss');
  if (params.state !== undefined) assert.equal(params.state, sent.state, 'state');
  return params;
}

// Errors allowed at the PAR endpoint, and in the redirect when the request is taken there.
export async function refusedRequest(op, rp, { params, par, atPar = INVALID, atClient = INVALID, change = (sent) => sent }) {
  const { sent } = request(rp, params);
  const answer = await push(op, rp, change(sent), par);
  if (answer.status !== 201) return assertJsonError(answer, atPar, [400, 401, 403]);
  const agent = await newAgent(op);
  const result = await agent.visit(await authorizeUrl(op, rp, assertPushed(answer).uri));
  if (!result.location) return assertErrorPage(result);
  return assertCallbackError(result, rp.redirectUri, sent, op.issuer, atClient);
}
