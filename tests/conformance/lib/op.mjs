// The provider under test, as a relying party sees it: metadata, keys, endpoints.
// Every request goes to the next of the nodes, so that what one node issues is
// redeemed at another.
import assert from 'node:assert/strict';
import * as jose from 'jose';
import { demo } from '../../lib/demo.mjs';
import { get, request } from '../../lib/http.mjs';
import { notBuilt } from './outcome.mjs';

const WELL_KNOWN = '/.well-known/openid-configuration';

export class Op {
  #turn = 0;
  #metadata;

  get issuer() {
    return demo().issuer;
  }

  // Asked by the issuer's name, as behind the balancer.
  next() {
    const { nodes } = demo();
    return { ...nodes[this.#turn++ % nodes.length], host: new URL(this.issuer).host };
  }

  get discoveryUrl() {
    return this.issuer.replace(/\/$/, '') + WELL_KNOWN;
  }

  discovery() {
    return get(this.next(), new URL(this.discoveryUrl).pathname);
  }

  async metadata() {
    if (!this.#metadata) {
      const answer = await this.discovery();
      assert.equal(answer.status, 200, 'discovery');
      this.#metadata = answer.json;
    }
    return this.#metadata;
  }

  // An address of the metadata; `alias`: where clients with certificates go.
  async endpoint(name, { alias = false } = {}) {
    const metadata = await this.metadata();
    const url = (alias && metadata.mtls_endpoint_aliases?.[name]) || metadata[name];
    return url ?? notBuilt(`no ${name} in the metadata`);
  }

  async jwks() {
    const url = await this.endpoint('jwks_uri');
    const answer = await this.call('GET', url);
    assert.equal(answer.status, 200, 'jwks_uri');
    return answer.json;
  }

  // A request to an address of the provider. Options as of lib/http.mjs.
  call(method, address, options = {}) {
    const url = new URL(address);
    const ours = url.origin === new URL(this.issuer).origin;
    if (ours) return request(this.next(), method, url.pathname + url.search, options);
    // Names below localhost are loopback's (RFC 6761 §6.3), which not every resolver knows.
    const tls = url.hostname.endsWith('.localhost') ? { host: '127.0.0.1', servername: url.hostname, ...options.tls } : options.tls;
    return request({ name: url.host, base: url.origin }, method, url.pathname + url.search, { ...options, tls });
  }

  // For openid-client. Each exchange is pushed to `log` as { url, answer }. The library
  // leaves the query of a redirect_uri out; `redirectUri` is sent instead (RFC 6749 §4.1.3).
  fetcher({ tls, log = [], redirectUri } = {}) {
    return async (input, init = {}) => {
      const url = input instanceof URL ? input.href : String(input);
      const headers = Object.fromEntries(new Headers(init.headers));
      if (redirectUri && init.body instanceof URLSearchParams && init.body.has('redirect_uri')) init.body.set('redirect_uri', redirectUri);
      const body = init.body === undefined || init.body === null ? undefined : String(init.body);
      if (init.body instanceof URLSearchParams)
        headers['content-type'] ??= 'application/x-www-form-urlencoded;charset=UTF-8';
      const answer = await this.call(init.method ?? 'GET', url, { headers, body, tls });
      log.push({ url, answer });
      const list = [];
      for (let i = 0; i < answer.rawHeaders.length; i += 2) list.push([answer.rawHeaders[i], answer.rawHeaders[i + 1]]);
      const empty = answer.status === 204 || answer.status === 304;
      return new Response(empty ? null : answer.bytes, { status: answer.status, headers: list });
    };
  }

  // Signature, issuer, audience, times of a JWT that the provider signed.
  async verify(jwt, { audience, alg, ...options } = {}) {
    return jose.jwtVerify(jwt, jose.createLocalJWKSet(await this.jwks()), {
      issuer: this.issuer,
      ...(audience ? { audience } : {}),
      ...(alg ? { algorithms: [alg] } : {}),
      ...options,
    });
  }
}
