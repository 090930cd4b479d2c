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

// DOMAIN 3.4: what was planned, and what the measured share of corporations makes of it.
test('staffing works out people, rooms and the pace of the farm', async () => {
  const ask = async (...args) => {
    const { code, out, err } = await tasuki(['staffing', ...args, '--json']);
    assert.equal(code, 0, err);
    return JSON.parse(out);
  };
  const planned = await ask('--volume', '100000', '--corporations', '96');
  assert.deepEqual([planned.scan, planned.review], [
    { persons: 15, room_day: 5250, room_month: 105000 }, { persons: 30, room_day: 600, room_month: 12000 }]);
  assert.deepEqual([planned.applications_day, planned.sheets_day], [5000, 15000]);
  const small = await ask('--volume', '20000', '--corporations', '96');
  assert.deepEqual([small.scan, small.review], [
    { persons: 3, room_day: 1050, room_month: 21000 }, { persons: 6, room_day: 120, room_month: 2400 }]);
  const measured = await ask('--volume', '100000');
  assert.deepEqual([measured.reviews_month, measured.review.persons], [22444, 57]);
  assert.equal((await ask('--volume', '100000', '--looks', '2')).review.persons, 113, 'two people look at each');
  assert.equal((await ask('--volume', '100000', '--corporations', '100')).farm_pace_ms, 6120, 'one in 6.1 s');
  const none = await ask('--volume', '1', '--corporations', '0', '--days', '31');
  assert.deepEqual([none.farm_month, none.farm_pace_ms, none.reviews_month, none.review.persons], [0, 0, 1, 1]);
  const most = await ask('--volume', '10000000', '--days', '1', '--scan', '1', '--review', '1', '--looks', '2', '--corporations', '100', '--defects', '99.99', '--misreads', '0.01');
  assert.deepEqual([most.reviews_month, most.scan.persons, most.review.persons], [10000000, 10000000, 20000000]);
  const { out } = await tasuki(['staffing', '--volume', '100000', '--corporations', '96']);
  assert.match(out, /review +30 persons, who manage 600 a day, 12000 a month/);
  for (const wrong of [[], ['--volume', '0'], ['--volume', '10000001'], ['--volume', '-1'], ['--volume', '1', 'x'], ['--volume', '1', '--days', '32'],
    ['--volume', '1', '--hours', '24.01'], ['--volume', '1', '--hours', '0.01'], ['--volume', '1', '--looks', '3'], ['--volume', '1', '--corporations', '100.01'], ['--volume', '1', '--defects', '1.234'],
    ['--volume', '1', '--defects', '.5'], ['--volume', '1', '--defects', '1.2.3'], ['--volume', '1', '--defects', '60', '--misreads', '41']]) {
    const { code, err } = await tasuki(['staffing', ...wrong]);
    assert.equal(code, 64, wrong.join(' '));
    assert.match(err, /--help/);
  }
});

test('wrong usage is 64, with help that says more', async () => {
  for (const args of [[], ['frob'], ['status', '--frob'], ['rp', 'add'], ['account', 'add', 'a@b.example'],
    ['transfer', '--to', 'x'], ['status'], ['rp', 'list', '--url', 'http://127.0.0.1:1']]) {
    assert.equal((await tasuki(args)).code, 64, args.join(' '));
  }
  for (const args of [['--help'], ['status', '--help'], ['rp', 'import', '--help'], ['node', '--help'], ['rp', '-h']]) {
    const { code, out } = await tasuki(args);
    assert.equal(code, 0);
    assert.match(out, /usage: tasuki/);
  }
});

const ZONES = ['UTC', 'America/New_York', 'Asia/Tokyo', 'X24', 'X-24'];
const MIDNIGHT = 1795964400000; // 2026-11-29T15:00:00Z, when Japan's 30th begins

