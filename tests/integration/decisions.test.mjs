// Decisions as a file: checked line by line, brought in by one person and confirmed by
// another, once whoever sends it again, in both encodings, whatever the bytes are.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Center, decide, sendFile } from '../lib/desk.mjs';
import { lastMail } from '../lib/messages.mjs';
import { volley, count } from '../lib/race.mjs';

const center = await Center.make('decisions');
after(() => center.close());
const anna = await center.person(['reviewer'], 1);
const ben = await center.person(['reviewer', 'approver'], 2);
const chie = await center.person(['supervisor'], 3);

const bring = (desk, text, fields = {}) => sendFile(desk, '/staff/imports', fields, 'decisions.csv', text);
const fileOf = (answer) => answer.body.match(/id="report"[\s\S]*?<\/section>/)?.[0].match(/href="\/staff\/import\?id=([0-9a-f]{32})"/)?.[1];
const problems = (answer) => [...answer.body.split('<table>')[1].split('</table>')[0].matchAll(/<td>(\d+)<\/td><td><code>([^<]*)<\/code><\/td><td>([^<]*)</g)].map(([, number, id, problem]) => [Number(number), id, problem]);

test('a file takes two people, and each of its lines effect once', async () => {
  const applications = await center.atDesk(0, 4, { verdict: 'REVIEW' });
  const [a, b, c, d] = applications.map(({ id }) => id);
  const csv = `申請書ID,審査結果,不備区分\r\n${a},OK,\r\n${b},NG,cert_expired;cert_copy\r\n${c},OK\r\nP999999,OK\r\n`;
  const check = await bring(anna, csv, { check: '1' });
  assert.equal(check.status, 200);
  assert.deepEqual(problems(check), [[5, 'P999999', '該当する申請がありません']]);
  assert.equal(fileOf(check), undefined, 'nothing was brought in');
  const brought = await bring(anna, csv);
  const id = fileOf(brought);
  assert.ok(id, brought.body.slice(0, 500));
  assert.match(brought.body, /確認を待ちます/);
  assert.match((await bring(ben, csv)).body, /すでに登録/, 'the same file is the same');
  for (const [lang, first, second] of [['en', 'certificate too old', 'certificate is a copy'], ['ja', '証明書 期限切れ', '証明書 コピー添付']]) {
    const row = (await ben.get(`/staff/import?id=${id}&ui=${lang}`)).body.match(new RegExp(`<tr><td><a href="[^"]*id=${b}">.*`))[0];
    assert.ok(row.includes(first) && row.includes(second), `what is confirmed: ${row.slice(0, 300)}`);
  }

  assert.equal((await anna.post('/staff/import', { id, decision: 'approve' })).status, 403, 'a reviewer does not confirm');
  const own = await bring(ben, `${d},OK\n`);
  const mine = await ben.post('/staff/import', { id: fileOf(own), decision: 'approve' });
  assert.equal(mine.status, 409, 'nor who brought it in');
  assert.match(mine.body, /相互牽制/);
  assert.match((await chie.post('/staff/import', { id: fileOf(own), decision: 'reject' })).location, /import_rejected/);
  assert.equal(await center.stateOf(anna, d), '有人審査');

  const confirmed = await volley(3, [ben, chie].map((desk) => ({ name: desk.account.name, desk })), ({ desk }) => desk.post('/staff/import', { id, decision: 'approve' }));
  assert.equal(count(confirmed, 303), 3, 'whoever comes second finds it confirmed');
  const page = await chie.get(`/staff/import?id=${id}`);
  assert.equal([...page.body.matchAll(/反映済み<\/span>/g)].length, 3);
  assert.equal([...page.body.matchAll(/該当なし/g)].length, 1);
  assert.equal(await center.stateOf(anna, a), '未完了（承認済み）');
  assert.equal(await center.stateOf(anna, b), '否認');
  const mail = await lastMail(applications[1].profile.email, { sinks: center.sinks, match: /確認/ });
  assert.match(mail.text, /コピー/);
  assert.match((await chie.post('/staff/import/settle', { id })).location, /import_settled/, 'again: nothing is left');
  const again = await bring(anna, `${a},NG,cert_copy\n`);
  assert.deepEqual(problems(again), [[1, a, '審査の対象ではありません（判断済み、または審査前）']]);
  assert.match((await chie.post('/staff/import', { id: fileOf(again), decision: 'approve' })).location, /import_settled/);
  assert.equal(await center.stateOf(anna, a), '未完了（承認済み）', 'what is decided stays so');
});

