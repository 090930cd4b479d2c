// SECURITY_CHECKS E03, E04, E05, E13: what people are sent. A cluster of its own with the
// caps that a production has, a mail server and gateways that count. Each check runs as it
// is, and must turn red behind each weakness of weaken.mjs (messageWeaknesses).
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { operator } from '../lib/admin.mjs';
import { keepResults, table } from '../lib/checks.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { until } from '../lib/demo.mjs';
import { leader } from '../lib/leader.mjs';
import { Sinks } from '../lib/messages.mjs';

process.env.TASUKI_COLLECT_CHECKS = '1'; // of the files that weaken.mjs is about
const { messageWeaknesses } = await import('./weaken.mjs');

const CAP = { number: 10, burst: 5, prefix: 30, source: 20, all: 400 };
const SMS_TIMEOUT_MS = 2000;
const AT_ONCE_MS = 10000; // a gateway that hangs does so for 30 s; a machine under load is slow too
const sinks = await Sinks.open();
const cluster = await Cluster.make({
  name: 'e-messages',
  port: Number(process.env.TASUKI_CLUSTER_PORT ?? 12600),
  binDir: process.env.TASUKI_BIN_DIR,
  lines: [...sinks.lines(), ...Object.entries(CAP).map(([name, max]) => `sms_cap_${name} = ${max}`), 'mail_cap_source = 1000', `sms_timeout_ms = ${SMS_TIMEOUT_MS}`, 'smtp_timeout_ms = 2000'],
});
after(async () => {
  await cluster.close();
  await sinks.close();
});
await cluster.bootstrap();

