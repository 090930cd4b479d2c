// The staff console over three nodes: its own listener, two factors, sessions that hold
// and end everywhere, and what each role may do (SECURITY D, F, G08, G12).
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addAccount, addClient, operator, word } from '../lib/admin.mjs';
import { demo, run, until } from '../lib/demo.mjs';
import { tokens } from '../lib/flow.mjs';
import { get, parseCookie, post } from '../lib/http.mjs';
import { sendFile } from '../lib/desk.mjs';
import { addStaff, consoles, Desk, freshCode, ROLES } from '../lib/staff.mjs';
import { join } from 'node:path';

const { balancer, nodes } = consoles();

test('G08: the console is on its own side alone, and asks nodes for the balancer', async () => {
  for (const target of [demo().balancer, ...demo().nodes]) {
    for (const path of ['/staff', '/staff/login', '/staff/rps']) assert.equal((await get(target, path)).status, 404, `${target.name} ${path}`);
    assert.equal((await post(target, '/staff/login', { form: { name: 'demo' } })).status, 404);
  }
  for (const path of ['/oauth/token', '/oauth/authorize', '/oauth/jwks', '/v1/status', '/metrics'])
    assert.equal((await get(balancer, path)).status, 404, path);
  for (const node of nodes) await assert.rejects(get({ ...node, tls: undefined }, '/staff/login', { fresh: true }), 'without a certificate');
});

test('cookies are __Host-, Strict and unseen by scripts; pages bring their policy', async () => {
  const person = await addStaff(['auditor']);
  const desk = new Desk(balancer);
  const page = await desk.form();
  assert.equal(page.status, 200);
  const answer = await desk.post('/staff/login', { ...person, code: await freshCode(person), next: 'https://evil.example/' });
  assert.equal(answer.status, 303);
  assert.equal(answer.location, '/staff', 'no redirect to elsewhere');
  const cookies = [...page.cookies, ...answer.cookies].map(parseCookie).filter((c) => c.name.startsWith('__Host-tasuki_staff'));
  assert.equal(cookies.length, 2);
  for (const { name, attributes } of cookies) {
    assert.equal(attributes.samesite, 'Strict', name);
    assert.ok(attributes.secure && attributes.httponly && attributes.path === '/' && !attributes.domain, name);
  }
  const home = await desk.get('/staff');
  assert.match(home.headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/);
  assert.equal(home.headers['cache-control'], 'no-store');
  assert.equal(home.headers['x-frame-options'], 'DENY');
});

test('D01, D15: one answer for whatever is wrong; a form of elsewhere is refused', async () => {
  const person = await addStaff(['auditor']);
  const code = await freshCode(person); // of who is refused, it is not spent
  const bodies = new Set();
  for (const wrong of [{ name: `nobody-${word()}` }, { password: 'something else altogether' }, { code: '000000' }]) {
    const answer = await new Desk(balancer).attempt({ ...person, code, ...wrong });
    assert.equal(answer.status, 200);
    bodies.add(answer.body.replaceAll(/value="[^"]*"/g, ''));
  }
  assert.equal(bodies.size, 1);
  const desk = new Desk(balancer);
  await desk.form();
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }])
    assert.equal((await desk.post('/staff/login', { ...person, code }, { headers })).status, 403);
  const other = new Desk(balancer);
  await other.form();
  other.csrf = desk.csrf;
  assert.equal((await other.post('/staff/login', { ...person, code })).status, 403, "another browser's form");
  assert.equal((await desk.post('/staff/login', { ...person, code })).status, 303, 'all else was right each time');
});

test('D08, D12: a session holds on every node and ends on every node; a code is good once', { timeout: 120000 }, async () => {
  const person = await addStaff(['operator']);
  const desk = new Desk(nodes[0]);
  await desk.form();
  const code = await freshCode(person);
  const before = desk.jar.clone();
  assert.equal((await desk.post('/staff/login', { ...person, code })).status, 303);
  for (const node of nodes) assert.equal((await desk.at(node).get('/staff/operation')).status, 200, node.name);
  const replay = new Desk(nodes[1]);
  assert.equal((await replay.attempt({ ...person, code })).status, 200, 'the same code elsewhere');
  assert.ok(!before.cookies.has('__Host-tasuki_staff'));
  await desk.form('/staff');
  const kept = desk.jar.clone();
  assert.equal((await desk.at(nodes[2]).post('/staff/logout')).status, 303);
  for (const node of nodes) {
    const look = () => new Desk(node, kept.clone()).get('/staff/operation');
    // Pages that only show are as new as the node, which is some milliseconds behind.
    const answer = await until(`${node.name} has heard of it`, async () => {
      const page = await look();
      return page.status === 302 && page;
    }, { timeout: 1000, every: 10 });
    assert.match(answer.location, /^\/staff\/login/);
  }
});