test('what is exported is what people decided, and can be read in again', async () => {
  const [one, two] = await center.atDesk(20, 2, { verdict: 'OK' });
  assert.match((await decide(anna, one.id, 'approve')).location, /approved/);
  const utf8 = await chie.get('/staff/decisions.csv?encoding=utf-8');
  assert.equal(utf8.headers['content-type'], 'text/csv');
  assert.match(utf8.headers['content-disposition'], /attachment; filename="decisions.csv"/);
  const lines = utf8.bytes.toString('utf8').split('\r\n');
  assert.equal(lines[0], '申請書ID,審査結果,不備区分');
  assert.ok(lines.includes(`${one.id},OK,`));
  assert.ok(lines.some((line) => /^P271001,NG,cert_expired;cert_copy$/.test(line)), utf8.body);
  assert.ok(!utf8.body.includes(two.id), 'what the farm alone says is not in it');
  const cp932 = await chie.get('/staff/decisions.csv?encoding=cp932');
  assert.equal(new TextDecoder('shift_jis').decode(cp932.bytes), utf8.bytes.toString('utf8'));
  const back = await sendFile(anna, '/staff/imports', { check: '1' }, 'a.csv', cp932.bytes);
  assert.equal(back.status, 200);
  assert.equal(problems(back).length, lines.length - 2, 'all of it is decided already');
  assert.equal((await anna.get('/staff/decisions.csv')).status, 403);
  const none = await chie.get('/staff/decisions.csv?from=2020-01-01&to=2020-01-31');
  assert.equal(none.bytes.toString('utf8'), '申請書ID,審査結果,不備区分\r\n');
  assert.equal((await chie.get('/staff/decisions.csv?from=yesterday')).status, 422);
});

test('hostile files: bad lines are told, and nothing else happens', async () => {
  const [one] = await center.atDesk(40, 1, { verdict: 'OK' });
  const bad = await bring(anna, `=HYPERLINK("http://evil"),OK\n${one.id},MAYBE\n${one.id},OK,\n"${one.id},OK\n`);
  assert.equal(bad.status, 200);
  assert.equal(fileOf(bad), undefined, 'a file with a wrong line is not brought in');
  assert.deepEqual(problems(bad).map(([number]) => number), [1, 2, 3, 4]);
  assert.ok(!bad.body.includes('evil'));
  assert.match((await bring(anna, 'xyz,OK\n', { encoding: 'cp932' })).body, /value="cp932" selected/, 'what was chosen is chosen again');
  const some = await bring(anna, `xyz,OK\n${one.id},OK\n`, { sound_only: '1' });
  assert.ok(fileOf(some), 'but without it, if the person says so');
  for (const bytes of [Buffer.alloc(0), randomBytes(3000), Buffer.from('\xff\xfe\x00P', 'latin1'), Buffer.from('\0\0\0\0')]) {
    const answer = await bring(anna, bytes);
    assert.ok([200, 422].includes(answer.status), `${answer.status}`);
    assert.equal(fileOf(answer), undefined);
  }
  assert.match((await bring(anna, Buffer.from('\0'), { encoding: 'utf-8', sound_only: '1' })).body, /value="utf-8" selected[\s\S]*name="sound_only" value="1" checked/);
  const forged = await sendFile(Object.assign(Object.create(anna), { csrf: 'x' }), '/staff/imports', {}, 'a.csv', `${one.id},OK\n`);
  assert.equal(forged.status, 403);
  for (const id of ['0'.repeat(32), 'f'.repeat(32), 'x', `${'0'.repeat(24)}00010001`]) assert.equal((await chie.get(`/staff/import?id=${id}`)).status, 404, id);
  assert.equal(await center.stateOf(chie, one.id), '有人審査');
});

test('a long file is confirmed as a whole', { timeout: 120000 }, async () => {
  const [one] = await center.atDesk(60, 1, { verdict: 'OK' });
  const lines = Array.from({ length: 700 }, (_, i) => `P55${100000 + i},${i % 2 ? 'OK' : 'NG,cert_copy'}`);
  lines[650] = `${one.id},OK`;
  const id = fileOf(await bring(anna, lines.join('\n')));
  let answer = await ben.post('/staff/import', { id, decision: 'approve' });
  for (let i = 0; i < 40 && /goes_on/.test(answer.location); i++) answer = await chie.post('/staff/import/settle', { id });
  assert.match(answer.location, /import_settled/);
  assert.equal(await center.stateOf(chie, one.id), '未完了（承認済み）');
});