const rows = [];
after(() => keepResults(rows.map(([id, weakened, verdict]) => ({ id, verdict, ...(/^\(/.test(weakened) ? { what: checks[id]?.[0] } : { weakened }) }))));
after(() => console.log(`\n${table([['id', 'weakened', 'verdict'], ...rows])}`));

// One request, at the node, as the weakness lets it through: { status, json, ms }.
let weakness = {};
async function ask(body, node = 1 + (ask.count++ % 3)) {
  const sent = weakness.edit?.(structuredClone(body)) ?? body;
  const began = Date.now();
  const { status, json } = await operator(node, 'POST', '/v1/outbox/test', sent);
  await weakness.before?.();
  return { status, json, ms: Date.now() - began };
}
ask.count = 0;
const seen = async () => {
  const all = await sinks.seen();
  return weakness.seen?.(all) ?? all;
};
const settled = () => until('nothing waits', async () => JSON.parse((await cluster.ask(['outbox', '--json'])).stdout).waiting === 0, { timeout: 60000 });
// Numbers and addresses that no check has used before: each run has counters of its own.
let run = 0;
const fresh = (n) => `${String(70 + (run % 10)).padStart(2, '0')}${String((run * 131 + n) % 10000).padStart(4, '0')}`.slice(0, 6);
const number = (tail, n = 0) => `+8190${fresh(n).slice(0, 4)}${String(tail).padStart(4, '0')}`;
const source = (n = 0) => `198.51.${run % 256}.${n}`;
const cameTo = async (wanted) => (await seen()).sms.filter(({ to }) => wanted(to)).length;

// E03: pumping, spread over the nodes, with a change of leader in the middle.
async function pumping() {
  const one = number(1, 1);
  let refused = 0;
  for (let i = 0; i < 40; i++) {
    const { status } = await ask({ sms: one, source: source(1) });
    refused += status === 409 ? 1 : 0;
    if (i === 20) await changeLeader();
  }
  await settled();
  assert.ok(refused >= 40 - CAP.burst, `${refused} of 40 refused`);
  assert.ok((await cameTo((to) => to === one)) <= CAP.burst, 'one number');

  const prefix = number(0, 2).slice(0, -4);
  for (let i = 0; i < 800; i += 40)
    await Promise.all(Array.from({ length: 40 }, (_, k) => ask({ sms: `${prefix}${String(i + k).padStart(4, '0')}`, source: source(2 + ((i + k) % 100)) })));
  await settled();
  assert.equal(await cameTo((to) => to.startsWith(prefix)), CAP.prefix, 'numbers of one prefix');

  const before = (await seen()).sms.length;
  await Promise.all(Array.from({ length: 100 }, (_, i) => ask({ sms: `+8180${fresh(0).slice(0, 2)}${String(i).padStart(2, '0')}${String(i * 7).padStart(4, '0')}`, source: source(200) })));
  await settled();
  const after = (await seen()).sms.length;
  assert.ok(after - before <= CAP.source, `${after - before} for one address, ${CAP.source} are allowed`);

  for (const foreign of ['+12025550123', '+88213123456', '+2526123456', '0990-12-3456', '+81990123456', '0120-123-456', '050-1234-5678']) {
    const { status, json } = await ask({ sms: foreign, source: source(201) });
    assert.equal(status, 422, `${foreign}: ${JSON.stringify(json)}`);
  }
}

async function changeLeader() {
  const from = await leader();
  assert.equal((await operator(from, 'POST', '/v1/transfer', { to: 0 })).status, 200);
  await until('another leader', async () => (await leader()) !== from);
}

// E04: what is no number is refused, what is one has one form and one recipient.
async function numbers() {
  const tail = fresh(4).slice(0, 4);
  const whole = `090${tail}5678`;
  for (const bad of [
    '+1;ext=123', `${whole};ext=1`, `+8190${tail}5678;phone-context=+1`, `${whole}a`, `tel:${whole}`, '0901234567890123456789012345678901234567', `${whole}\r\nTo: +819000000000`,
    `${whole}\n`, `${whole},09087654321`, `${whole} 09087654321`, '٠٩٠١٢٣٤٥٦٧٨', '𝟎𝟗𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖', `09\u200b0${tail}5678`, `+${whole}`, ['+819011112222', '+819033334444'], { to: whole }, 9012345678,
  ]) {
    const { status, json } = await ask({ sms: bad });
    assert.equal(status, 422, `${JSON.stringify(bad)}: ${JSON.stringify(json)}`);
    assert.ok(typeof json.error === 'string' || typeof json.message === 'string', 'it says why');
  }
  for (const good of [whole, `090-${tail}-5678`, `+81 90 ${tail} 5678`, `０９０－${tail}－５６７８`]) {
    const { status, json } = await ask({ sms: good });
    assert.equal(status, 200, `${good}: ${JSON.stringify(json)}`);
    const sms = await until('it arrives', async () => (await seen()).sms.find(({ id }) => id === json.id));
    assert.equal(sms.to, `+8190${tail}5678`, good);
  }
}

const LINK = /(?:https?:\/\/|www\.|(?<![\w@])(?:[a-z0-9-]+\.)+[a-z]{2,}(?![\w]))\S*/gi;
const HOSTILE = [
  '<img src=https://evil.example/x.png onerror=alert(1)>', 'a\r\nBcc: victim@evil.example\r\n\r\nhttps://evil.example/', '<a href="https://evil.example/">x</a>',
  `https://evil.example/${'a'.repeat(2000)}`, 'x\u202egnp.exe \u2066y\u2069', 'www.evil.example にアクセス', '{{link}} {{origin}}', 'a\u0000b', '=?UTF-8?B?QmNjOiB4QHkueg==?=',
];
const TEMPLATES = {
  mail_code: [], password_reset: [], password_changed: [], factor_added: ['factor'], factor_removed: ['factor'], sms_number_changed: [], account_id_change_confirm: [],
  account_id_changed: [], account_closed: [], member_invited: ['company', 'inviter'], entry_confirm: [], entry_known: [], application_received: ['company'], application_approved: ['company'],
  application_denied: ['company', 'reasons'], application_reminder: ['company'],
  account_id_change_asked: [], application_confirm: ['company'], application_known: [], application_incomplete: ['company', 'reasons'], application_arrived: ['company'], application_activate: ['company'],
  application_activated: ['company'], codes_wrong: [], sessions_ended: [], test_mail: [],
};

// E05: each mail template, with words of an attacker in every place that takes words.
async function templates() {
  const origin = `https://localhost:${cluster.port}`;
  let n = 0;
  const sent = [];
  for (const [template, names] of Object.entries(TEMPLATES)) {
    for (const hostile of names.length > 0 ? HOSTILE.filter((text) => !text.includes('\0')) : ['none']) {
      for (const english of [false, true]) {
        const to = `e05-${run}-${n++}@victim.example`;
        const values = Object.fromEntries(names.map((name) => [name, hostile]));
        const { status, json } = await ask({ mail: to, template, values, english });
        assert.equal(status, 200, `${template}: ${JSON.stringify(json)}`);
        sent.push({ id: json.id, to, origin, what: `${template}, ${JSON.stringify(hostile)}` });
      }
    }
  }
  await settled();
  const { mail } = await seen();
  for (const one of sent) judgeMail(mail.find(({ id }) => id === one.id), one);
  for (const to of ['a@victim.example\r\nBcc: b@evil.example', 'a@victim.example, b@evil.example', '<a@victim.example>', '"a b"@victim.example', 'a@víctim.example'])
    assert.equal((await ask({ mail: to })).status, 422, to);
  assert.equal((await ask({ mail: 'a@victim.example', template: 'password_reset', values: { link: 'https://evil.example/' } })).status, 422);
}

function judgeMail(mail, { to, origin, what }) {
  assert.deepEqual(mail.to, [to], `${what}: one recipient`);
  const names = mail.headers.map(([name]) => name);
  assert.deepEqual(names, ['Date', 'From', 'To', 'Subject', 'Message-ID', 'Auto-Submitted', 'MIME-Version', 'Content-Type', 'Content-Transfer-Encoding', 'Content-Language'], `${what}: no header more`);
  assert.match(mail.headers.find(([name]) => name === 'Content-Type')[1], /^text\/plain/, what);
  assert.ok(!/[\r\n]/.test(mail.subject), what);
  for (const link of mail.text.match(LINK) ?? []) assert.ok(link.startsWith(`${origin}/`) || link === `${origin}/`, `${what}: the link ${link}`);
  assert.ok(!/[\u202a-\u202e\u2066-\u2069\u200b-\u200f\r\0]/.test(mail.text.replaceAll('\r\n', '\n')), `${what}: hidden characters`);
  assert.ok(mail.text.length < 4000, `${what}: ${mail.text.length} characters`);
}

// E13: providers that are slow, broken, or lose their answer.
async function providers() {
  for (const fault of [{ delay_s: 30 }, { status: 500 }, { lose: 'before' }]) {
    await sinks.faults({ sms: fault, mail: {} });
    const sent = await Promise.all([0, 1, 2, 3].map((i) => ask({ sms: number(100 + i, 5 + i) })));
    assert.ok(sent.every(({ status, ms }) => status === 200 && ms < AT_ONCE_MS), `told at once: ${sent.map(({ ms }) => ms)}`);
    const began = Date.now();
    const { json } = await ask({ mail: `e13-${run}@victim.example` });
    await until('mail goes on', async () => (await seen()).mail.some(({ id }) => id === json.id), { timeout: AT_ONCE_MS });
    assert.ok(Date.now() - began < AT_ONCE_MS);
    const health = await Promise.all(cluster.nodes.map((node) => operator(node.id, 'GET', '/v1/status')));
    assert.ok(health.every(({ status }) => status === 200), 'no thread is starved');
    await sinks.faults({ sms: {}, mail: {} });
    await until('all arrive', async () => sent.every((one) => latest.has(one.json.id)) || !(latest = new Set((await seen()).sms.map(({ id }) => id))), { timeout: 60000 });
    run++;
  }
  // Taken, and the answer lost: the repetition has the same key.
  await sinks.faults({ sms: { ...weakness.fault, lose: 'after', times: 1 } });
  const { json } = await ask({ sms: number(200, 9) });
  await until('it came again', async () => (await seen()).keys[json.id] >= 2, { timeout: 30000 });
  await settled();
  assert.equal((await seen()).sms.filter(({ id }) => id === json.id).length, 1, 'kept once');
  await sinks.faults({ sms: { delay_s: 0 }, mail: { delay_s: 30, times: 1 } });
  const slow = await ask({ mail: `e13-tar-${run}@victim.example` });
  assert.ok(slow.ms < AT_ONCE_MS, 'a mail server that tarpits');
  await until('it arrives', async () => (await seen()).mail.some(({ id }) => id === slow.json.id), { timeout: 30000 });
}
let latest = new Set();

const checks = {
  E03: ['SMS pumping is capped: number, prefix, address, country, on every node, over a leader change', pumping],
  E04: ['telephone numbers: one form, one recipient, or refused', numbers],
  E05: ['every mail template with hostile words: one recipient, no header, no link', templates],
  E13: ['slow, broken and forgetful providers: told at once, nothing starved, kept once', providers],
};

async function verdict(id) {
  run++;
  await sinks.faults({ sms: {}, mail: {} });
  try {
    await checks[id][1]();
    return null;
  } catch (error) {
    return error;
  } finally {
    await sinks.faults({ sms: {}, mail: {} });
  }
}

const wanted = (process.env.TASUKI_CHECKS ?? '').split(',').filter(Boolean);
for (const [id, [what]] of Object.entries(checks)) {
  if (wanted.length > 0 && !wanted.includes(id)) continue;
  test(`${id} ${what}`, { timeout: 240000 }, async () => {
    const error = await verdict(id);
    rows.push([id, '(nothing)', error ? 'RED' : 'green']);
    if (error) throw error;
  });
  for (const one of messageWeaknesses.filter((weak) => weak.id === id)) {
    test(`${id} turns red: ${one.what}`, { timeout: 240000 }, async () => {
      weakness = one;
      const error = await verdict(id);
      weakness = {};
      rows.push([id, one.what, error ? 'red' : 'GREEN']);
      assert.ok(error, 'the check stays green');
      assert.equal(error.code, 'ERR_ASSERTION', `red by an assertion, not by an accident: ${error.stack}`);
      await settled();
    });
  }
}

// Last, since nothing can be sent after it.
test('E03 all text messages together are capped', { timeout: 120000 }, async (t) => {
  if (wanted.length > 0 && !wanted.includes('E03')) return t.skip();
  run++;
  let refused = 0;
  for (let i = 0; i < CAP.all; i += 40) {
    const told = await Promise.all(Array.from({ length: 40 }, (_, k) => ask({ sms: `+8170${String(1000 + i + k).padStart(4, '0')}0001`, source: source((i + k) % 250) })));
    refused += told.filter(({ status }) => status === 409).length;
  }
  await settled();
  assert.ok(refused > 0);
  // One was kept twice by the gateway that was made to forget its keys.
  assert.equal(new Set((await seen()).sms.map(({ id }) => id)).size, CAP.all, 'as many as may be, and not one more');
  rows.push(['E03', '(all)', 'green']);
});