test('D16: who is disabled on one node does nothing more on another', { timeout: 120000 }, async () => {
  const boss = await addStaff(['staff-admin']);
  const person = await addStaff(['rp-admin']);
  const admin = await new Desk(nodes[0]).signIn(boss);
  const desk = await new Desk(nodes[1]).signIn(person);
  const change = { id: person.id, generation: '1', what: 'disable' };
  assert.equal((await admin.post('/staff/people', change)).status, 303);
  const edit = await desk.post('/staff/rp/edit', { client_id: `t-${word()}`, name: 'x', scopes: 'openid', redirect_uris: 'https://rp.example/' });
  assert.equal(edit.status, 303, 'at once, since what writes asks for the newest data');
  assert.match(edit.location, /^\/staff\/login/);
  assert.equal((await admin.post('/staff/people', { ...change, id: boss.id })).status, 409, 'nobody disables oneself');
});

// Each path with the roles that may; all others get 403, and a record (G12).
const PAGES = {
  '/staff': ROLES,
  '/staff/sessions': ROLES,
  '/staff/rps': ['rp-admin', 'operator', 'auditor', 'supervisor', 'help-desk'],
  '/staff/rp?id=jgrants': ['rp-admin', 'operator', 'auditor', 'supervisor', 'help-desk'],
  '/staff/rps/ministries': ['rp-admin', 'operator', 'auditor', 'supervisor', 'help-desk'],
  '/staff/rps.json': ['rp-admin', 'auditor'],
  '/staff/rp/edit': ['rp-admin'],
  '/staff/rps/import': ['rp-admin'],
  '/staff/people': ['staff-admin', 'auditor'],
  '/staff/people/add': ['staff-admin'],
  '/staff/operation': ['operator', 'auditor'],
  '/staff/audit': ['auditor', 'staff-admin'],
  '/staff/desk': ['auditor', 'intake', 'reviewer', 'approver', 'supervisor'],
  '/staff/intake': ['auditor', 'intake', 'supervisor'],
  '/staff/imports': ['auditor', 'reviewer', 'approver', 'supervisor'],
  '/staff/decisions.csv': ['auditor', 'approver', 'supervisor'],
};
const FORMS = {
  '/staff/rp/edit': ['rp-admin'],
  '/staff/rp/stage': ['rp-admin'],
  '/staff/rp/retire': ['rp-admin'],
  '/staff/rp/secret': ['rp-admin'],
  '/staff/rps/import': ['rp-admin'],
  '/staff/people': ['staff-admin'],
  '/staff/people/add': ['staff-admin'],
  '/staff/operation': ['operator'],
  '/staff/application/claim': ['reviewer', 'approver', 'supervisor'],
  '/staff/application/release': ['reviewer', 'approver', 'supervisor'],
  '/staff/application/decide': ['reviewer', 'approver', 'supervisor'],
  '/staff/application/return': ['intake', 'supervisor'],
  '/staff/intake/place': ['intake', 'supervisor'],
  '/staff/intake/upload': ['intake', 'supervisor'],
  '/staff/imports': ['reviewer', 'approver', 'supervisor'],
  '/staff/import': ['approver', 'supervisor'],
  '/staff/import/settle': ['approver', 'supervisor'],
};

