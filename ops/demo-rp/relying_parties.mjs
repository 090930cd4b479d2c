// relying_parties: the configuration that ops/demo writes, and one openid-client
// configuration per relying party.
//
// The file (mode 0600, it holds the clients' secrets):
//   { issuer, address, port, cert, key, clients: [{ client_id, client_secret, name,
//     name_en, ministry, start_month, redirect_uri, auth, alg, scopes, government }] }
import { readFileSync } from 'node:fs';
import * as oidc from 'openid-client';

export function loadConfig(path) {
  const config = JSON.parse(readFileSync(path, 'utf8'));
  for (const name of ['issuer', 'address', 'port', 'cert', 'key', 'clients']) {
    if (config[name] === undefined) throw new Error(`${path}: ${name} is missing`);
  }
  config.byId = new Map(config.clients.map((rp) => [rp.client_id, rp]));
  return config;
}

function authentication(rp) {
  if (rp.auth === 'none') return oidc.None();
  if (rp.auth === 'post') return oidc.ClientSecretPost(rp.client_secret);
  return oidc.ClientSecretBasic(rp.client_secret);
}

// Discovery is done once and shared; a failure is forgotten, so that the next request
// tries again.
export function makeProvider(config) {
  let metadata = null;

  async function discovered() {
    metadata ??= oidc
      .discovery(new URL(config.issuer), config.clients[0].client_id, undefined, oidc.None())
      .then((found) => found.serverMetadata())
      .catch((error) => {
        metadata = null;
        throw error;
      });
    return metadata;
  }

  provider.metadata = discovered;
  return provider;

  // `onResponse(url, response)` sees every answer of the provider.
  async function provider(rp, onResponse) {
    const server = { ...(await discovered()) };
    const client = new oidc.Configuration(
      server,
      rp.client_id,
      { id_token_signed_response_alg: rp.alg, redirect_uris: [rp.redirect_uri] },
      authentication(rp),
    );
    client.timeout = 10;
    client[oidc.customFetch] = async (url, options) => {
      const response = await fetch(url, options);
      onResponse(new URL(url), response);
      return response;
    };
    return client;
  }
}
