// The npm package oidc-provider over TLS, as `ops/bench peers` measures it: in memory,
// its own defaults wherever they do not stand in the way, one process.
//
//   node peer_server.mjs PORT CERT KEY      prints "ready", ends with SIGTERM
//
// Its pages are not measured: one of our own signs in whoever asks, in the form that
// bench_load fills in.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { Provider } from 'oidc-provider';

const [port, cert, key] = process.argv.slice(2);
const issuer = `https://127.0.0.1:${port}`;
const RESOURCE = 'https://api.bench.example';
const ACCOUNT = 'bench';
const REDIRECT_URI = 'https://rp.bench.example/callback';
const SCOPE = 'openid profile email offline_access';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const client = {
  client_secret: process.env.PEER_SECRET,
  redirect_uris: [REDIRECT_URI],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  id_token_signed_response_alg: 'ES256',
};
// All in memory, without a bound: the package's own forgets codes under this load.
const rows = new Map();
class Memory {
  constructor(model) {
    this.model = model;
  }
  key(id) {
    return `${this.model}:${id}`;
  }
  async upsert(id, payload) {
    rows.set(this.key(id), payload);
    if (payload.uid) rows.set(`uid:${payload.uid}`, id);
  }
  async find(id) {
    return rows.get(this.key(id));
  }
  async findByUid(uid) {
    return this.find(rows.get(`uid:${uid}`));
  }
  async consume(id) {
    rows.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    rows.delete(this.key(id));
  }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of rows) if (payload.grantId === grantId) rows.delete(key);
  }
}

const provider = new Provider(issuer, {
  adapter: Memory,
  clients: [
    { ...client, client_id: 'bench', grant_types: ['authorization_code', 'refresh_token'] },
    { ...client, client_id: 'machine', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    {
      client_id: 'machine-key',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      id_token_signed_response_alg: 'ES256',
      jwks: JSON.parse(process.env.PEER_CLIENT_JWKS ?? '{"keys":[]}'),
    },
  ],
  jwks: { keys: [{ ...ec, alg: 'ES256', use: 'sig', kid: 'es' }] },
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  scopes: ['openid', 'offline_access', 'api'],
  conformIdTokenClaims: true,
  ttl: { Session: 86400, Grant: 86400, AccessToken: 3600, ClientCredentials: 600, IdToken: 3600, Interaction: 600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7) },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope: 'api', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
    },
  },
  routes: {
    authorization: '/oauth/authorize',
    token: '/oauth/token',
    userinfo: '/oauth/userinfo',
    jwks: '/oauth/jwks',
  },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: 'ベンチ 太郎', email: 'bench@example.jp', email_verified: true }),
  }),
});
provider.on('server_error', (ctx, error) => process.stderr.write(`${error.stack}\n`));

// A session with a grant, as the package's own tests make them.
async function signIn() {
  const grant = new provider.Grant({ accountId: ACCOUNT, clientId: 'bench' });
  grant.addOIDCScope(SCOPE);
  const grantId = await grant.save(86400);
  const jti = randomUUID();
  const session = new provider.Session({
    jti,
    uid: randomUUID(),
    accountId: ACCOUNT,
    loginTs: Math.floor(Date.now() / 1000),
    authorizations: { bench: { sid: randomUUID(), grantId } },
  });
  await session.save(86400);
  return jti;
}

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function showLogin(req, res) {
  const state = Buffer.from(req.url).toString('base64url');
  res.writeHead(200, { 'content-type': 'text/html' });
  res.end(`<form method="post" action="/oauth/login"><input name="login_state" value="${escape(state)}"><input name="password"></form>`);
}

// The redirect that the provider answers to a browser with this session.
function authorize(url, cookie) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: url, headers: { cookie }, ca: readFileSync(cert), servername: '' };
    request(options, (answer) => {
      answer.resume();
      resolve(answer.headers.location);
    })
      .on('error', reject)
      .end();
  });
}

async function takeLogin(req, res) {
  let body = '';
  for await (const chunk of req) body += chunk;
  const url = Buffer.from(new URLSearchParams(body).get('login_state'), 'base64url').toString();
  const cookie = `_session=${await signIn()}`;
  const location = await authorize(url, cookie);
  res.writeHead(303, { location, 'set-cookie': `${cookie}; Path=/; Secure; HttpOnly` });
  res.end();
}

const serve = provider.callback();
const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (req, res) => {
  const signedIn = /(?:^|; )_session=/.test(req.headers.cookie ?? '');
  if (req.url.startsWith('/oauth/login')) {
    takeLogin(req, res).catch((error) => res.destroy(error));
  } else if (req.url.startsWith('/oauth/authorize') && !signedIn) {
    showLogin(req, res);
  } else {
    serve(req, res);
  }
});

server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
process.on('SIGTERM', () => process.exit(0));
