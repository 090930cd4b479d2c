// The reviewers' desk over three nodes: who takes what, who decides, what one person may
// not do alone, what the applicant is told, and what is recorded of it.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { operator } from '../lib/admin.mjs';
import { Center, claimOf, decide } from '../lib/desk.mjs';
import { lastMail, linkOf } from '../lib/messages.mjs';
import { count, tally, volley } from '../lib/race.mjs';
import { sheet, tiff } from '../lib/tiff.mjs';

const center = await Center.make('desk');
after(() => center.close());
const anna = await center.person(['reviewer'], 1);
const ben = await center.person(['reviewer', 'approver'], 2);
const chie = await center.person(['supervisor'], 3);

const audit = async (event) => (await operator(1, 'POST', '/v1/audit', { event, limit: 100 })).json.records;

test('what was typed is shown to who has taken it, and to nobody by the way', async () => {
  const [one] = await center.atDesk(0, 1, {
    evidence: () => ({
      pages: [{ scan: 0, index: 0, kind: 'form' }, { scan: 0, index: 1, kind: 'certificate' }],
      fields: [
        { field: 'form_number', text: '7000012050002' },
        { field: 'cert_name', text: '山木千尋', verdict: 'differs', page: 1 },
        { field: 'cert_seal', confidence: 0.81, page: 1 },
      ],
    }),
  });
  const before = await anna.get(`/staff/application?id=${one.id}`);
  assert.equal(before.status, 200);
  for (const secret of ['襷株式会社', '千尋', one.profile.email]) assert.ok(!before.body.includes(secret), secret);
  assert.equal((await anna.post('/staff/application/claim', { id: one.id })).location, `/staff/application?id=${one.id}`);
  const page = await anna.get(`/staff/application?id=${one.id}`);
  for (const shown of ['襷株式会社', one.profile.email, '7000012050002']) assert.ok(page.body.includes(shown), shown);
  assert.match(page.body, /<mark>本<\/mark>/, 'the typed character that differs');
  assert.match(page.body, /<mark>木<\/mark>/, 'the one that was read');
  assert.match(page.body, /0\.81/, "the seals' score, as evidence");
  assert.ok(!(await ben.get(`/staff/application?id=${one.id}`)).body.includes('千尋'), 'for another reviewer it is closed');
  const seen = await chie.get(`/staff/application?id=${one.id}`);
  assert.ok(seen.body.includes('千尋'), 'a supervisor may look');
  const looks = (await audit('staff.read')).filter(({ note }) => note === one.id);
  assert.equal(looks.length, 1, 'and that is recorded');
  assert.match((await decide(anna, one.id, 'hold', { note: '印影を確かめる' })).location, /on_hold/);
});

test('one person does where the farm agrees: the letter goes out with its link', async () => {
  const [one] = await center.atDesk(10, 1, { verdict: 'OK' });
  const answer = await decide(anna, one.id, 'approve');
  assert.equal(answer.location, `/staff/application?id=${one.id}&notice=approved`);
  assert.equal(await center.stateOf(ben, one.id), '未完了（承認済み）');
  const mail = await lastMail(one.profile.email, { sinks: center.sinks, match: /承認/ });
  assert.match(linkOf(mail), /\/activate\?token=[A-Za-z0-9_-]{43}$/);
});

test('a denial names its defects, several at once, and the applicant is told them', async () => {
  const [one] = await center.atDesk(20, 1, { verdict: 'NG' });
  const empty = await decide(anna, one.id, 'deny');
  assert.equal(empty.status, 422);
  assert.match(empty.body, /不備の区分/);
  const answer = await decide(anna, one.id, 'deny', { defects: ['cert_expired', 'form_differs'], note: '発行日が古い' });
  assert.equal(answer.location, `/staff/application?id=${one.id}&notice=denied`);
  const mail = await lastMail(one.profile.email, { sinks: center.sinks, match: /確認/ });
  assert.match(mail.text, /有効期限/);
  assert.match(mail.text, /一致しません/);
  const page = await chie.get(`/staff/application?id=${one.id}`);
  assert.ok(page.body.includes('発行日が古い'), 'the note, for who may read it');
  assert.ok(!(await anna.get(`/staff/application?id=${one.id}`)).body.includes('発行日が古い'));
  assert.equal((await decide(anna, one.id, 'approve')).status, 409, 'what is denied stays so');
});