test('G12: every page and form by every role, with ids of others', { timeout: 120000 }, async (t) => {
  const victim = await addStaff(['auditor']);
  const other = await new Desk(balancer).signIn(victim);
  for (const role of ROLES) {
    await t.test(role, async () => {
      const person = await addStaff([role]);
      const desk = await new Desk(balancer).signIn(person);
      for (const [path, may] of Object.entries(PAGES))
        assert.equal((await desk.get(path)).status, may.includes(role) ? 200 : 403, `GET ${path}`);
      for (const [path, may] of Object.entries(FORMS)) {
        const fields = { id: path.includes('people') ? victim.id : 'no-such-rp', generation: '99', what: 'roles', role: 'staff-admin' };
        const { status } = await desk.post(path, fields);
        assert.ok(may.includes(role) ? [404, 409, 422].includes(status) : status === 403, `POST ${path}: ${status}`);
      }
      const { json } = await operator(1, 'POST', '/v1/audit', { staff: person.name, event: 'staff.refused', limit: 100 });
      // One by one at first, then by their number in each minute.
      if (role !== 'rp-admin') assert.ok(json.records.some((r) => r.actor === person.id), 'the attempts are recorded');
      const session = await desk.get('/staff/sessions');
      const id = session.body.match(/name="id" value="([0-9a-f]{32})"/)[1];
      assert.equal((await other.post('/staff/sessions', { id })).status, 404, "another's session");
      assert.equal((await desk.get('/staff')).status, 200);
    });
  }
});

test('an RP from application to retirement, in pages; its acts are in the audit', { timeout: 120000 }, async () => {
  const person = await addStaff(['rp-admin']);
  const desk = await new Desk(balancer).signIn(person);
  const id = `t-console-${word()}`;
  const form = [['client_id', id], ['name', '試験用'], ['scopes', 'openid'], ['profile', 'standard'], ['auth', 'basic'], ['alg', 'RS256'], ['stage', 'applied']];
  const refused = await desk.post('/staff/rp/edit', [...form, ['redirect_uris', 'http://rp.example/']]);
  assert.equal(refused.status, 422);
  assert.match(refused.body, /redirect_uris\[0\]/);
  const made = await desk.post('/staff/rp/edit', [...form, ['redirect_uris', 'https://rp.example/cb']]);
  assert.equal(made.status, 200);
  const secret = made.body.match(/id="secret">([^<]+)</)[1];
  assert.equal((await desk.get(`/staff/rp?id=${id}`)).body.includes(secret), false, 'shown once');
  let revision = 1;
  for (const to of ['in_verification', 'approved', 'live']) {
    const moved = await desk.post('/staff/rp/stage', { id, to, revision: String(revision++) });
    assert.equal(moved.status, 303, to);
  }
  assert.equal((await desk.post('/staff/rp/stage', { id, to: 'approved', revision: String(revision) })).status, 409);
  // The next page shows the change, whichever node makes it: the cookie names its index.
  for (let i = 0; i < 12; i++) {
    const target = nodes[i % 3];
    await desk.at(target).post('/staff/rp/stage', { id, to: i % 2 === 0 ? 'suspended' : 'live', revision: String(revision++) });
    const page = await desk.at(nodes[(i + 1) % 3]).get(`/staff/rp?id=${id}`);
    assert.equal(page.status, 200);
    assert.ok(page.body.includes(`stage-${i % 2 === 0 ? 'suspended' : 'live'}`), `change ${i} on the next node`);
  }
  const rotated = await desk.post('/staff/rp/secret', { id, revision: String(revision++), overlap_days: '7' });
  const next = rotated.body.match(/id="secret">([^<]+)</)[1];
  for (const good of [secret, next]) {
    const auth = `Basic ${Buffer.from(`${id}:${good}`).toString('base64')}`;
    const answer = await post(demo().balancer, '/oauth/token', { form: { grant_type: 'authorization_code', code: 'x', redirect_uri: 'https://rp.example/cb' }, headers: { authorization: auth } });
    assert.equal(answer.json.error, 'invalid_grant', 'both secrets are the client');
  }
  assert.equal((await desk.post('/staff/rp/retire', { id, revision: String(revision) })).status, 303);
  const { json } = await operator(2, 'POST', '/v1/audit', { client_id: id, limit: 100 });
  const acts = json.records.filter((r) => r.actor_kind === 'staff' && r.actor === person.id).map((r) => r.event);
  assert.ok(acts.length >= 6, `recorded as the person's: ${acts}`);
});

// What the preview sends on.
const unescape = (text) => text.replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
const kept = (page) => unescape(page.body.match(/name="file" value="([^"]*)"/)?.[1] ?? '');

