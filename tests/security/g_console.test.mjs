// SECURITY_CHECKS G12: the staff console. Who may do what, by every role and with the ids of
// others; and the checks of D, E and F once more for its sign-in, sessions and pages.
import assert from 'node:assert/strict';
import { operator, word } from '../lib/admin.mjs';
import { check } from '../lib/checks.mjs';
import { until } from '../lib/demo.mjs';
import { addresses } from '../lib/html.mjs';
import { parseCookie } from '../lib/http.mjs';
import { addStaff, consoles, Desk, freshCode, ROLES } from '../lib/staff.mjs';

const SESSION = '__Host-tasuki_staff';
// The consoles themselves, balancer and nodes; behind a proxy, the proxy and the other nodes.
const places = { targets: () => [consoles().balancer, consoles().nodes[1]], place: 'console', timeout: 180000 };
const nodesBut = (target) => consoles().nodes.filter(({ id }) => id !== target.id);

// Forms that change something, and who may send them: all others are refused and recorded.
const FORMS = {
  '/staff/rp/edit': ['rp-admin'],
  '/staff/rp/stage': ['rp-admin'],
  '/staff/rp/retire': ['rp-admin'],
  '/staff/rp/secret': ['rp-admin'],
  '/staff/rps/import': ['rp-admin'],
  '/staff/people': ['staff-admin'],
  '/staff/people/add': ['staff-admin'],
  '/staff/operation': ['operator'],
};
// Pages that show what not everybody may see.
const PAGES = {
  '/staff/people': ['staff-admin', 'auditor'],
  '/staff/people/add': ['staff-admin'],
  '/staff/rps/import': ['rp-admin'],
  '/staff/rp/edit': ['rp-admin'],
  '/staff/operation': ['operator', 'auditor'],
  '/staff/audit': ['auditor', 'staff-admin'],
};

check('G12', 'each role does what it may, and nothing else; refusals are recorded', async ({ target, note }) => {
  const victim = await addStaff(['auditor']);
  let refused = 0;
  for (const role of ROLES) {
    const person = await addStaff([role]);
    const desk = await new Desk(target).signIn(person);
    for (const [path, may] of Object.entries(PAGES)) {
      const { status } = await desk.get(path);
      assert.equal(status, may.includes(role) ? 200 : 403, `${role}: GET ${path}`);
    }
    for (const [path, may] of Object.entries(FORMS)) {
      const ids = path.includes('people') ? [victim.id, person.id] : ['no-such-rp', '../people', victim.id];
      for (const id of may.includes(role) ? ['0'.repeat(32)] : ids) {
        const { status } = await desk.post(path, { id, generation: '1', revision: '1', what: 'roles', role: 'staff-admin', roles: 'staff-admin', to: 'live', json: '[]', client_id: id, name: `t-${word()}` });
        if (!may.includes(role)) {
          assert.equal(status, 403, `${role}: POST ${path} of ${id}`);
          refused++;
        } else assert.notEqual(status, 403, `${role}: POST ${path}`);
      }
    }
    const { json } = await operator(1, 'POST', '/v1/audit', { staff: person.name, event: 'staff.refused', limit: 10 });
    assert.ok(json.records.some(({ actor }) => actor === person.id), `${role}: the attempts are recorded`);
  }
  const { json } = await operator(1, 'GET', '/v1/staff');
  const found = (json.staff ?? json).find(({ id }) => id === victim.id);
  assert.deepEqual(found.roles, ['auditor'], 'and nothing came of it');
  note(`${ROLES.length} roles, ${refused} refusals`);
}, { ...places, targets: () => [consoles().balancer] });

check('G12', 'nobody raises oneself, and no id of another opens anything', async ({ target }) => {
  const [boss, person, other] = [await addStaff(['staff-admin']), await addStaff(['rp-admin']), await addStaff(['auditor'])];
  const [admin, desk, stranger] = [await new Desk(target).signIn(boss), await new Desk(target).signIn(person), await new Desk(target).signIn(other)];
  for (const fields of [
    { what: 'roles', role: 'staff-admin' }, { what: 'roles', roles: 'staff-admin' }, { what: 'enable' }, { what: 'seed' }, { what: 'password', password: `x ${word(12)}` }, { what: 'disable' },
  ])
    assert.equal((await desk.post('/staff/people', { id: person.id, generation: '1', ...fields })).status, 403, JSON.stringify(fields));
  const own = await admin.post('/staff/people', [['id', boss.id], ['generation', '1'], ['what', 'roles'], ['role', 'staff-admin'], ['role', 'rp-admin'], ['role', 'supervisor']]);
  assert.ok([403, 409, 422].includes(own.status), `an administrator of staff gives oneself roles: ${own.status}`);
  assert.equal((await admin.get('/staff/rp/edit')).status, 403, 'and has none of them');
  const page = await stranger.get('/staff/sessions');
  const id = page.body.match(/name="id" value="([0-9a-f]{32})"/)[1];
  assert.ok([404, 409].includes((await desk.post('/staff/sessions', { id })).status), "another's session");
  assert.equal((await stranger.get('/staff')).status, 200, 'which goes on');
  for (const made of ['0'.repeat(32), '../../x', '', 'x'.repeat(5000), `${id}'--`]) {
    const { status } = await desk.post('/staff/sessions', { id: made });
    assert.ok(status >= 400 && status < 500, `${made.slice(0, 10)}: ${status}`);
  }
  const lists = await desk.get('/staff/sessions');
  assert.ok(!lists.body.includes(id), 'nor is it listed');
}, places);