test('the command line: export, check, bring in; another person confirms', { timeout: 120000 }, async () => {
  const cli = (...args) => center.cluster.ask(['decisions', ...args]);
  const file = join(center.cluster.dir, 'cli.csv');
  const bringIn = async (text, ...args) => {
    writeFileSync(file, text);
    const answer = await cli('import', file, '--json', ...args);
    return { code: answer.code, ...(answer.stdout ? JSON.parse(answer.stdout) : { why: answer.stderr }) };
  };
  const [a, b] = (await center.atDesk(80, 2, { verdict: 'REVIEW' })).map(({ id }) => id);

  const checked = await bringIn(`${a},OK\nP999999,NG,cert_copy\n${b},MAYBE\n`);
  assert.equal(checked.code, 1);
  assert.deepEqual([checked.count, checked.ready, checked.brought_in], [3, 1, false]);
  assert.deepEqual(checked.lines.map(({ number, problem }) => [number, problem]), [[2, 'unknown'], [3, 'bad_word']]);
  assert.equal((await bringIn(`${a},OK\n${b},MAYBE\n`, '--staff', anna.account.name)).brought_in, false, 'a wrong line stops all');

  for (const [args, code] of [[['--staff', 'nobody.here'], 1], [['--encoding', 'latin1'], 64]]) assert.equal((await bringIn(`${a},OK\n`, ...args)).code, code, args.join(' '));
  const auditor = await center.person(['auditor'], 1);
  assert.equal((await bringIn(`${a},OK\n`, '--staff', auditor.account.name)).code, 1, 'who may not review does not stand for it');
  assert.equal((await cli('import', join(center.cluster.dir, 'none.csv'))).code, 64);
  assert.match((await cli('import', '--help')).stdout, /--sound-only/);

  const text = `申請書ID,審査結果,不備区分\r\n${a},OK,\r\n${b},NG,cert_expired\r\n`;
  const brought = await bringIn(text, '--staff', ben.account.name);
  assert.deepEqual([brought.code, brought.brought_in, brought.known], [0, true, false]);
  assert.equal((await bringIn(text, '--staff', ben.account.name)).known, true, 'the same file is the same');
  const known = await bring(anna, text);
  assert.match(known.body, /すでに登録/, 'by page too');
  const id = fileOf(known);
  assert.equal((await ben.post('/staff/import', { id, decision: 'approve' })).status, 409, 'not by who stands for it');
  assert.equal(await center.stateOf(anna, a), '有人審査', 'nothing has taken effect');
  let answer = await chie.post('/staff/import', { id, decision: 'approve' });
  for (let i = 0; i < 10 && /goes_on/.test(answer.location); i++) answer = await chie.post('/staff/import/settle', { id });
  assert.match(answer.location, /import_settled/);
  assert.equal(await center.stateOf(anna, a), '未完了（承認済み）');

  const exported = await cli('export');
  assert.equal(exported.code, 0, exported.stderr);
  const lines = exported.stdout.split('\r\n');
  assert.equal(lines[0], '申請書ID,審査結果,不備区分');
  assert.ok(lines.includes(`${a},OK,`) && lines.includes(`${b},NG,cert_expired`));
  const page = await chie.get('/staff/decisions.csv?encoding=utf-8');
  assert.equal(exported.stdout, page.bytes.toString('utf8'), 'as the page has it');
  const json = JSON.parse((await cli('export', '--json')).stdout).decisions;
  assert.deepEqual(json.find((d) => d.application_id === b), { application_id: b, result: 'NG', defects: ['cert_expired'] });
  assert.equal((await cli('export', '--from', '2020-01-01', '--to', '2020-01-31')).stdout, '申請書ID,審査結果,不備区分\r\n');
  assert.equal((await cli('export', '--from', 'yesterday')).code, 64);
  const cp932 = execFileSync(join(center.cluster.binDir, 'tasuki'), ['decisions', 'export', '--encoding', 'cp932', '--env', center.cluster.envFile]);
  assert.equal(new TextDecoder('shift_jis').decode(cp932), exported.stdout);
  const back = await bringIn(cp932);
  assert.deepEqual([back.code, back.ready, back.count], [1, 0, lines.length - 2], 'all of it is decided already');
});

test('nodes agree on all of it', async () => {
  await center.cluster.digestsAgree([1, 2, 3]);
});