test('what is exported is imported again; a wrong entry stops all', { timeout: 120000 }, async () => {
  const person = await addStaff(['rp-admin']);
  const desk = await new Desk(balancer).signIn(person);
  const exported = await desk.get('/staff/rps.json');
  assert.match(exported.headers['content-disposition'], /attachment; filename="relying-parties.json"/);
  const one = { ...exported.json.find((rp) => rp.auth === 'basic'), client_id: `t-import-${word()}` };
  const wrong = { ...one, client_id: `t-import-${word()}`, scopes: [] };
  const send = (list, fields = {}) => sendFile(desk, '/staff/rps/import', fields, 'rps.json', typeof list === 'string' ? list : JSON.stringify(list));
  for (const fields of [{}, { confirm: '1' }, { replace: '1' }]) {
    const refused = await send([one, wrong], fields);
    assert.equal(refused.status, 422);
    assert.equal(/name="replace" value="1" checked/.test(refused.body), 'replace' in fields, 'what was chosen is chosen again');
    assert.ok(refused.body.includes(wrong.client_id) && /scopes/.test(refused.body));
    assert.doesNotMatch(refused.body, /name="confirm"/);
  }
  const seen = await send([one]);
  assert.equal(seen.status, 200);
  assert.equal((await desk.get(`/staff/rp?id=${one.client_id}`)).status, 404, 'nothing is written by looking');
  const taken = await send(kept(seen), { confirm: '1' });
  assert.equal(taken.status, 200);
  assert.match(taken.body, /<code class="secret">[A-Za-z0-9_-]{43}</, 'the secret that was drawn');
  assert.equal((await desk.get(`/staff/rp?id=${one.client_id}`)).status, 200);

  // What changes is named, with both values; who was quicker is not undone.
  const other = { ...one, name: 'いままでと別の名', redirect_uris: ['https://rp.example/other'] };
  assert.equal((await send([other])).status, 422, 'it exists');
  const changed = await send([other], { replace: '1' });
  for (const text of [one.name, other.name, 'https://rp.example/other']) assert.ok(changed.body.includes(text), text);
  assert.equal((await send(kept(changed), { confirm: '1' })).status, 200);
  const late = await send(kept(changed), { confirm: '1' });
  assert.equal(late.status, 422);
  assert.match(late.body, /has changed meanwhile/);
  const same = await send([other], { replace: '1' });
  assert.equal(same.status, 200);
  assert.doesNotMatch(same.body, /name="confirm"/, 'nothing is left to do');
});

test('a registry of hundreds by page; its bound; other paths keep theirs', { timeout: 180000 }, async () => {
  const desk = await new Desk(balancer).signIn(await addStaff(['rp-admin']));
  const one = { ...(await desk.get('/staff/rps.json')).json.find((rp) => rp.auth === 'basic') };
  const prefix = `t-many-${word()}`;
  const many = Array.from({ length: 300 }, (_, i) => ({ ...one, client_id: `${prefix}-${i}`, name: `検証用サービス 第${i}号`, redirect_uris: Array.from({ length: 6 }, (_u, n) => `https://rp${i}.example/callback/${n}/${'x'.repeat(200)}`) }));
  const send = (bytes, fields = {}, path = '/staff/rps/import') => sendFile(desk, path, fields, 'rps.json', bytes);
  const text = JSON.stringify(many, null, 2);
  assert.ok(text.length > 500000);
  const seen = await send(text);
  assert.equal(seen.status, 200);
  assert.equal(seen.body.match(new RegExp(`<code>${prefix}-`, 'g')).length, 300);
  const taken = await send(kept(seen), { confirm: '1' });
  assert.equal(taken.status, 200);
  // A busy machine may not write all in one request: what is left is done by the next.
  for (let left = /role="alert"><p class="alert-title"/.test(taken.body), tries = 0; left && tries < 10; tries++) {
    const more = await send(kept(await send(text, { replace: '1' })), { confirm: '1' });
    left = more.status !== 200 || /role="alert"><p class="alert-title"/.test(more.body);
  }
  const list = (await desk.get('/staff/rps.json')).json;
  assert.equal(list.filter((rp) => rp.client_id.startsWith(prefix)).length, 300);

  const large = Buffer.alloc(4 * 1024 * 1024 + 1, ' ');
  assert.equal((await send(large)).status, 422, 'over the bound, and it says so');
  assert.equal((await send(Buffer.alloc(70000, ' '), { step: 'part' }, '/staff/intake/upload')).status, 413);
  for (const bad of ['', '[', '{}', '[1]', '[[]]', `[${'['.repeat(5000)}`, '[{"client_id":"a","client_id":"b"}]'])
    assert.equal((await send(bad)).status, 422, bad.slice(0, 20));
});

