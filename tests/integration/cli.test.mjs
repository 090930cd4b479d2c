// The operator's command `tasuki`: what it prints, as JSON and for people, and its
// exit codes.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PROFILE, word } from '../lib/admin.mjs';
import { demo, run } from '../lib/demo.mjs';
import { redeem, signIn } from '../lib/flow.mjs';
import { leader, whole } from '../lib/leader.mjs';
import { note } from '../lib/secrets.mjs';
import { consoles, Desk } from '../lib/staff.mjs';

const EXIT = { done: 0, refused: 1, usage: 64, unreachable: 69 };
const dir = mkdtempSync(join(tmpdir(), 'tasuki-cli-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const tasuki = (args, options) => run(join(demo().binDir, 'tasuki'), [...args, '--env', demo().file], options);
const json = async (...args) => {
  const result = await tasuki([...args, '--json']);
  assert.equal(result.code, EXIT.done, result.stderr);
  return JSON.parse(result.stdout);
};

test('status: every node, leader, term, index, staleness, digest', async () => {
  await whole();
  const { nodes } = await json('status');
  assert.equal(nodes.length, demo().nodes.length);
  for (const { url, status } of nodes) {
    assert.match(url, /^https:/);
    assert.equal(status.ready, true);
    for (const name of ['node_id', 'leader_id', 'term', 'applied_index', 'staleness_ms']) assert.equal(typeof status[name], 'number', name);
    assert.match(status.digest, /^[0-9a-f]{32}$/);
    assert.ok(status.staleness_ms < 3000);
    assert.equal(status.nodes.length, demo().nodes.length);
    assert.equal(status.cluster_id, demo().clusterId);
  }
  assert.equal(new Set(nodes.map((n) => n.status.leader_id)).size, 1);
  const human = await tasuki(['status']);
  assert.equal(human.code, EXIT.done, human.stdout + human.stderr);
  assert.match(human.stdout, /leader/);
  assert.equal(human.stdout.match(/follower/g).length, 2);
});

test('rp add, rp list: the secret is shown once, and works', async () => {
  const id = `cli-${word()}`;
  const redirectUri = 'https://cli.example.test/cb?x=1';
  const added = await json('rp', 'add', id, '--name', '試験', '--redirect-uri', redirectUri, '--scope', 'openid email', '--alg', 'ES256', '--government', '--ministry', '総務省', '--start-month', '2020-09');
  note(added.client_secret);
  assert.equal(added.client_id, id);
  assert.ok(added.client_secret.length >= 43);
  const { clients } = await json('rp', 'list');
  const listed = clients.find((c) => c.client_id === id);
  assert.equal(listed.name, '試験');
  assert.deepEqual(listed.redirect_uris, [redirectUri]);
  assert.deepEqual(listed.scopes, ['openid', 'email']);
  assert.equal(listed.alg, 'ES256');
  assert.ok(!JSON.stringify(clients).includes(added.client_secret), 'it is not shown again');
  assert.ok(!/secret/i.test(Object.keys(listed).join(' ')));
  const again = await tasuki(['rp', 'add', id, '--name', 'x', '--redirect-uri', redirectUri]);
  assert.equal(again.code, EXIT.refused);
  assert.match(again.stderr, /already/);
  const rp = { clientId: id, secret: added.client_secret, auth: 'basic', redirectUri };
  const { code } = await signIn(demo().nodes[0], rp, { id: demo().prime, password: demo().password }, { params: { scope: 'openid' } });
  const answer = await redeem(demo().nodes[1], rp, code);
  assert.equal(answer.status, 200, answer.body);
});

test('rp add refuses what must not be registered, and says why', async () => {
  const bad = {
    'http://cli.example.test/cb': /http/,
    'https://cli.example.test/cb#f': /fragment|characters/,
    'https://*.example.test/cb': /wildcard|host/,
    'https://user@cli.example.test/cb': /user|host/,
    'https://cli.example.test/../cb': /dot/,
    'javascript:alert(1)': /https/,
    'https://CLI.example.test/cb': /lower/,
  };
  for (const [uri, why] of Object.entries(bad)) {
    const result = await tasuki(['rp', 'add', `cli-${word()}`, '--name', 'x', '--redirect-uri', uri]);
    assert.equal(result.code, EXIT.refused, `${uri}: ${result.stdout}`);
    assert.match(result.stderr, why, uri);
  }
});

test('account add: with a password file, a profile and a parent', async () => {
  const id = `cli-${word()}@example.test`;
  const password = note(`cli ${word(12)} password`);
  const files = { password: join(dir, 'password'), profile: join(dir, 'profile.json') };
  writeFileSync(files.password, `${password}\n`, { mode: 0o600 });
  writeFileSync(files.profile, JSON.stringify(PROFILE));
  const added = await json('account', 'add', id, '--type', 'prime', '--profile', files.profile, '--password-file', files.password);
  assert.match(added.sub, /^[0-9a-f]{32}$/);
  const member = await json('account', 'add', `m-${id}`, '--type', 'member', '--parent', id, '--profile', files.profile, '--password-file', files.password);
  assert.notEqual(member.sub, added.sub);
  const again = await tasuki(['account', 'add', id.toUpperCase(), '--type', 'prime', '--profile', files.profile, '--password-file', files.password]);
  assert.equal(again.code, EXIT.refused, 'one account per ID, whatever its case');
  for (const [args, why] of [
    [['account', 'add', 'nonsense', '--type', 'prime', '--profile', files.profile, '--password-file', files.password], /account_id/],
    [['account', 'add', `x-${id}`, '--type', 'member', '--profile', files.profile, '--password-file', files.password], /parent/],
    [['account', 'add', `x-${id}`, '--type', 'king', '--profile', files.profile, '--password-file', files.password], /type/],
  ]) {
    const result = await tasuki(args);
    assert.notEqual(result.code, EXIT.done, args.join(' '));
    assert.match(result.stderr, why);
  }
  writeFileSync(files.password, 'short\n');
  const short = await tasuki(['account', 'add', `y-${id}`, '--type', 'prime', '--profile', files.profile, '--password-file', files.password]);
  assert.equal(short.code, EXIT.refused);
  assert.match(short.stderr, /password/);
  assert.ok(!short.stderr.includes('short\n'), 'the password is not repeated');
});

test('staff: added, listed, changed; one that is disabled signs in no more', { timeout: 180000 }, async () => {
  const name = `cli-${word()}`, file = join(dir, 'staff-password');
  const password = note(`staff ${word(12)} pass`);
  writeFileSync(file, `${password}\n`);
  const { totp_secret: secret, id } = await json('staff', 'add', name, '--roles', 'operator,auditor', '--password-file', file);
  const person = { id, name, password, secret: note(secret), usedStep: 0 };
  const row = async () => (await json('staff', 'list')).staff.find((s) => s.name === name);
  assert.deepEqual((await row()).roles, ['operator', 'auditor']);
  const [node] = consoles().nodes;
  const desk = await new Desk(node).signIn(person);
  assert.equal((await desk.get('/staff/operation')).status, 200);
  await json('staff', 'change', name, '--roles', 'auditor', '--disable');
  assert.deepEqual(await row(), { ...(await row()), roles: ['auditor'], active: false });
  await whole();
  assert.match((await desk.get('/staff/operation')).location ?? '', /^\/staff\/login/, 'signed out');
  const { totp_secret: fresh } = await json('staff', 'change', name, '--enable', '--new-secret');
  assert.notEqual(note(fresh), secret);
  await whole();
  await assert.rejects(new Desk(node).signIn(person), 'the old secret makes no codes any more');
  await new Desk(node).signIn({ ...person, secret: fresh });
  assert.match((await tasuki(['staff', 'list'])).stdout, new RegExp(`${name} +auditor +active`));
  for (const [args, why] of [
    [['staff', 'change', name], /a change/],
    [['staff', 'change', name, '--disable', '--enable'], /a change/],
    [['staff', 'change', `no-${name}`, '--disable'], /no staff account/],
    [['staff', 'change', name, '--roles', 'emperor'], /roles/],
  ]) {
    const result = await tasuki(args);
    assert.notEqual(result.code, EXIT.done, args.join(' '));
    assert.match(result.stderr, why);
  }
});

test('transfer moves leadership', async () => {
  const from = await leader();
  const to = demo().nodes.find((n) => n.id !== from).id;
  const result = await tasuki(['transfer', '--json', '--to', String(to)]);
  const plain = result.code === EXIT.usage ? await tasuki(['transfer', '--json', String(to)]) : result;
  assert.equal(plain.code, EXIT.done, plain.stderr);
  assert.equal(await leader(), to);
  await whole();
});

test('wrong usage, unreachable nodes, a stranger without certificate', async () => {
  assert.equal((await tasuki(['nonsense'])).code, EXIT.usage);
  assert.equal((await tasuki(['status', '--nonsense'])).code, EXIT.usage);
  assert.equal((await run(join(demo().binDir, 'tasuki'), ['--help'])).code, EXIT.done);
  const nowhere = await run(join(demo().binDir, 'tasuki'), ['rp', 'list', '--url', 'https://127.0.0.1:9', '--ca', demo().caFile, '--cert', demo().need('TASUKI_OPERATOR_CERT'), '--key', demo().need('TASUKI_OPERATOR_KEY')], { env: { HOME: dir } });
  assert.equal(nowhere.code, EXIT.unreachable, nowhere.stderr);
  assert.match(nowhere.stderr, /127\.0\.0\.1.*\b9\b/);
});