test('相互牽制: the same person is refused on every node, and is told why', async () => {
  const [one] = await center.atDesk(30, 1, { verdict: 'REVIEW' });
  const first = await decide(ben, one.id, 'approve');
  assert.equal(first.location, `/staff/application?id=${one.id}&notice=second_due`);
  for (const console of center.consoles) {
    const refused = await ben.at(console).post('/staff/application/claim', { id: one.id });
    assert.equal(refused.status, 409, console.name);
    assert.match(refused.body, /相互牽制/);
  }
  const plain = await anna.post('/staff/application/claim', { id: one.id });
  assert.equal(plain.status, 409, "a reviewer's is not the second decision");
  assert.match(plain.body, /承認者または責任者/);
  assert.equal(await center.stateOf(anna, one.id), '有人審査');
  assert.equal((await decide(chie, one.id, 'approve')).location, `/staff/application?id=${one.id}&notice=approved`);
  const decided = await audit('review.decided');
  assert.ok(decided.some(({ note }) => note === `${one.id} approve`));
});

test('other kinds always take two; who disagrees begins anew', async () => {
  const [one] = await center.atDesk(40, 1, { kind: 'public_body' });
  assert.match((await decide(anna, one.id, 'approve')).location, /second_due/);
  assert.match((await decide(ben, one.id, 'deny', { defects: ['cert_missing'] })).location, /second_due/);
  assert.equal((await decide(ben, one.id, 'deny', { defects: ['cert_missing'] })).status, 409);
  assert.match((await decide(chie, one.id, 'deny', { defects: ['cert_missing', 'cert_copy'] })).location, /second_due/, 'for other defects: it waits for a further one');
  assert.equal((await ben.post('/staff/application/claim', { id: one.id })).status, 303);
  const page = await ben.get(`/staff/application?id=${one.id}`);
  assert.match(page.body.match(/1人目の判断.*/)[0], /否認<.*証明書 添付漏れ<.*証明書 コピー添付</, 'what is to be confirmed');
  assert.match((await decide(ben, one.id, 'deny', { defects: ['cert_missing', 'cert_copy'] })).location, /denied/);
});

test('of two that decide at once on two nodes one is taken', async () => {
  const applications = await center.atDesk(50, 6, { verdict: 'OK' });
  const dai = await center.person(['reviewer'], 2);
  for (const { id } of applications) {
    const claims = await volley(2, [anna, dai].map((desk) => ({ name: desk.account.name, desk })), ({ desk }) => desk.post('/staff/application/claim', { id }));
    assert.deepEqual([count(claims, 303), count(claims, 409)], [1, 1], tally(claims));
    const winner = claims.find(({ status }) => status === 303).target === anna.account.name ? anna : dai;
    const claim = claimOf(await winner.get(`/staff/application?id=${id}`));
    // The same claim from two nodes, for and against.
    const sent = await volley(2, [
      { name: 'approve', desk: winner.at(center.consoles[0]), form: { decision: 'approve' } },
      { name: 'hold', desk: winner.at(center.consoles[2]), form: { decision: 'hold', note: '確認中' } },
    ], ({ desk, form }) => desk.post('/staff/application/decide', { id, claim, ...form }));
    assert.deepEqual([count(sent, 303), count(sent, 409)], [1, 1], tally(sent));
    const word = sent.find(({ status }) => status === 303).target;
    assert.equal(await center.stateOf(chie, id), word === 'approve' ? '未完了（承認済み）' : '保留');
  }
});

