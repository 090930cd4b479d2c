// Papers in the console: files that a browser sends, pages that a person sorts, and what
// goes back to who was denied.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { operator } from '../lib/admin.mjs';
import { Center, decide, sendFile } from '../lib/desk.mjs';
import { until } from '../lib/demo.mjs';
import { lastMail } from '../lib/messages.mjs';
import { sheet, tiff } from '../lib/tiff.mjs';

const center = await Center.make('papers');
after(() => center.close());
const ida = await center.person(['intake'], 1);
const anna = await center.person(['reviewer'], 2);
const sora = await center.person(['supervisor'], 3);
const CHUNK = 48 * 1024;

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex');
const step = (desk, fields, chunk = '') => sendFile(desk, '/staff/intake/upload', fields, 'chunk', chunk);
async function upload(desk, bytes) {
  const fields = { sha256: hashOf(bytes), size: String(bytes.length) };
  for (let index = 0; index * CHUNK < bytes.length; index++)
    assert.equal((await step(desk, { ...fields, step: 'part', index: String(index) }, bytes.subarray(index * CHUNK, (index + 1) * CHUNK))).status, 204, `part ${index}`);
  return step(desk, { ...fields, step: 'commit', index: '0' });
}
const fileRow = (bytes, name) => ({ sha256: hashOf(bytes), size: bytes.length, format: 'tiff', name });

test('a file goes up in chunks, counts once it is whole, and its pages wait for a person', { timeout: 120000 }, async () => {
  const application = await center.apply(1);
  const bytes = tiff([sheet(620, 877, 1), sheet(620, 877, 2)]);
  assert.ok(bytes.length > 10 * CHUNK);
  const hash = hashOf(bytes);
  assert.equal((await step(ida, { step: 'commit', sha256: hash, size: String(bytes.length), index: '0' })).status, 409, 'nothing of it is there');
  assert.equal((await upload(ida, bytes)).status, 204);
  const batch = randomBytes(16).toString('hex');
  assert.equal((await step(ida, { step: 'batch', batch, label: '窓口', received_on: '2026-11-16' })).status, 204);
  const bundle = { step: 'bundle', batch, position: '0', files: JSON.stringify([fileRow(bytes, 'S0001.tif')]) };
  assert.equal((await step(ida, bundle)).status, 204);
  assert.equal((await step(ida, bundle)).status, 204, 'the same again changes nothing');
  const job = await until('it is to be sorted', () => center.farm.lease());
  assert.equal(job.scans[0].hash, hash);
  assert.deepEqual(await center.farm.scan(job.scans[0]), bytes);
  const pages = [{ scan: 0, index: 0, kind: 'form', id: 'P999999' }, { scan: 0, index: 1, kind: 'certificate' }];
  assert.equal((await center.farm.result(job, 'REVIEW', { reasons: 1n << 39n, pages })).status, 200);

  const list = await ida.get('/staff/intake');
  assert.equal(list.status, 200);
  assert.match(list.body, /窓口/);
  assert.match(list.body, /該当する申請がない/);
  const places = [...list.body.matchAll(/href="(\/staff\/intake\?bundle=([0-9a-f]{32})&amp;page=(\d+))"/g)];
  assert.equal(places.length, 2);
  const [, , id] = places[0];
  const image = await ida.get(`/staff/scan?bundle=${id}&page=0`);
  assert.equal(image.headers['content-type'], 'image/jpeg');
  assert.equal((await anna.get(`/staff/scan?bundle=${id}&page=0`)).status, 404, 'it is seen by the intake alone');
  assert.equal((await anna.post('/staff/intake/place', { bundle: id, page: '0', id: application.id })).status, 403);
  assert.equal((await ida.post('/staff/intake/place', { bundle: id, page: '0', id: '' })).status, 422);
  assert.equal((await ida.post('/staff/intake/place', { bundle: id, page: '0', id: 'P888888' })).status, 404);
  assert.equal((await ida.post('/staff/intake/place', { bundle: id, page: '77', id: application.id })).status, 404);
  assert.equal((await ida.post('/staff/intake/place', { bundle: id, page: '0', id: application.id })).location, '/staff/intake?notice=page_placed');
  assert.equal((await ida.post('/staff/intake/place', { bundle: id, page: '1', nobody: '1' })).location, '/staff/intake?notice=page_placed');
  assert.doesNotMatch((await ida.get('/staff/intake')).body, new RegExp(`bundle=${id}`));
  assert.equal((await ida.get(`/staff/scan?bundle=${id}&page=0`)).status, 404, "an application's page is the reviewers'");
  const { json } = await operator(1, 'POST', '/v1/audit', { event: 'intake.page_placed', limit: 10 });
  assert.equal(json.records.filter(({ actor }) => actor === ida.account.id).length, 2);
  await center.read([application]); // its papers are complete by now
});

