// `tasuki`: exit codes, what is tried at another node and what never is, what is read
// and shown.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { deadUrl, makePki, operatorPort, run, scratch } from './helper.mjs';

const CLI = process.env.TASUKI_CLI;
const pki = mkdtempSync(`${tmpdir()}/tasuki-cli-pki-`);
process.on('exit', () => rmSync(pki, { recursive: true, force: true }));
before(() => makePki(pki));

const connection = (...urls) => [
  ...urls.flatMap((url) => ['--url', url]),
  '--ca', `${pki}/ca.crt`, '--cert', `${pki}/operator.crt`, '--key', `${pki}/operator.key`,
];
const tasuki = (args, options) => run(CLI, args, options);
const ADD = ['rp', 'add', 'x', '--name', 'n', '--redirect-uri', 'https://rp.example/cb'];

const status = (id, leader, more = {}) => ({
  json: {
    node_id: id, leader_id: leader, term: 3, applied_index: 100 + id, staleness_ms: 12, ready: true,
    why_not_ready: '', cluster_id: 'ab', issuer: 'https://id.example/oauth/', environment: 'demo',
    digest: '0123456789abcdef', digest_index: 100,
    nodes: [1, 2].map((n) => ({
      id: n, region: n === 1 ? '東京' : 'osaka', leader: n === leader, connected: true, voter: true,
      seen_age_ms: 5, term: 3, applied_index: 99, staleness_ms: null, clock_offset_ms: -3, digest_differs: false,
    })),
    ...more,
  },
});

test('wrong usage is 64, with help that says more', async () => {
  for (const args of [[], ['frob'], ['status', '--frob'], ['rp', 'add'], ['account', 'add', 'a@b.example'],
    ['transfer', '--to', 'x'], ['status'], ['rp', 'list', '--url', 'http://127.0.0.1:1']]) {
    assert.equal((await tasuki(args)).code, 64, args.join(' '));
  }
  for (const args of [['--help'], ['status', '--help'], ['rp', 'import', '--help']]) {
    const { code, out } = await tasuki(args);
    assert.equal(code, 0);
    assert.match(out, /usage: tasuki/);
  }
});

test('a write goes to the next node when nothing of it was sent', async (t) => {
  const node = await operatorPort(t, pki, () => ({ json: { client_id: 'x', client_secret: 'shown-once' } }));
  const { code, out, err } = await tasuki([...ADD, ...connection(await deadUrl(), node.url)]);
  assert.equal(code, 0, err);
  assert.match(out, /shown-once/);
  assert.match(err, /trying the next/);
  assert.equal(node.seen.length, 1);
});

test('a write that may have arrived is never sent again', async (t) => {
  const first = await operatorPort(t, pki, () => 'drop');
  const second = await operatorPort(t, pki, () => ({ json: { client_id: 'x' } }));
  const { code, err } = await tasuki([...ADD, ...connection(first.url, second.url)]);
  assert.equal(code, 75);
  assert.match(err, /may have been done/);
  assert.equal(first.seen.length, 1);
  assert.equal(second.seen.length, 0);
});

test('503 of a write is 75, and not tried elsewhere', async (t) => {
  const first = await operatorPort(t, pki, () => ({ status: 503, json: { error: 'no leader' } }));
  const second = await operatorPort(t, pki, () => ({ json: {} }));
  const { code, err } = await tasuki([...ADD, ...connection(first.url, second.url)]);
  assert.equal(code, 75);
  assert.match(err, /no leader/);
  assert.equal(second.seen.length, 0);
});

test('a refusal is 1, with the node\'s reason', async (t) => {
  const node = await operatorPort(t, pki, () => ({ status: 422, json: { error: 'redirect_uris[0]: why' } }));
  const { code, out, err } = await tasuki([...ADD, ...connection(node.url)]);
  assert.equal(code, 1);
  assert.equal(out, '');
  assert.match(err, /redirect_uris\[0\]: why/);
});

test('no node is 69', async () => {
  assert.equal((await tasuki(['rp', 'list', ...connection(await deadUrl())])).code, 69);
});

test('a stranger\'s CA or certificate is not accepted', async (t) => {
  const other = scratch(t);
  await makePki(other);
  const node = await operatorPort(t, pki, () => ({ json: { clients: [] } }));
  const mixed = (ca, own) => ['rp', 'list', '--url', node.url, '--ca', `${ca}/ca.crt`,
    '--cert', `${own}/operator.crt`, '--key', `${own}/operator.key`];
  assert.notEqual((await tasuki(mixed(other, pki))).code, 0);
  assert.notEqual((await tasuki(mixed(pki, other))).code, 0);
  assert.equal(node.seen.length, 0);
  assert.equal((await tasuki(mixed(pki, pki))).code, 0);
});