test('ops/demo has an account for each role, and tells its code', async () => {
  const { env, dir, binDir } = demo();
  assert.ok(binDir);
  for (const role of ROLES) assert.equal(env[`TASUKI_STAFF_${role.replaceAll('-', '_').toUpperCase()}_USER`], role);
  await until('a step that lasts', async () => Date.now() % 30000 < 25000);
  const told = await run(join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../ops/demo'), ['code', 'auditor', '--dir', dir]);
  assert.match(told.stdout, /^[0-9]{6}\n$/);
  const answer = await new Desk(balancer).attempt({ name: 'auditor', password: env.TASUKI_STAFF_AUDITOR_PASSWORD, code: told.stdout.trim() });
  assert.equal(answer.status, 303);
});

test('the audit is searched by account, relying party, staff and time, in the console and by the command', async () => {
  const today = () => new Date(Date.now() + 9 * 3600000).toISOString().slice(0, 10); // Japan's
  const from = today();
  const [rp, account, person] = [await addClient({ name: 'audited' }), await addAccount({ name: 'audited' }), await addStaff(['auditor'])];
  await tokens(demo().nodes[1], rp, account);
  const desk = new Desk(balancer);
  await desk.signIn(person);
  const page = async (query) => [...(await desk.get(`/staff/audit?search=1&${new URLSearchParams(query)}`)).body.matchAll(/<td><code>([a-z_.]+)<\/code><\/td>/g)].map((match) => match[1]);
  const told = async (words, env) => {
    const { code, stdout, stderr } = await run(join(demo().binDir, 'tasuki'), ['audit', 'search', ...words, '--env', demo().file], { env });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const command = async (words, env) => JSON.parse(await told([...words, '--json'], env)).map((record) => record.event);
  const ways = [
    ['account', { account: account.id }, ['--account', account.id], ['account.created', 'signin']],
    ['relying party', { client_id: rp.clientId }, ['--rp', rp.clientId], ['client.created', 'signin']],
    ['staff', { staff: person.name }, ['--staff', person.name], ['staff.created', 'staff.signin']],
    ['account and time', { account: account.id, from, to: today() }, ['--account', account.id, '--from', from, '--to', today()], ['account.created', 'signin']],
  ];
  for (const [what, query, words, events] of ways) {
    for (const found of [await until(`the console finds by ${what}`, async () => {
      const seen = await page(query);
      return events.every((event) => seen.includes(event)) && seen;
    }), await command(words)]) for (const event of events) assert.ok(found.includes(event), `${what}: ${event} in ${found}`);
  }
  for (const [query, words] of [
    [{ account: `nobody-${word()}@example.test` }, ['--account', `nobody-${word()}@example.test`]],
    [{ staff: `nobody-${word()}` }, ['--staff', `nobody-${word()}`]],
    [{ account: account.id, from: '2099-01-01' }, ['--account', account.id, '--from', '2099-01-01']],
    [{ account: account.id, to: '2001-01-01' }, ['--account', account.id, '--to', '2001-01-01']],
  ]) {
    assert.deepEqual(await page(query), [], JSON.stringify(query));
    assert.deepEqual(await command(words), [], words.join(' '));
  }
  // A day is Japan's wherever the command runs; at X24 (UTC-24) it is never that day.
  const [words, all] = ways.at(-1).slice(2);
  const [shown] = (await desk.get(`/staff/audit?search=1&${new URLSearchParams(ways.at(-1)[1])}&event=account.created`)).body.match(/\d{4}-\d\d-\d\d \d\d:\d\d/);
  for (const TZ of ['UTC', 'America/New_York', 'X24', 'X-24']) {
    const found = await command(words, { TZ });
    for (const event of all) assert.ok(found.includes(event), `${TZ}: ${event} in ${found}`);
    assert.match(await told(['--account', account.id, '--event', 'account.created'], { TZ }), new RegExp(` ${shown}:\\d\\d `), TZ);
  }
});