test('what is typed is a time of Japan, in whatever zone the machine is', async (t) => {
  const node = await operatorPort(t, pki, (method, path) => ({ json: path === '/v1/audit' ? { records: [] } : { decisions: [] } }));
  const asked = async (TZ, ...args) => {
    const { code, err } = await tasuki([...args, ...connection(node.url)], { env: { TZ } });
    assert.equal(code, 0, err);
    const { from_ms: from, to_ms: to } = node.seen.at(-1).body;
    return [from, to];
  };
  for (const TZ of ZONES) {
    for (const command of [['audit', 'search'], ['decisions', 'export']])
      assert.deepEqual(await asked(TZ, ...command, '--from', '2026-11-30', '--to', '2026-11-30'), [MIDNIGHT, MIDNIGHT + 24 * 3600e3 - 1], `${command} in ${TZ}`);
    assert.deepEqual(await asked(TZ, 'audit', 'search', '--from', '2026-11-30 09:30', '--to', '2026-11-30T09:30:00'), [MIDNIGHT + 9.5 * 3600e3, MIDNIGHT + 9.5 * 3600e3 + 999], TZ);
    assert.deepEqual(await asked(TZ, 'audit', 'search', '--from', '2026-11-29T15:00:00Z', '--to', '2026-11-30 00:00'), [MIDNIGHT, MIDNIGHT + 59999], TZ);
  }
  const before = node.seen.length;
  for (const day of ['2027-02-30', '2026-11-31', '2027-13-01', '1969-12-31', 'today', '']) {
    for (const command of [['audit', 'search', '--from'], ['audit', 'search', '--to'], ['decisions', 'export', '--from'], ['decisions', 'export', '--to']]) {
      const { code, err } = await tasuki([...command, day, ...connection(node.url)]);
      assert.equal(code, 64, `${command} ${day}`);
      assert.match(err, /2027-04-01|2026-04-01/);
    }
  }
  assert.equal(node.seen.length, before);
});

test('what is printed is a time of Japan, in whatever zone the machine is', async (t) => {
  const answers = {
    '/v1/audit': { records: [{ seq: 7, time_ms: MIDNIGHT - 1, event: 'signin' }] },
    '/v1/keys': { keys: [{ kid: 'k', alg: 'RS256', state: 'active', activates_ms: MIDNIGHT - 1, retires_ms: MIDNIGHT, ends_ms: 0 }] },
    '/v1/outbox': { waiting: 1, dead: 0, dropped: 0, messages: [{ id: '1', client_id: 'x', state: 'waiting', attempts: 1, created_ms: MIDNIGHT - 1 }] },
    '/v1/accounts/factors': { factors: [{ factor: '00', kind: 'totp', label: 'a', created_ms: MIDNIGHT - 1, used_ms: 0 }] },
    '/v1/registration-tokens': { token: 'x', expires_ms: MIDNIGHT - 1 },
  };
  const node = await operatorPort(t, pki, (method, path) => ({ json: answers[path] }));
  for (const TZ of ZONES) {
    for (const [args, shown] of [
      [['audit'], / 2026-11-29 23:59:59 /],
      [['audit', 'show', '7'], /^time +2026-11-29 23:59:59$/m],
      [['key', 'list'], /2026-11-29 23:59:59 +2026-11-30 00:00:00 +-/],
      [['outbox'], /2026-11-29 23:59:59/],
      [['account', 'factor', 'list', 'a@b.example'], /created 2026-11-29 23:59, used never/],
      [['registration', 'token'], /until 2026-11-29 23:59 \(JST\)/],
    ]) {
      const { code, out, err } = await tasuki([...args, ...connection(node.url)], { env: { TZ } });
      assert.equal(code, 0, `${args}: ${err}`);
      assert.match(out, shown, `${args} in ${TZ}`);
    }
    const { out } = await tasuki(['audit', '--json', ...connection(node.url)], { env: { TZ } });
    assert.equal(JSON.parse(out)[0].time_ms, MIDNIGHT - 1, 'for machines it stays a number');
  }
});

