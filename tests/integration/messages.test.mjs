// Mail and text messages to people: through a real mail server and a gateway, two of
// each, that fail in every way that was thought of. A cluster of its own, since the
// leader is killed.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { Cluster } from '../lib/cluster.mjs';
import { ROOT, sleep, until } from '../lib/demo.mjs';
import { get } from '../lib/http.mjs';
import { operator, operatorAgent } from '../lib/admin.mjs';
import { leader } from '../lib/leader.mjs';
import { allMail, allPush, allSms, lastMail, Sinks } from '../lib/messages.mjs';

const NUMBER = '+819012345678';
const SMS_TIMEOUT_MS = 2000;
const BREAKER_PAUSE_MS = 5000; // BREAKER_PAUSE_MS
const LEASE_MS = 15000; // FSM_OUTBOX_LEASE_MS

const CAPS = ['number', 'burst', 'prefix', 'source', 'client', 'all'].map((name) => `sms_cap_${name} = 100000`).concat(['address', 'source', 'all'].map((name) => `mail_cap_${name} = 100000`));
const secrets = { bearer: `/tmp/tasuki-messages-${process.pid}.bearer`, login: `/tmp/tasuki-messages-${process.pid}.login` };
writeFileSync(secrets.bearer, 'gateway-secret-1\n', { mode: 0o600 });
writeFileSync(secrets.login, 'tasuki:mail-secret-1\n', { mode: 0o600 });
const first = await Sinks.open(secrets);
const second = await Sinks.open(secrets);
const cluster = await Cluster.make({
  name: 'messages',
  port: Number(process.env.TASUKI_CLUSTER_PORT ?? 12600),
  binDir: process.env.TASUKI_BIN_DIR,
  lines: [...first.lines({ push: true }), ...second.lines({ second: true, push: true }), ...CAPS, `sms_timeout_ms = ${SMS_TIMEOUT_MS}`, 'smtp_timeout_ms = 2000', 'push_timeout_ms = 2000'],
});
after(async () => {
  await cluster.close();
  await first.close();
  await second.close();
});
await cluster.bootstrap();