test('the password is read, sent, and shown nowhere', async (t) => {
  const node = await operatorPort(t, pki, () => ({ json: { sub: '00ff', account_id: 'a@b.example' } }));
  const { code, out, err } = await tasuki(
    ['account', 'add', 'a@b.example', '--type', 'prime', ...connection(node.url)],
    { input: 'correct horse "battery"\n' },
  );
  assert.equal(code, 0, err);
  assert.deepEqual(node.seen[0].body, { account_id: 'a@b.example', type: 'prime', password: 'correct horse "battery"' });
  assert.doesNotMatch(out + err, /battery/);
  const empty = await tasuki(['account', 'add', 'a@b.example', '--type', 'prime', ...connection(node.url)]);
  assert.equal(empty.code, 64);
});

test('import: an array, or an object a line; goes on after a refusal', async (t) => {
  const answer = (method, path, body) => (body.client_id === 'bad'
    ? { status: 422, json: { error: 'no' } } : { json: { client_id: body.client_id } });
  for (const input of ['[{"client_id":"a"},{"client_id":"bad"},{"client_id":"b"}]',
    '{"client_id":"a"}\n{"client_id":"bad"}\n\n{"client_id":"b"}\n']) {
    const node = await operatorPort(t, pki, answer);
    const { code, err } = await tasuki(['rp', 'import', '-', '--replace', ...connection(node.url)], { input });
    assert.equal(code, 1);
    assert.match(err, /2 of 3/);
    assert.deepEqual(node.seen.map((request) => request.body.client_id), ['a', 'bad', 'b']);
    assert.ok(node.seen.every((request) => request.body.replace === true));
  }
  const node = await operatorPort(t, pki, answer);
  for (const input of ['', '{"client_id":', '{"client_id":"a","client_id":"b"}']) {
    const { code } = await tasuki(['rp', 'import', '-', ...connection(node.url)], { input });
    assert.equal(code, 64, input);
  }
  assert.equal(node.seen.length, 0);
});

test('transfer asks the node that leads', async (t) => {
  const follower = await operatorPort(t, pki, () => status(1, 2));
  const leader = await operatorPort(t, pki, (method) => (method === 'POST' ? { json: { leader_id: 1 } } : status(2, 2)));
  const { code, out } = await tasuki(['transfer', '--to', '1', ...connection(follower.url, leader.url)]);
  assert.equal(code, 0);
  assert.match(out, /node 1 leads now/);
  assert.deepEqual(leader.seen.at(-1), { method: 'POST', path: '/v1/transfer', body: { to: 1 } });
  assert.ok(follower.seen.every((request) => request.method === 'GET'));
});

test('status: 0 when all are ready, 1 when not; columns keep their place', async (t) => {
  const first = await operatorPort(t, pki, () => status(1, 2));
  const second = await operatorPort(t, pki, () => status(2, 2));
  const good = await tasuki(['status', ...connection(first.url, second.url)]);
  assert.equal(good.code, 0, good.out + good.err);
  const rows = good.out.split('\n').filter((line) => /^[12] /.test(line));
  assert.match(rows[0], /^1 {5}東京 {4}follower /);
  assert.match(rows[1], /^2 {5}osaka {3}leader /);
  const ill = await operatorPort(t, pki, () => status(2, 2, { ready: false, why_not_ready: 'too\x1b[2Jold' }));
  const bad = await tasuki(['status', ...connection(first.url, ill.url)]);
  assert.equal(bad.code, 1);
  assert.match(bad.out, /no \(too\?\[2Jold\)/);
  const json = await tasuki(['status', '--json', ...connection(first.url, await deadUrl())]);
  assert.equal(json.code, 1);
  assert.equal(JSON.parse(json.out).nodes[0].status.node_id, 1);
});

test('addresses come from a file as a shell would read it', async (t) => {
  const node = await operatorPort(t, pki, () => ({ json: { clients: [] } }));
  const dir = scratch(t);
  const file = `${dir}/it's env`;
  const text = `# made by hand\nexport TASUKI_CA='${pki}/ca.crt'\nTASUKI_OPERATOR_CERT="${pki}/operator.crt"\n` +
    `TASUKI_OPERATOR_KEY=${pki}/operator.key # comment\nTASUKI_OPERATOR_1='${node.url}/'\nOTHER='it'\\''s'\n`;
  writeFileSync(file, text);
  assert.equal((await tasuki(['rp', 'list', '--env', file])).code, 0);
  const config = `${dir}/tasuki`;
  writeFileSync(file, `${text}TASUKI_X=$(id)\n`);
  const { code, err } = await tasuki(['rp', 'list', '--env', file]);
  assert.equal(code, 64);
  assert.match(err, /:7: NAME=value/);
  assert.equal((await tasuki(['rp', 'list', '--env', config])).code, 64);
});