check('G12', 'sign-in: one answer for whatever is wrong, a code once, a lock on every node (D01, D03, E02)', async ({ target }) => {
  const person = await addStaff(['auditor']);
  const plain = (answer) => answer.body.replaceAll(/value="[^"]*"/g, '').replaceAll(/<p class="request">[^<]*<\/p>/g, '');
  const bodies = new Set();
  const code = await freshCode(person);
  for (const wrong of [{ name: `nobody-${word()}` }, { password: 'something else altogether' }, { code: '000000' }]) {
    const answer = await new Desk(target).attempt({ ...person, code, ...wrong });
    assert.equal(answer.status, 200);
    bodies.add(plain(answer));
  }
  assert.equal(bodies.size, 1, 'names are not told apart');
  assert.equal((await new Desk(target).attempt({ ...person, code })).status, 303);
  for (const place of [target, ...nodesBut(target)]) assert.equal((await new Desk(place).attempt({ ...person, code })).status, 200, `the same code again at ${place.name}`);
  // Guesses, over all nodes; then the right answers count for nothing.
  const locked = await addStaff(['auditor']);
  const round = [target, ...nodesBut(target)];
  for (let i = 0; i < 12; i++) {
    const answer = await new Desk(round[i % round.length]).attempt({ ...locked, password: 'a wrong one', code: '000000' });
    assert.equal(answer.status, 200);
  }
  for (const place of round) assert.equal((await new Desk(place).attempt({ ...locked, code: await freshCode({ ...locked }) })).status, 200, `locked at ${place.name}`);
}, places);

check('G12', 'sessions and forms: new id, dead everywhere after the end, no foreign form (D08, D10, D12, D15, F01)', async ({ target }) => {
  const person = await addStaff(['operator']);
  const planted = new Desk(target);
  planted.jar.cookies.set(SESSION, 'A'.repeat(80));
  await planted.form();
  const forged = planted.jar.cookies.get(SESSION);
  const answer = await planted.post('/staff/login', { name: person.name, password: person.password, code: await freshCode(person), next: 'https://evil.example/' });
  assert.equal(answer.status, 303);
  assert.equal(answer.location, '/staff', 'no way out by next (F08)');
  assert.notEqual(planted.jar.cookies.get(SESSION), forged, 'a new id');
  const set = answer.cookies.map(parseCookie).find(({ name }) => name === SESSION);
  assert.ok(set.attributes.secure && set.attributes.httponly && set.attributes.samesite === 'Strict' && set.attributes.path === '/' && !set.attributes.domain, 'its flags');
  await planted.form('/staff');
  const body = { what: 'retry', id: '1' };
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }])
    assert.equal((await planted.post('/staff/operation', body, { headers })).status, 403, JSON.stringify(headers));
  const other = await new Desk(target).signIn(await addStaff(['operator']));
  const { csrf } = planted;
  for (const wrong of ['', 'x'.repeat(43), other.csrf]) {
    planted.csrf = wrong;
    assert.equal((await planted.post('/staff/operation', body)).status, 403, `csrf ${wrong.slice(0, 4)}`);
  }
  planted.csrf = csrf;
  assert.notEqual((await planted.post('/staff/operation', body)).status, 403, 'its own is taken');
  const got = await planted.get(`/staff/logout?csrf=${csrf}`);
  assert.ok([404, 405].includes(got.status), `a GET signs nobody out: ${got.status}`);
  const kept = planted.jar.clone();
  assert.equal((await planted.post('/staff/logout')).status, 303);
  for (const place of [target, ...nodesBut(target)]) {
    await until(`${place.name} has heard of it`, async () => (await new Desk(place, kept.clone()).get('/staff/operation')).status === 302, { timeout: 2000, every: 10 })
      .catch(() => assert.fail(`the session lives at ${place.name}`));
  }
}, places);

check('G12', 'pages of the console: unframed, nothing inline, nothing from elsewhere (F02, F03, F04)', async ({ target }) => {
  const desk = await new Desk(target).signIn(await addStaff(['auditor', 'rp-admin', 'operator', 'staff-admin']));
  const names = ['/staff', '/staff/login', '/staff/sessions', '/staff/rps', '/staff/rp/edit', '/staff/people', '/staff/operation', '/staff/audit', '/staff/nothing', '/staff/password'];
  for (const path of names) {
    const page = await desk.get(path);
    if (!page.isHtml) continue;
    const policy = page.headers['content-security-policy'] ?? '';
    assert.match(policy, /frame-ancestors 'none'/, path);
    assert.match(policy, /default-src 'none'/, path);
    assert.ok(!/unsafe|\*/.test(policy), `${path}: ${policy}`);
    assert.equal(page.headers['x-frame-options'], 'DENY', path);
    assert.equal(page.headers['referrer-policy'], 'no-referrer', path);
    assert.equal(page.headers['x-content-type-options'], 'nosniff', path);
    assert.match(page.headers['cache-control'] ?? '', /no-store/, path);
    assert.ok(!/<script(?![^>]*\bsrc=)|\son\w+\s*=|\sstyle\s*=/i.test(page.body), `${path}: nothing inline`);
    for (const { tag, value } of addresses(page.body)) if (tag !== 'a') assert.ok(value.startsWith('/') && !value.startsWith('//'), `${path}: <${tag}> ${value}`);
  }
}, places);