test('the next one is the one that waits longest, and two people never get the same', async () => {
  const applications = await center.atDesk(70, 4, { verdict: 'OK' });
  const list = await anna.get('/staff/desk?kind=corporation&state=staff');
  const places = [...list.body.matchAll(/href="(\/staff\/application\?id=[A-Z0-9]+)"/g)].map(([, place]) => place);
  assert.equal(places.length, applications.length);
  const people = [anna, ben];
  const first = await Promise.all(people.map((desk) => desk.post('/staff/desk/next', {})));
  const second = await Promise.all(people.map((desk) => desk.post('/staff/desk/next', {})));
  assert.deepEqual([...first, ...second].map(({ location }) => location).sort(), [...places].sort());
  assert.ok(places.slice(0, 2).includes(first[0].location), 'the oldest first');
  assert.equal((await anna.post('/staff/desk/next', {})).location, '/staff/desk?notice=desk_empty');
  const id = new URL(first[0].location, 'https://x').searchParams.get('id');
  const claim = claimOf(await chie.get(`/staff/application?id=${id}`));
  assert.equal((await ben.post('/staff/application/release', { id, claim })).status, 409, "not another's");
  for (const other of [{}, { claim: String(Number(claim) + 1) }, { claim: 'x' }]) assert.equal((await chie.post('/staff/application/release', { id, ...other })).status, 409, 'nor a claim that is another by now');
  assert.equal((await chie.post('/staff/application/release', { id, claim })).status, 303, 'a supervisor takes it away');
});

test('what a page forgets to check, the state machine does not', async () => {
  const [one] = await center.atDesk(80, 1, { verdict: 'OK' });
  assert.equal((await anna.post('/staff/application/claim', { id: one.id })).status, 303);
  const claim = claimOf(await anna.get(`/staff/application?id=${one.id}`));
  const wrong = [
    [{ claim: Number(claim) + 1, decision: 'approve' }, 409],
    [{ claim, decision: 'perhaps' }, 422],
    [{ claim, decision: 'approve', defect_cert_copy: '1' }, 422],
    [{ claim, decision: 'hold' }, 422],
    [{ claim, decision: 'hold', note: 'あ'.repeat(600) }, 422],
  ];
  for (const [form, status] of wrong) assert.equal((await anna.post('/staff/application/decide', { id: one.id, ...form })).status, status, JSON.stringify(form).slice(0, 80));
  assert.equal((await anna.post('/staff/application/decide', { id: 'P0', claim, decision: 'approve' })).status, 404);
  const intake = await center.person(['intake', 'auditor'], 1);
  for (const path of ['claim', 'decide', 'release']) assert.equal((await intake.post(`/staff/application/${path}`, { id: one.id, claim, decision: 'approve' })).status, 403, path);
  assert.equal((await anna.post('/staff/application/decide', { id: one.id, claim, decision: 'hold', note: '電話で確認する' })).status, 303);
});