const ask = async (...args) => {
  const began = Date.now();
  const told = await cluster.ask(['outbox', 'test', '--json', ...args]);
  assert.equal(told.code, 0, told.stderr);
  return { ...JSON.parse(told.stdout), ms: Date.now() - began };
};
const outbox = async () => JSON.parse((await cluster.ask(['outbox', '--json'])).stdout);
const settled = (timeout = 60000) => until('nothing waits', async () => (await outbox()).waiting === 0, { timeout });
const both = (faults) => Promise.all([first.faults(faults), second.faults(faults)]);
const metric = async (name) => {
  const { body } = await get({ name: 'operator', base: cluster.node(await leader()).operator }, '/metrics', { agent: operatorAgent() });
  return Number(body.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ')[1]);
};
const breaker = (provider) => metric(`tasuki_provider_breaker{provider="${provider}"}`);
const keptIds = (sinks) => allSms(sinks).map(({ id }) => id);
// By kind: how one is sent, what a sink has of it, and the names of its two providers.
const KINDS = {
  sms: { how: ['--sms', NUMBER], kept: allSms, names: ['sms', 'sms_2'] },
  push: { how: ['--push', 'fcm:a-device-of-tests'], kept: allPush, names: ['push', 'push_2'] },
  mail: { how: ['--mail', 'probe@tasuki.example'], kept: allMail, names: ['smtp', 'smtp_2'] },
};
const came = (kind, id, sinks) => sinks.some((one) => KINDS[kind].kept(one).some((kept) => kept.id === id));

// Each begins with providers that work, and breakers that know it.
let moved = false; // to other providers
beforeEach(async () => {
  if (moved) return;
  await both({ sms: {}, mail: {}, push: {} });
  await settled();
  await until('the breakers are closed', async () => {
    for (const { how } of Object.values(KINDS)) await ask(...how);
    await settled();
    for (const { names } of Object.values(KINDS)) if ((await breaker(names[0])) !== 0) return false;
    return true;
  }, { timeout: 90000, every: 1000 });
});

test('a message arrives once, from the preferred provider', async () => {
  const { id } = await ask('--sms', '０９０−１２３４−５６７８');
  const sms = await until('the text message', () => allSms(first).find((one) => one.id === id));
  assert.match(sms.text, /^【Tasuki デモ環境】送信テストです/);
  assert.equal(sms.to, NUMBER, 'as E.164');
  const { id: mailId } = await ask('--mail', 'Someone@Tasuki.Example', '--english');
  const mail = await lastMail('someone@tasuki.example', { sinks: first });
  assert.equal(mail.id, mailId, 'the Message-ID');
  assert.deepEqual(mail.to, ['someone@tasuki.example']);
  assert.equal(mail.from, 'noreply@tasuki.example');
  assert.equal(mail.user, 'tasuki');
  assert.equal(mail.subject, '[Tasuki (demo)] A test of sending mail');
  assert.match(mail.text, /^An operator sent this message[^]*staff of Tasuki \(demo\) never ask/);
  const headers = Object.fromEntries(mail.headers);
  assert.equal(headers['Content-Type'], 'text/plain; charset="UTF-8"');
  assert.equal(headers['Auto-Submitted'], 'auto-generated');
  assert.ok(Math.abs(new Date(headers.Date) - Date.now()) < 60000);
  await settled();
  assert.equal(allSms(second).length + allMail(second).length, 0);
  assert.ok(Object.values((await first.seen()).keys).every((count) => count === 1), 'each key once');
});

for (const [kind, status] of [['sms', 500], ['push', 500], ['mail', '451 4.3.0 later']]) {
  test(`${kind}: a first provider that says ${status}: the other one at once`, async () => {
    await first.faults({ [kind]: { status } });
    const { id } = await ask(...KINDS[kind].how);
    await until('at the second', () => came(kind, id, [second]), { timeout: 10000 });
    await settled();
    assert.ok(!came(kind, id, [first]));
  });
}

// One that hangs keeps slots of its own alone: the two other kinds arrive meanwhile, as
// does what it was to send, by the second provider; and no answer to people waits.
for (const kind of Object.keys(KINDS)) {
  test(`${kind}: a provider that hangs for 30 s delays nothing else`, async () => {
    const others = Object.keys(KINDS).filter((other) => other !== kind);
    await first.faults({ [kind]: { delay_s: 30 } });
    const began = Date.now();
    const sent = await Promise.all(Array.from({ length: 20 }, () => ask(...KINDS[kind].how)));
    assert.ok(Math.max(...sent.map(({ ms }) => ms)) < 10000, 'whoever asks is told at once');
    for (let round = 0; round < 3; round++) {
      const asked = Date.now();
      for (const other of others) {
        const { id } = await ask(...KINDS[other].how);
        await until(`${other} is not delayed`, () => came(other, id, [first]), { timeout: 10000 });
      }
      console.log(`${others} beside ${kind} that hangs: ${Date.now() - asked} ms`);
    }
    await until('all of them, at the second provider', () => sent.every(({ id }) => came(kind, id, [second])), { timeout: 30000 });
    assert.ok(Date.now() - began < 30000, 'before the first would have answered at all');
    assert.equal(await breaker(KINDS[kind].names[0]), 1, 'its breaker is open');
    const after = Date.now();
    const { id } = await ask(...KINDS[kind].how);
    await until('with an open breaker there is no wait at all', () => came(kind, id, [second]), { timeout: 10000 });
    console.log(`${kind} with the breaker open: ${Date.now() - after} ms`);
    await settled();
    assert.deepEqual(KINDS[kind].kept(second).filter((one) => one.id === id).length, 1);
  });
}

// The answer is lost after the message was taken: the same key again, at the same one.
test('a gateway that dies between acceptance and answer is asked again under the same key', async () => {
  await first.faults({ sms: { lose: 'after', times: 1 } });
  const { id } = await ask('--sms', NUMBER);
  await until('it came twice', async () => (await first.seen()).keys[id] === 2);
  await settled();
  assert.equal(keptIds(first).filter((one) => one === id).length, 1, 'and was kept once');
  assert.ok(!keptIds(second).includes(id), 'the other one did not send it too');
});

test('a mail box that is refused is given up at once, and retried when asked', async () => {
  await both({ mail: { status: '550 5.1.1 no such mail box' } });
  const { id } = await ask('--mail', 'nobody@tasuki.example');
  const dead = await until('a dead letter', async () => (await outbox()).messages.find((one) => one.id === id && one.state === 'dead'));
  assert.equal(dead.reason, 'refused');
  assert.equal(dead.client_id, '@mail');
  assert.equal(dead.kind, 'mail');
  assert.ok(!JSON.stringify(await outbox()).includes('nobody@'), 'to whom is not shown');
  assert.equal(await breaker('smtp'), 0, 'a provider that refuses a mail box works');
  await both({ mail: {} });
  assert.equal((await cluster.ask(['outbox', 'retry', id])).code, 0);
  await lastMail('nobody@tasuki.example', { sinks: first, timeout: 3000 });
});

test('a mail server that says later is asked later, and the other one is tried', async () => {
  await both({ mail: { status: '451 4.3.0 later' } });
  const { id } = await ask('--mail', 'later@tasuki.example');
  await until('both were asked', async () => (await first.seen()).calls.mail > 0 && (await second.seen()).calls.mail > 0);
  await both({ mail: {} });
  await until('it arrives', () => [...allMail(first), ...allMail(second)].some((mail) => mail.id === id), { timeout: 60000 });
});

test('while all providers are down nothing is used up, and nothing lost', async () => {
  await both({ sms: { status: 503 } });
  const sent = await Promise.all(Array.from({ length: 10 }, () => ask('--sms', NUMBER)));
  await until('the breakers are open', async () => (await breaker('sms')) === 1 && (await breaker('sms_2')) === 1, { timeout: 20000 });
  await sleep(2000);
  const waiting = (await outbox()).messages.filter(({ client_id }) => client_id === '@sms');
  assert.equal(waiting.length, sent.length);
  assert.ok(waiting.every(({ state }) => state !== 'dead'));
  assert.ok(Math.max(...waiting.map(({ attempts }) => attempts)) <= 5, JSON.stringify(waiting));
  await both({ sms: {} });
  await until('all arrive', () => sent.every(({ id }) => [...keptIds(first), ...keptIds(second)].includes(id)), { timeout: 60000 + BREAKER_PAUSE_MS });
  await settled();
});

test('a code that is older than its validity is not sent any more, and its content is gone', async () => {
  await both({ sms: { status: 503 } });
  const { status, json } = await operator(1, 'POST', '/v1/outbox/test', { sms: NUMBER, template: 'sms_code', valid_s: 3 });
  assert.equal(status, 200, JSON.stringify(json));
  const dead = await until('a dead letter', async () => (await outbox()).messages.find((one) => one.id === json.id && one.state === 'dead'), { timeout: 30000 });
  assert.equal(dead.reason, 'expired');
  assert.ok(dead.attempts <= 3, `${dead.attempts} attempts`);
  await both({ sms: {} });
  const again = await cluster.ask(['outbox', 'retry', json.id]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /true no more/);
  await settled();
  await sleep(1000);
  assert.ok(![...keptIds(first), ...keptIds(second)].includes(json.id));
  for (const args of [['test'], ['test', '--mail', 'a@b.example', '--sms', NUMBER], ['list', '--sms', NUMBER], ['test', 'x', '--sms', NUMBER]]) assert.equal((await cluster.ask(['outbox', ...args])).code, 64, args.join(' '));
  assert.match((await cluster.ask(['outbox', 'test', '--sms', '03-1234-5678'])).stderr, /not a mobile number/);
});

test('the leader dies in mid-send: nothing is lost, and nothing is kept twice', async () => {
  await first.faults({ sms: { delay_s: 1 } });
  const victim = await leader();
  const sent = await Promise.all(Array.from({ length: 24 }, () => ask('--sms', NUMBER)));
  await until('calls are under way', async () => (await first.seen()).calls.sms > 0, { every: 20 });
  await sleep(300);
  await cluster.kill(victim);
  const killed = Date.now();
  const kept = () => [...keptIds(first), ...keptIds(second)];
  await until('every one arrives', () => sent.every(({ id }) => kept().includes(id)), { timeout: LEASE_MS + 30000 });
  console.log(`all arrived ${Date.now() - killed} ms after the kill`);
  await settled();
  for (const { id } of sent) assert.equal(kept().filter((one) => one === id).length, 1, id);
  const counts = Object.values((await first.seen()).keys);
  console.log(`keys that came more than once: ${counts.filter((count) => count > 1).length}`);
  cluster.start(victim);
  await cluster.ready(victim);
  await cluster.settled();
});

// Nothing but a test's cluster may talk without TLS: smtp:// is STARTTLS or nothing.
test('TLS to both: STARTTLS and https, by certificates that are trusted, or not at all', async () => {
  moved = true;
  const secure = await Sinks.open({ ...secrets, tls: [join(cluster.pki, 'http.crt'), join(cluster.pki, 'http.key')] });
  const foreign = join(cluster.dir, 'foreign');
  await cluster.mustRun(join(ROOT, 'ops/pki'), ['init', foreign]);
  await cluster.mustRun(join(ROOT, 'ops/pki'), ['http', foreign, '--host', '127.0.0.1']);
  const impostor = await Sinks.open({ tls: [join(foreign, 'http.crt'), join(foreign, 'http.key')] });
  const restart = async (lines) => {
    for (const { id, conf } of cluster.nodes) {
      await cluster.stop(id);
      cluster.configure(id, lines);
      const text = readFileSync(conf, 'utf8').split('\n').filter((line) => !/^s\w+_2 = /.test(line)).join('\n');
      writeFileSync(conf, text);
    }
    for (const { id } of cluster.nodes) cluster.start(id);
    for (const { id } of cluster.nodes) await cluster.ready(id);
  };
  try {
    await restart(secure.lines());
    const [sms, mail] = [await ask('--sms', NUMBER), await ask('--mail', 'tls@tasuki.example')];
    await until('the text message', () => keptIds(secure).includes(sms.id));
    const kept = await until('the mail', () => allMail(secure).find(({ id }) => id === mail.id));
    assert.equal(kept.tls, true);
    assert.equal(kept.user, 'tasuki');
    for (const [lines, what] of [[impostor.lines(), 'a certificate of another CA'], [[`smtp_url = smtp://127.0.0.1:${first.smtp}`, `sms_url = https://127.0.0.1:${first.http}/sms`], 'no TLS at all']]) {
      await restart(lines);
      const before = (await impostor.seen()).calls;
      const both = [await ask('--sms', NUMBER), await ask('--mail', 'tls@tasuki.example')];
      const failed = await until(`${what} is a failure`, async () => {
        const found = (await outbox()).messages.filter(({ id, reason }) => both.some((one) => one.id === id) && reason !== '');
        return found.length === 2 && found;
      });
      for (const { reason, kind } of failed) assert.ok(reason === 'tls' || (kind === 'sms' && what === 'no TLS at all' && reason === 'timeout'), `${what}, ${kind}: ${reason}`);
      assert.deepEqual((await impostor.seen()).calls, before, 'it saw nothing');
      await restart(secure.lines());
      await until('they arrive where they are trusted', () => keptIds(secure).includes(both[0].id) && allMail(secure).some(({ id }) => id === both[1].id), { timeout: 60000 });
    }
  } finally {
    await secure.close();
    await impostor.close();
  }
});

test('secrets and recipients stand in no log', async () => {
  assert.ok(cluster.nodes.some(({ id }) => cluster.events(id, 'outbound.failed').some(({ provider }) => provider === 'smtp')), 'failures are logged, with the provider');
  for (const { id } of cluster.nodes) {
    const log = cluster.logText(id);
    for (const secret of ['gateway-secret-1', 'mail-secret-1', '9012345678', 'someone@tasuki.example', 'nobody@tasuki.example']) assert.ok(!log.includes(secret), `${secret} in the log of node ${id}`);
  }
});