test('intake: the day of the post is today in Japan', async (t) => {
  const node = await operatorPort(t, pki, () => ({ json: { result: 'added', bundles: 1, sorted: 1, open: [] } }));
  const folder = scratch(t);
  writeFileSync(`${folder}/a.tif`, 'II*');
  const today = () => new Date(Date.now() + 9 * 3600e3).toISOString().slice(0, 10);
  for (const TZ of ZONES) { // at X24 (UTC-24) it is never the same day as in Japan
    const days = [today()];
    const { code, err } = await tasuki(['intake', folder, ...connection(node.url)], { env: { TZ } });
    assert.equal(code, 0, err);
    days.push(today());
    const { body } = node.seen.findLast(({ path }) => path === '/v1/intake/batches');
    assert.ok(days.includes(body.received_on), `${body.received_on} in ${TZ}, not ${days}`);
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

test('staff add: roles are sent one by one, the password is shown nowhere, the seed is', async (t) => {
  const node = await operatorPort(t, pki, () => ({ json: { id: '00ff', name: 'hanako', totp_secret: 'MZXW6', totp_uri: 'otpauth://totp/x' } }));
  const { code, out, err } = await tasuki(
    ['staff', 'add', 'hanako', '--roles', 'auditor,staff-admin', ...connection(node.url)],
    { input: 'correct horse "battery"\n' },
  );
  assert.equal(code, 0, err);
  assert.deepEqual(node.seen[0].body, { name: 'hanako', password: 'correct horse "battery"', roles: ['auditor', 'staff-admin'] });
  assert.match(out, /MZXW6\notpauth:/);
  assert.doesNotMatch(out + err, /battery/);
  const without = await tasuki(['staff', 'add', 'hanako', ...connection(node.url)]);
  assert.equal(without.code, 64);
});

test('import: an array, or an object a line; all are checked before one is written', async (t) => {
  const answer = (method, path, body) => (body.client_id === 'bad'
    ? { status: 422, json: { error: 'no' } } : { json: { client_id: body.client_id } });
  for (const input of ['[{"client_id":"a"},{"client_id":"bad"},{"client_id":"b"}]',
    '{"client_id":"a"}\n{"client_id":"bad"}\n\n{"client_id":"b"}\n']) {
    const node = await operatorPort(t, pki, answer);
    const { code, err } = await tasuki(['rp', 'import', '-', '--replace', ...connection(node.url)], { input });
    assert.equal(code, 1);
    assert.match(err, /nothing was registered/);
    assert.deepEqual(node.seen.map((request) => request.body.client_id), ['a', 'bad', 'b']);
    assert.ok(node.seen.every((request) => request.body.replace === true && request.body.dry_run === true));
  }
  const good = await operatorPort(t, pki, answer);
  const done = await tasuki(['rp', 'import', '-', ...connection(good.url)], { input: '[{"client_id":"a"},{"client_id":"b"}]' });
  assert.equal(done.code, 0, done.err);
  assert.match(done.err, /2 of 2/);
  assert.deepEqual(good.seen.map((request) => [request.body.client_id, request.body.dry_run === true]), [['a', true], ['b', true], ['a', false], ['b', false]]);
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

// A cluster of one operator port, whose changes get settled after `looks` looks.
function members(ids, { looks = 1 } = {}) {
  const nodes = ids.map((id) => ({ id, address: `192.0.2.${id}:7101`, region: 'tokyo', role: 'voter', settled: true, voter: true, leader: id === 1, connected: true }));
  const state = { nodes, index: 10, pending: null, left: 0 };
  const begin = (node, role, done) => {
    Object.assign(node, { role, settled: false });
    state.pending = { node, done };
    state.left = looks;
    state.index += 1;
    return { json: { id: node.id, changed_index: state.index } };
  };
  const tick = () => {
    if (!state.pending || state.left-- > 0) return;
    const { node, done } = state.pending;
    state.pending = null;
    done(node);
  };
  const view = () => ({
    json: {
      node_id: 1, leader_id: 1, applied_index: state.index, nodes: state.nodes, leader_regions: ['tokyo'],
      member_change: state.pending ? `node ${state.pending.node.id} is being changed: it is not connected` : '',
    },
  });
  state.answer = (method, path, body) => {
    if (method === 'GET') {
      tick();
      return view();
    }
    if (state.pending) return { status: 409, json: { error: `another change is not settled: node ${state.pending.node.id} is being added; wait, or \`tasuki node remove ${state.pending.node.id}\`` } };
    if (path === '/v1/nodes') {
      const node = { ...body, connected: true, voter: false };
      state.nodes.push(node);
      return begin(node, 'joining', () => Object.assign(node, { role: 'standby', settled: true }));
    }
    const node = state.nodes.find((one) => one.id === body.id);
    if (!node) return { status: 404, json: { error: `id: there is no node ${body.id}` } };
    if (path === '/v1/nodes/promote') return begin(node, 'promoting', () => Object.assign(node, { role: 'voter', settled: true, voter: true }));
    return begin(node, 'leaving', () => { state.nodes = state.nodes.filter((one) => one !== node); });
  };
  return state;
}
const posts = (node) => node.seen.filter(({ method }) => method === 'POST').map(({ path, body }) => `${path} ${body.id}`);

test('node add waits until it is settled, and shows what for', async (t) => {
  const state = members([1, 2, 3]);
  const node = await operatorPort(t, pki, state.answer);
  const { code, out, err } = await tasuki(['node', 'add', '4', '192.0.2.4:7101', 'osaka', ...connection(node.url)]);
  assert.equal(code, 0, err);
  assert.match(out, /node 4: standby/);
  assert.equal(err.match(/node 4 is being changed: it is not connected/g).length, 1);
  assert.deepEqual(node.seen[0].body, { id: 4, address: '192.0.2.4:7101', region: 'osaka' });
  assert.equal((await tasuki(['node', 'promote', '4', ...connection(node.url)])).out, 'node 4: voter\n');
  assert.equal((await tasuki(['node', 'remove', '4', ...connection(node.url)])).out, 'node 4: removed\n');
  const list = await tasuki(['node', 'list', ...connection(node.url)]);
  assert.match(list.out, /^1 +192\.0\.2\.1:7101 +tokyo +voter \(leads\) +yes/m);
  assert.match(list.out, /leadership is preferred in: tokyo/);
});

test('a change that does not get done ends with 75, and goes on', async (t) => {
  const node = await operatorPort(t, pki, members([1, 2, 3], { looks: 1e9 }).answer);
  const { code, err } = await tasuki(['node', 'add', '4', '192.0.2.4:7101', 'osaka', '--within', '1', ...connection(node.url)]);
  assert.equal(code, 75);
  assert.match(err, /not standby after 1 s; the change goes on by itself/);
  const other = await tasuki(['node', 'remove', '2', ...connection(node.url)]);
  assert.equal(other.code, 1);
  assert.match(other.err, /node 4 is being added; wait, or `tasuki node remove 4`/);
});

test('a view older than the change proves nothing', async (t) => {
  const state = members([1, 2, 3], { looks: 0 });
  let looks = 0;
  const node = await operatorPort(t, pki, (method, path, body) => {
    const said = state.answer(method, path, body);
    // At first as if nothing had been asked: without node 2's end it still "is no member".
    if (method === 'GET' && looks++ < 2) return { json: { ...said.json, applied_index: 10, nodes: [] } };
    return said;
  });
  const { code } = await tasuki(['node', 'remove', '2', ...connection(node.url)]);
  assert.equal(code, 0);
  assert.ok(looks >= 3);
});

test('an addition that somebody ends is refused', async (t) => {
  const state = members([1, 2, 3], { looks: 1e9 });
  const node = await operatorPort(t, pki, (method, path, body) => {
    const said = state.answer(method, path, body);
    if (method === 'POST') state.nodes.at(-1).role = 'leaving';
    return said;
  });
  const { code, err } = await tasuki(['node', 'add', '4', '192.0.2.4:7101', 'osaka', ...connection(node.url)]);
  assert.equal(code, 1);
  assert.match(err, /another change took the place/);
});

test('--no-wait ends when the change is taken', async (t) => {
  const node = await operatorPort(t, pki, members([1, 2, 3]).answer);
  const { code, out } = await tasuki(['node', 'remove', '3', '--no-wait', '--json', ...connection(node.url)]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out), { id: 3, goal: 'gone', done: false });
  assert.equal(node.seen.length, 1);
});

test('replace: add, promote, remove; again from wherever it was cut', async (t) => {
  const REPLACE = ['node', 'replace', '2', '5', '192.0.2.5:7101', 'osaka'];
  const whole = ['/v1/nodes 5', '/v1/nodes/promote 5', '/v1/nodes/remove 2'];
  for (let cut = 0; cut <= 3; cut += 1) {
    const state = members([1, 2, 3]);
    const node = await operatorPort(t, pki, state.answer);
    if (cut > 0) await tasuki(['node', 'add', '5', '192.0.2.5:7101', 'osaka', '--no-wait', ...connection(node.url)]);
    if (cut > 1) {
      state.left = 0;
      await tasuki(['node', 'list', ...connection(node.url)]);
      await tasuki(['node', 'promote', '5', ...connection(node.url)]);
    }
    if (cut > 2) await tasuki(['node', 'remove', '2', '--no-wait', ...connection(node.url)]);
    const { code, out, err } = await tasuki([...REPLACE, ...connection(node.url)]);
    assert.equal(code, 0, err);
    assert.match(out, /node 5 has taken the place of node 2/);
    assert.deepEqual(posts(node), whole);
    assert.deepEqual(state.nodes.map(({ id, role }) => `${id} ${role}`), ['1 voter', '3 voter', '5 voter']);
    // And once more: nothing is left to be done.
    assert.equal((await tasuki([...REPLACE, ...connection(node.url)])).code, 0);
    assert.deepEqual(posts(node), whole);
  }
  const standby = members([1, 2, 3]);
  Object.assign(standby.nodes[1], { role: 'standby', voter: false });
  const node = await operatorPort(t, pki, standby.answer);
  assert.equal((await tasuki([...REPLACE, ...connection(node.url)])).code, 0);
  assert.deepEqual(posts(node), ['/v1/nodes 5', '/v1/nodes/remove 2']);
  const elsewhere = await tasuki(['node', 'replace', '1', '5', '192.0.2.6:7101', 'osaka', ...connection(node.url)]);
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.err, /node 5 is a member already, at 192\.0\.2\.5:7101/);
  const nobody = await tasuki(['node', 'replace', '8', '9', '192.0.2.6:7101', 'osaka', ...connection(node.url)]);
  assert.equal(nobody.code, 1);
  assert.match(nobody.err, /there is no node 8/);
});

test('leader prefer sends the regions in their order; wrong node commands are 64', async (t) => {
  const node = await operatorPort(t, pki, () => ({ json: { changed_index: 9 } }));
  const { code, out } = await tasuki(['leader', 'prefer', 'osaka', 'tokyo', ...connection(node.url)]);
  assert.equal(code, 0);
  assert.match(out, /preferred in: osaka, tokyo/);
  assert.deepEqual(node.seen[0], { method: 'POST', path: '/v1/leader-regions', body: { regions: ['osaka', 'tokyo'] } });
  assert.match((await tasuki(['leader', 'prefer', ...connection(node.url)])).out, /no preferred region/);
  assert.deepEqual(node.seen[1].body, {});
  for (const args of [['node', 'add', '4'], ['node', 'add', 'x', '192.0.2.4:1', 'r'], ['node', 'promote', '0'],
    ['node', 'remove', '1000000000000000000'], ['node', 'list', 'x'], ['node', 'remove', '2', '--within', '0'],
    ['node', 'replace', '1', '2', '192.0.2.4:1', 'r', '--no-wait']]) {
    assert.equal((await tasuki([...args, ...connection(node.url)])).code, 64, args.join(' '));
  }
  assert.equal(node.seen.length, 2);
});

test('status shows roles, the retained log and the change under way', async (t) => {
  const more = {
    trailing_frames: 1234, trailing_bytes: 5 * 1048576, trailing_bytes_max: 64 * 1048576, trailing_covers_ms: 723000,
    member_change: 'node 2 is being promoted: it is behind the log', leader_regions: ['osaka', 'tokyo'],
  };
  const said = status(1, 1, more);
  Object.assign(said.json.nodes[1], { role: 'promoting', connected: false, seen_age_ms: null });
  const node = await operatorPort(t, pki, () => said);
  const { out } = await tasuki(['status', ...connection(node.url)]);
  assert.match(out, /^2 +osaka +promoting /m);
  assert.match(out, /never seen/);
  assert.match(out, /retained log: 1234 frames, 5\.0 of 64 MiB; reaches back 12 min 3 s, full it covers an outage of 2 h 34 min at this load/);
  assert.match(out, /change: node 2 is being promoted: it is behind the log/);
  assert.match(out, /leadership is preferred in: osaka, tokyo/);
});
