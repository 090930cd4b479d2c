// The whole path in Chromium, without script: the form, the mailed link, the printed PDF,
// its scan through `tasuki intake` and the OCR farm, the reviewer's console, the approval's
// link, password and second step, the first sign-in at a relying party.
import '../lib/runtime.mjs';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { addClient, operator, word } from '../lib/admin.mjs';
import { applicant } from '../lib/apply.mjs';
import { Center } from '../lib/desk.mjs';
import { until } from '../lib/demo.mjs';
import { authorizeParams, authorizePath, pkce, redeem, userinfo } from '../lib/flow.mjs';
import { get } from '../lib/http.mjs';
import { codeOf, lastMail, lastSms, linkOf } from '../lib/messages.mjs';
import { addStaff, freshCode } from '../lib/staff.mjs';

const center = await Center.make('whole-path');
const { cluster, sinks } = center;
const origin = `https://localhost:${cluster.port}`;
const desk = center.consoles[1];
const bin = process.env.TASUKI_BIN_DIR;
const shots = join(process.env.TASUKI_OUT_DIR ?? cluster.dir, 'screenshots');
const LONG = { timeout: 180000, every: 200 };
const VIEWS = { ja: { locale: 'ja-JP', viewport: { width: 1280, height: 900 } }, en: { locale: 'en-US', viewport: { width: 390, height: 844 } } };
const NO_LEAKS = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' }; // fontconfig's
const callback = `https://localhost:${cluster.port + 59}/callback`;
const rp = await addClient({ name: 'whole', redirect_uris: [callback] });
let browser, worker, service, back;

before(async () => {
  mkdirSync(shots, { recursive: true });
  // The issuer's own port is a balancer's, which this cluster has not.
  browser = await chromium.launch({
    executablePath: process.env.TASUKI_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      `--host-resolver-rules=MAP localhost:${cluster.port} 127.0.0.1:${cluster.port + 1}`],
  });
  const [cert, key] = ['crt', 'key'].map((name) => readFileSync(join(cluster.pki, `http.${name}`)));
  service = createServer({ cert, key }, (request, answer) => {
    if (request.url.startsWith('/callback?')) back = new URL(request.url, callback);
    answer.setHeader('content-type', 'text/html').end('<p>the service</p>');
  });
  await new Promise((done) => service.listen(cluster.port + 59, '127.0.0.1', done));
  const conf = join(cluster.dir, 'worker.conf');
  writeFileSync(conf, [`nodes = ${center.farm.bases.join(' ')}`, `ca = ${cluster.pki}/ca.crt`, `cert = ${cluster.pki}/worker-farm.crt`,
    `key = ${cluster.pki}/worker-farm.key`, 'idle_ms = 100', 'time_limit_ms = 120000', 'memory_limit_mb = 1024', ''].join('\n'));
  worker = spawn(join(bin, 'tasuki-ocr'), ['run', '--config', conf], { stdio: ['ignore', 'ignore', 'inherit'], env: NO_LEAKS });
});
after(async () => {
  worker?.kill();
  service?.close();
  await browser?.close();
  await center.close();
});

async function open(language, more = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false, ...VIEWS[language], ...more });
  context.setDefaultTimeout(60000);
  const page = await context.newPage();
  return {
    context,
    page,
    shot: (name) => page.screenshot({ path: join(shots, `whole-${name}-${language}.png`), fullPage: true }),
    submit: (selector = 'main form button[type=submit]') => Promise.all([page.waitForNavigation(), page.click(selector)]),
    fill: async (values) => {
      for (const [name, value] of Object.entries(values)) {
        const input = page.locator(`[name=${name}]:not([type=hidden])`);
        if (name === 'agree') await input.check();
        else if (/^(prefecture|birth_era)$/.test(name)) await input.selectOption(value);
        else await input.fill(value);
      }
    },
  };
}

// 申請書ID and the printed form.
async function apply(language, person) {
  const { context, page, shot, submit, fill } = await open(language);
  await page.goto(`${origin}/`);
  await submit('a[href="/apply"]');
  await submit('a[href="/apply?kind=corporation"]');
  await fill(person);
  await submit();
  await submit('#send');
  await page.goto(linkOf(await lastMail(person.email, { sinks })));
  await submit('#confirm');
  await shot('number');
  const id = (await page.textContent('#application_id')).trim();
  const { pathname, search } = new URL(linkOf(await lastMail(person.email, { sinks, match: /\/apply\/document\?ticket=/ })));
  const pdf = await get(cluster.node(3), pathname + search);
  assert.equal(pdf.headers['content-type'], 'application/pdf');
  await context.close();
  return { id, pdf: pdf.bytes };
}

