// What stands before a node in weaken.test.mjs: a proxy that reads, a pipe and a tunnel that
// do not, and a server of a careless kind.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { demo } from '../lib/demo.mjs';

const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'upgrade', 'te', 'trailer', 'proxy-connection']);

// One exchange with the node, on the bytes as they are.
function exchange(upstream, agent, message) {
  return new Promise((done, fail) => {
    const headers = Object.fromEntries(Object.entries(message.headers).filter(([name]) => !HOP.has(name)));
    if (message.body.length > 0 || message.method === 'POST') headers['content-length'] = message.body.length;
    const call = https.request(
      { host: upstream.hostname, port: upstream.port, method: message.method, path: message.path, headers, agent, setHost: false },
      (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', fail);
        answer.on('end', () => done({ status: answer.statusCode, headers: { ...answer.headers }, body: Buffer.concat(chunks) }));
      },
    );
    call.on('error', fail);
    call.end(message.body);
  });
}

// A proxy on loopback before `node`; `weakness` may be empty. { target, close }
export async function proxy(node, weakness = {}) {
  const upstream = new URL(node.base);
  const agent = new https.Agent({ keepAlive: true, timeout: 2500, ca: demo().ca, servername: '', ...node.tls });
  const kept = {};
  const send = (message) => exchange(upstream, agent, message);
  const serve = async (incoming, outgoing) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const message = { method: incoming.method, path: incoming.url, headers: { ...incoming.headers }, body: Buffer.concat(chunks) };
    let answer = await weakness.request?.call(kept, message, upstream.host, send);
    answer ??= await send(message);
    await weakness.response?.call(kept, answer, message);
    const headers = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !HOP.has(name)));
    outgoing.writeHead(answer.status, { ...headers, 'content-length': answer.body.length });
    outgoing.end(incoming.method === 'HEAD' ? undefined : answer.body);
  };
  const limits = weakness.forgiving
    ? { insecureHTTPParser: true, maxHeaderSize: 4 << 20, headersTimeout: 0, requestTimeout: 0 }
    : { maxHeaderSize: 4 << 20 };
  const server = http.createServer({ ...limits, joinDuplicateHeaders: false }, (incoming, outgoing) => {
    serve(incoming, outgoing).catch((error) => {
      outgoing.destroy(error);
    });
  });
  server.on('clientError', (_, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    target: { ...node, name: `proxy of ${node.name}`, base: `http://127.0.0.1:${server.address().port}`, host: upstream.host, tls: undefined },
    close: () => {
      server.closeAllConnections();
      server.close();
      agent.destroy();
    },
  };
}

// The same without any reading of what passes: for checks of bytes.
export async function pipe(node) {
  const upstream = new URL(node.base);
  const sockets = new Set();
  const server = net.createServer((client) => {
    const up = tls.connect({ host: upstream.hostname, port: Number(upstream.port), ca: demo().ca });
    for (const socket of [client, up]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        up.destroy();
      });
    }
    client.pipe(up).pipe(client);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    target: { ...node, name: `pipe to ${node.name}`, base: `http://127.0.0.1:${server.address().port}`, host: upstream.host },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

// Bytes as they are, to and fro: TLS ends where it would. `slow({ most, count })`: how long
// a new connection waits when so many bytes came by one, and so many have come.
export async function tunnel(node, { slow } = {}) {
  const upstream = new URL(node.base);
  const sockets = new Set();
  let most = 0;
  let count = 0;
  const server = net.createServer({ pauseOnConnect: true }, async (client) => {
    client.on('error', () => {});
    if (slow) await new Promise((done) => setTimeout(done, slow({ most, count: ++count })));
    const up = net.connect({ host: upstream.hostname, port: Number(upstream.port) });
    let came = 0;
    client.on('data', (bytes) => (most = Math.max(most, (came += bytes.length))));
    for (const socket of [client, up]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        up.destroy();
      });
    }
    client.pipe(up).pipe(client);
    client.resume();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    target: { ...node, name: `tunnel to ${node.name}`, base: `${upstream.protocol}//127.0.0.1:${server.address().port}`, host: upstream.host },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

// A TLS server of a careless kind in front of `to`, or with `serve(socket)` instead of it.
export async function careless({ to, serve, ...options }) {
  const pki = join(demo().dir, 'pki');
  const sockets = new Set();
  const server = tls.createServer({ cert: readFileSync(join(pki, 'http.crt')), key: readFileSync(join(pki, 'http.key')), ...options }, (client) => {
    sockets.add(client);
    client.on('error', () => {});
    client.on('close', () => sockets.delete(client));
    if (serve && serve(client)) return;
    const up = tls.connect({ host: to.host, port: to.port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...to.tls });
    sockets.add(up);
    up.on('error', () => client.destroy());
    up.on('close', () => client.destroy());
    client.on('close', () => up.destroy());
    client.pipe(up).pipe(client);
  });
  server.on('tlsClientError', () => {});
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: server.address().port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
