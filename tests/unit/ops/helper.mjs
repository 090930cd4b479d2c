// helper: runs commands of ops/, and stands in for nodes' operator ports.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export function scratch(t) {
  const dir = mkdtempSync(join(tmpdir(), 'tasuki-ops-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

// { code, out, err } of a command; never more than 60 s.
export function run(command, args, { input = '', env = {}, cwd = ROOT } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { PATH: process.env.PATH, ...env }, timeout: 60000 });
    const chunks = { out: [], err: [] };
    child.stdout.on('data', (data) => chunks.out.push(data));
    child.stderr.on('data', (data) => chunks.err.push(data));
    child.on('error', reject);
    child.on('close', (code) => {
      const text = (list) => Buffer.concat(list).toString('utf8');
      resolve({ code, out: text(chunks.out), err: text(chunks.err) });
    });
    child.stdin.on('error', () => {}); // a command that does not read it
    child.stdin.end(input);
  });
}

export async function makePki(dir) {
  const pki = async (...args) => {
    const { code, err } = await run(`${ROOT}ops/pki`, args);
    if (code !== 0) throw new Error(err);
  };
  await pki('init', dir);
  await pki('operator', dir);
  await pki('http', dir, '--host', '127.0.0.1');
}

// A node's operator port; `answer(method, path, body)` gives { status, json } or
// 'drop' to close the connection after the request was read.
export async function operatorPort(t, pkiDir, answer) {
  const seen = [];
  const server = https.createServer(
    {
      cert: readFileSync(`${pkiDir}/http.crt`),
      key: readFileSync(`${pkiDir}/http.key`),
      ca: readFileSync(`${pkiDir}/ca.crt`),
      requestCert: true,
      rejectUnauthorized: true,
    },
    async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      const body = text ? JSON.parse(text) : null;
      seen.push({ method: request.method, path: request.url, body });
      const said = answer(request.method, request.url, body);
      if (said === 'drop') {
        request.socket.destroy();
        return;
      }
      response.writeHead(said.status ?? 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(said.json ?? {}));
    },
  );
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://127.0.0.1:${server.address().port}`, seen };
}

// An address where nobody listens.
export async function deadUrl() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `https://127.0.0.1:${port}`;
}