test('a scan is shown as an image of our own making, whichever node holds it', { timeout: 120000 }, async () => {
  const scan = ({ id }) => tiff([sheet(620, 877, Number(id.slice(1))), sheet(620, 877, 3)]);
  const [one] = await center.atDesk(100, 1, {
    scan,
    evidence: () => ({
      pages: [{ scan: 0, index: 0, kind: 'form', size: [620, 877] }, { scan: 0, index: 1, kind: 'certificate', turn: 90, size: [620, 877] }],
      fields: [{ field: 'form_number', text: '7000012050002', quad: [[60, 100], [560, 100], [560, 140], [60, 140]] }],
    }),
  });
  const places = [`id=${one.id}&page=1`, `id=${one.id}&page=2&turn=3&zoom=3`, `id=${one.id}&field=0`];
  for (const place of places) assert.equal((await anna.get(`/staff/scan?${place}`)).status, 404, 'not before it is taken');
  assert.equal((await anna.post('/staff/application/claim', { id: one.id })).status, 303);
  const sizes = [];
  for (const console of center.consoles) {
    for (const place of places) {
      const image = await anna.at(console).get(`/staff/scan?${place}`);
      assert.equal(image.status, 200, `${console.name} ${place}: ${image.body.slice(0, 200)}`);
      assert.equal(image.headers['content-type'], 'image/jpeg');
      assert.equal(image.headers['x-content-type-options'], 'nosniff');
      assert.match(image.headers['content-security-policy'], /sandbox/);
      assert.equal(image.headers['cache-control'], 'no-store');
      assert.equal(image.bytes.subarray(0, 3).toString('hex'), 'ffd8ff');
      assert.equal(image.bytes.indexOf(scan(one).subarray(100, 164)), -1, 'not the bytes of the scan');
      sizes.push(image.bytes.length);
    }
  }
  assert.deepEqual(sizes.slice(0, 3), sizes.slice(3, 6), 'the same from every node');
  const looks = async () => (await audit('staff.read')).filter(({ note }) => note === one.id).length;
  assert.equal(await looks(), 0, 'who has taken it is in the audit by that');
  assert.equal((await chie.get(`/staff/scan?${places[0]}`)).status, 200);
  assert.equal(await looks(), 1, "a supervisor's look at a scan is recorded, without its page too");
  for (const place of [`id=${one.id}&page=3`, `id=${one.id}&field=7`, `id=${one.id}&page=0`, 'id=P0&page=1']) assert.equal((await anna.get(`/staff/scan?${place}`)).status, 404, place);
  assert.match((await decide(anna, one.id, 'hold', { note: '確認' })).location, /on_hold/);
});

// A scan of A4 at 200 dpi, as a browser asks for it: all pictures of a page at once, of a
// node that holds none of them, too.
test('all pictures of a page come, whichever node makes it', { timeout: 120000 }, async () => {
  const [one] = await center.atDesk(140, 1, { scan: ({ id }) => tiff([sheet(1654, 2339, Number(id.slice(1))), sheet(1654, 2339, 3)]) });
  assert.equal((await anna.post('/staff/application/claim', { id: one.id })).status, 303);
  for (const console of center.consoles) {
    const images = await Promise.all([1, 2, 1, 2].map((page) => anna.at(console).get(`/staff/scan?id=${one.id}&page=${page}`)));
    assert.deepEqual(images.map(({ status }) => status), [200, 200, 200, 200], console.name);
  }
  assert.match((await decide(anna, one.id, 'hold', { note: '確認' })).location, /on_hold/);
});

test('a scan that is none reaches nobody, and the desk goes on', async () => {
  const hostile = Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), Buffer.from('<script>alert(1)</script>'.repeat(200))]);
  const [one] = await center.atDesk(120, 1, { scan: () => hostile, verdict: 'REVIEW' });
  assert.equal((await anna.post('/staff/application/claim', { id: one.id })).status, 303);
  const image = await anna.get(`/staff/scan?id=${one.id}&page=1`);
  assert.equal(image.status, 404);
  assert.ok(!image.body.includes('alert(1)'));
  assert.match((await decide(anna, one.id, 'hold', { note: '画像が壊れている' })).location, /on_hold/);
});

test('who has the corporation and the birth date of another one is shown beside it', async () => {
  const person = { corporate_number: '4000012090001', birthday_ymd: '19701231' };
  const [first] = await center.atDesk(160, 1, { profile: { ...person, rep_last_nm: '田中' } });
  const [second] = await center.atDesk(180, 1, { profile: { ...person, rep_last_nm: '鈴木' } });
  const before = await ben.get(`/staff/application?id=${second.id}`);
  assert.match(before.body, /氏名の違う/);
  assert.ok(!before.body.includes(first.id), 'not before it is taken');
  assert.equal((await ben.post('/staff/application/claim', { id: second.id })).status, 303);
  const page = await ben.get(`/staff/application?id=${second.id}`);
  assert.match(page.body, new RegExp(`href="/staff/application\\?id=${first.id}"`));
  assert.match((await decide(ben, second.id, 'hold', { note: '同じ人か' })).location, /on_hold/);
});

test('nodes agree on all of it', async () => {
  await center.cluster.digestsAgree([1, 2, 3]);
});