test('what is no upload is refused, and roles hold', async () => {
  const bytes = randomBytes(CHUNK + 5);
  const good = { step: 'part', sha256: hashOf(bytes), size: String(bytes.length), index: '1' };
  for (const [fields, chunk, status] of [
    [{ ...good, index: '7' }, bytes.subarray(CHUNK), 422],
    [{ ...good, index: '0' }, bytes.subarray(CHUNK), 422],
    [{ ...good, size: '99999999999' }, bytes.subarray(CHUNK), 422],
    [{ ...good, sha256: 'zz' }, bytes.subarray(CHUNK), 422],
    [{ ...good, step: 'nothing' }, bytes.subarray(CHUNK), 422],
    [{ step: 'bundle', batch: '00', position: '0', files: '{' }, '', 422],
    [{ step: 'bundle', batch: randomBytes(16).toString('hex'), position: '0', files: JSON.stringify([fileRow(bytes, 'a.tif')]) }, '', 404],
    [{ step: 'batch', batch: 'x', label: 'a', received_on: '2026-11-16' }, '', 422],
  ])
    assert.equal((await step(ida, fields, chunk)).status, status, JSON.stringify(fields).slice(0, 100));
  assert.equal((await step(anna, good, bytes.subarray(CHUNK))).status, 403);
  const wrong = Buffer.from(bytes);
  wrong[3] ^= 1;
  assert.equal((await step(ida, { ...good, index: '0' }, wrong.subarray(0, CHUNK))).status, 204);
  assert.equal((await step(ida, good, wrong.subarray(CHUNK))).status, 204);
  assert.equal((await step(ida, { ...good, step: 'commit', index: '0' })).status, 409, 'not the bytes that its name says');
});

test('an envelope is noted as it comes; what is wrong before any review ends it, and the applicant is told', async () => {
  const [one, two] = [await center.apply(40), await center.apply(60)];
  const page = await ida.get(`/staff/application?id=${one.id.toLowerCase()}`);
  assert.match(page.body, /action="\/staff\/application\/receive"/);
  assert.ok(!page.body.includes(one.profile.email), 'without what was typed');
  assert.equal((await anna.post('/staff/application/receive', { id: one.id })).status, 403);
  assert.match((await ida.post('/staff/application/receive', { id: one.id })).location, /notice=received/);
  assert.equal(await center.stateOf(ida, one.id), '未開封');
  assert.equal((await ida.post('/staff/application/receive', { id: one.id })).status, 409);
  assert.equal((await ida.post('/staff/application/defect', { id: two.id })).status, 422, 'of what kind?');
  const since = Date.now();
  assert.match((await ida.post('/staff/application/defect', { id: two.id, defect_account_duplicate: '1', defect_cert_copy: '1' })).location, /notice=defect/);
  assert.equal(await center.stateOf(ida, two.id), '審査前不備');
  const mail = await lastMail(two.profile.email, { sinks: center.sinks, after: since });
  assert.match(mail.text, /コピー/);
  // What came of it goes back, as a denial's papers do, and is never taken for one.
  assert.match((await sora.get(`/staff/application?id=${two.id}`)).body, /action="\/staff\/application\/return"/);
  assert.equal((await ida.get(`/staff/letter?id=${two.id}`)).status, 200);
  assert.match((await ida.post('/staff/application/return', { id: two.id, tracking: '9876-5432' })).location, /returned/);
  await center.cluster.settled();
  const sent = await sora.get(`/staff/application?id=${two.id}`);
  assert.match(sent.body, /9876-5432/);
  assert.match(sent.body, /審査前不備の申請です/);
  assert.match((await sora.get('/staff/desk?kind=corporation&state=returned')).body, new RegExp(two.id), 'it is listed with the others');
  assert.doesNotMatch((await sora.get('/staff/decisions.csv')).body, new RegExp(two.id), 'no reviewer decided about it');
  // All of it, and nothing else, is found by the application.
  const { json } = await operator(2, 'POST', '/v1/audit', { application: ` ${two.id.toLowerCase()} `, upward: true, limit: 100 });
  const notes = json.records.map(({ event, note }) => `${event} ${note}`);
  assert.ok(json.records.every(({ note }) => note.split(' ')[0] === two.id), JSON.stringify(notes));
  for (const wanted of [`application.submitted ${two.id}`, `application.moved ${two.id} defect`, `application.moved ${two.id} returned`, `staff.read ${two.id}`])
    assert.ok(notes.some((note) => note.startsWith(wanted)), `${wanted} in ${notes}`);
  const told = await center.cluster.ask(['audit', 'search', '--application', two.id, '--json']);
  assert.equal(told.code, 0, told.stderr);
  assert.ok(json.records.length >= 5 && JSON.parse(told.stdout).length >= json.records.length);
  assert.match((await center.cluster.ask(['audit', 'search', '--application', 'x'])).stderr, /number of an application/);
  const auditor = await center.person(['auditor'], 1);
  assert.match((await auditor.get(`/staff/audit?search=1&application=${two.id}`)).body, new RegExp(`${two.id} returned`));
  const wrong = await auditor.get('/staff/audit?search=1&application=x&event=staff.*');
  assert.equal(wrong.status, 422);
  assert.match(wrong.body, /value="x"/);
  assert.match(wrong.body, /value="staff\.\*"/);
  // Scanned, the noted one goes on to its review.
  await center.papers([one]);
  await center.read([one]);
  assert.equal(await center.stateOf(ida, one.id), '有人審査');
});

