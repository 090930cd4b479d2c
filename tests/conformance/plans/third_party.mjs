// OpenID Connect Core §4: sign-in that a third party begins, as far as the provider has a
// part in it: it keeps `initiate_login_uri`.
import assert from 'node:assert/strict';
import { register, refuseRegistration } from '../lib/registration.mjs';

const URI = 'https://rp.example.test/initiate-login';

async function initLogin(t) {
  const { registered } = await register(t.op, { initiate_login_uri: URI });
  assert.equal(registered.initiate_login_uri, URI);
  const headers = { authorization: `Bearer ${registered.registration_access_token}` };
  const answer = await t.op.call('GET', registered.registration_client_uri, { headers });
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.json.initiate_login_uri, URI);
}

export const modules = [
  { name: 'oidcc-3rd_party-init-login', run: initLogin },
  {
    name: 'oidcc-3rd_party-init-login-nohttps',
    run: (t) => refuseRegistration(t.op, { initiate_login_uri: URI.replace('https', 'http') }, 'invalid_client_metadata'),
  },
];