// What the applicant posts, and the post room scans.
async function scan(id, person, pdf) {
  const folder = join(cluster.dir, `post-${id}`), form = join(cluster.dir, `${id}.pdf`);
  mkdirSync(join(folder, 'B01'), { recursive: true });
  writeFileSync(form, pdf);
  const issued = new Date(Date.now() - 20 * 86400000).toISOString().slice(0, 10);
  await cluster.mustRun(join(bin, 'tests/ocr/scan_paper'), ['--pdf', form, '--number', person.corporate_number, '--company', person.company,
    '--name', `${person.last_name} ${person.first_name}`, '--birth', '1980-03-07', '--issued', issued, join(folder, 'B01', 'S0001.tif')],
    { env: NO_LEAKS });
  const taken = await cluster.ask(['intake', folder, '--json']);
  assert.equal(taken.code, 0, taken.stderr);
  let evidence;
  await until(`the farm has read ${id}`, async () => {
    for (const node of [1, 2, 3]) { // two of them have it
      ({ evidence } = (await operator(node, 'POST', '/v1/applications/evidence', { application_id: id })).json);
      if (evidence) return true;
    }
    return false;
  }, LONG);
}

// Claim and approve; true: that was enough, false: another person is due.
async function approve(id, roles) {
  const person = await addStaff(roles);
  const view = await open('ja', { clientCertificates: [{ origin: desk.base, cert: desk.tls.cert, key: desk.tls.key }] });
  const { page, submit, shot } = view;
  await page.goto(`${desk.base}/staff/login`);
  await page.fill('#name', person.name);
  await page.fill('#password', person.password);
  await page.fill('#code', await freshCode(person));
  await submit();
  await page.goto(`${desk.base}/staff/application?id=${id}`);
  await submit('form[action="/staff/application/claim"] button');
  await shot(`desk-${roles.length}`);
  await submit('button[value=approve]');
  const { searchParams } = new URL(page.url());
  await view.context.close();
  assert.match(searchParams.get('notice'), /^(approved|second_due)$/);
  return searchParams.get('notice') === 'approved';
}

async function activate(language, person, password) {
  const { context, page, shot, submit } = await open(language);
  await page.goto(linkOf(await lastMail(person.email, { sinks, match: /activate/ })));
  await shot('activate');
  const since = Date.now();
  await submit('#send');
  await page.fill('#code', codeOf(await lastSms(person.phone, { sinks, after: since })));
  await shot('password');
  await page.fill('#password', password);
  await page.fill('#password_again', password);
  await submit('#activate');
  assert.ok(await page.isVisible('[role=status]'));
  await context.close();
}

// At the RP: claims of the account.
async function signIn(language, person, password) {
  const { verifier, challenge } = pkce();
  const sent = authorizeParams(rp, { code_challenge: challenge, code_challenge_method: 'S256', scope: 'openid profile user email' });
  const { context, page, shot, submit } = await open(language);
  back = undefined;
  await page.goto(origin + authorizePath(sent));
  await page.fill('input[name=account_id]', person.email);
  await page.fill('input[name=password]', password);
  const since = Date.now();
  await submit();
  await shot('second-step');
  await page.fill('input[name=code]', codeOf(await lastSms(person.phone, { sinks, after: since })));
  await submit();
  assert.ok(back?.searchParams.get('code'), page.url());
  assert.equal(back.searchParams.get('state'), sent.state);
  const answer = await redeem(cluster.node(2), rp, back.searchParams.get('code'), { verifier });
  assert.equal(answer.status, 200, answer.body);
  await context.close();
  return (await userinfo(cluster.node(3), answer.json.access_token)).json;
}

for (const language of Object.keys(VIEWS)) {
  test(`from the form to the first sign-in: ${language}`, { timeout: 400000 }, async () => {
    const person = applicant({ email: `whole-${word()}@example.test` });
    const password = `whole path ${word(10)}`;
    const { id, pdf } = await apply(language, person);
    await scan(id, person, pdf);
    if (!(await approve(id, ['reviewer']))) assert.ok(await approve(id, ['reviewer', 'approver']), 'two people were enough');
    await activate(language, person, password);
    const claims = await signIn(language, person, password);
    assert.equal(claims.account_type, 2);
    assert.equal(claims.name, person.company);
    assert.equal(claims.email, person.email);
  });
}