test('a denial goes back with its letter and the carrier\'s number, and never returns', async () => {
  const [one] = await center.atDesk(20, 1, { verdict: 'NG', profile: { user_post_code: '1000013', user_prefecture_name: '13', user_address1: '千代田区霞が関１－３－１' } });
  assert.equal((await ida.get(`/staff/letter?id=${one.id}`)).status, 404, 'there is no letter yet');
  assert.match((await decide(anna, one.id, 'deny', { defects: ['cert_missing', 'form_invalid'] })).location, /denied/);
  const letter = await ida.get(`/staff/letter?id=${one.id}`);
  assert.equal(letter.status, 200);
  assert.equal(letter.headers['content-type'], 'application/pdf');
  assert.equal(letter.bytes.subarray(0, 5).toString(), '%PDF-');
  assert.ok(letter.bytes.includes('/FontFile') , 'its font is in it');
  assert.equal((await anna.get(`/staff/letter?id=${one.id}`)).status, 403);
  const { json } = await operator(1, 'POST', '/v1/audit', { event: 'staff.read', limit: 50 });
  assert.ok(json.records.some(({ note, actor }) => note === one.id && actor === ida.account.id), 'who saw the address is recorded');
  assert.equal((await anna.post('/staff/application/return', { id: one.id, tracking: '1234-5678-9012' })).status, 403);
  for (const [tracking, again] of [['', ''], ['a b', 'a b'], ['1'.repeat(33), '1'.repeat(33)], ['<b>', '&lt;b&gt;']]) {
    const refused = await ida.post('/staff/application/return', { id: one.id, tracking });
    assert.equal(refused.status, 422, tracking);
    assert.ok(refused.body.includes(`value="${again}" aria-invalid="true"`), 'it is there to be mended');
  }
  assert.match((await ida.post('/staff/application/return', { id: one.id, tracking: '1234-5678-9012' })).location, /returned/);
  await center.cluster.settled(); // who did it sees it at once, another node's reader a moment later
  const page = await sora.get(`/staff/application?id=${one.id}`);
  assert.match(page.body, /1234-5678-9012/);
  assert.match(page.body, /返送した日時/);
  assert.equal((await ida.post('/staff/application/return', { id: one.id, tracking: '1' })).status, 409);
  assert.equal((await sora.post('/staff/application/claim', { id: one.id })).status, 409, 'it never comes back to the desk');
});

test('nodes agree on all of it', async () => {
  await center.cluster.digestsAgree([1, 2, 3]);
});
