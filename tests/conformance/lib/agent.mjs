// A person's browser without a browser: cookies, redirects, and the pages for sign-in
// and consent, each of them asked of the next node.
import assert from 'node:assert/strict';
import { Browser, isConsentPage, isLoginPage, notice, submitConsent, submitLogin } from '../../lib/flow.mjs';
import { formWith } from '../../lib/html.mjs';
import { note } from '../../lib/secrets.mjs';
import { responseMode } from './response_mode.mjs';

const STEPS_MAX = 8;

// A page with a form for the relying party (Form Post Response Mode §2): where it goes,
// with its fields as a query would bring them, and the fields.
function postedBy(answer, issuer) {
  const form = answer.status === 200 && answer.isHtml ? formWith(answer.body, 'iss') : undefined;
  if (!form) return {};
  const url = new URL(form.action);
  assert.notEqual(url.origin, new URL(issuer).origin, 'the form goes to the relying party');
  assert.equal(form.method?.toLowerCase(), 'post', 'the form is posted');
  assert.match(answer.headers['cache-control'] ?? '', /no-store/, 'a page with a code is not kept (Form Post Response Mode §4)');
  for (const [name, value] of Object.entries(form.fields)) url.searchParams.append(name, value);
  return { location: url.href, posted: form.fields };
}

export class Agent {
  // `account`: who signs in; `consent`: 'allow' or 'deny'.
  constructor(op, account, { jar, language = 'ja', consent = 'allow' } = {}) {
    Object.assign(this, { op, account, consent });
    this.browser = new Browser(op.next(), { jar, language });
  }

  // Go to an address of the provider, and as far as no person is needed. What comes
  // back is { answer } of a page, or { location } outside of the provider.
  async open(address, { form, limit = STEPS_MAX } = {}) {
    const { origin } = new URL(this.op.issuer);
    let url = new URL(address);
    let answer;
    for (let step = 0; step < limit; step++) {
      const path = url.pathname + url.search;
      const options = { at: this.op.next() };
      answer = form && step === 0 ? await this.browser.post(path, form, options) : await this.browser.get(path, options);
      if (![302, 303].includes(answer.status)) return { answer, ...postedBy(answer, this.op.issuer) };
      const next = new URL(answer.location, url);
      if (next.origin !== origin) return { answer, location: next.href };
      url = next;
    }
    assert.fail(`more than ${limit} redirects`);
  }

  // What a person does on the pages that come up. Adds `pages`: which ones there were.
  async visit(address, options = {}) {
    const pages = [];
    let { answer, location, posted } = await this.open(address, options);
    while (!location && pages.length < STEPS_MAX) {
      if (isLoginPage(answer)) {
        assert.ok(!pages.includes('login'), `sign-in refused: ${notice(answer)}`);
        pages.push('login');
        options.onPage?.('login', answer);
        answer = await submitLogin(this.browser, answer, this.account, { at: this.op.next() });
      } else if (isConsentPage(answer)) {
        pages.push('consent');
        options.onPage?.('consent', answer);
        answer = await submitConsent(this.browser, answer, this.consent, { at: this.op.next() });
      } else {
        break;
      }
      if ([302, 303].includes(answer.status)) {
        const next = new URL(answer.location, this.op.issuer);
        if (next.origin === new URL(this.op.issuer).origin) ({ answer, location, posted } = await this.open(next.href));
        else location = next.href;
      } else {
        ({ location, posted } = postedBy(answer, this.op.issuer));
      }
    }
    if (location) note(new URL(location).searchParams.get('code'));
    return { answer, location, posted, pages };
  }
}

// The parameters of a response to `redirectUri`, which must come as it was asked for.
export function answered(result, redirectUri) {
  assert.ok(result.location, `no response: ${result.answer.status} ${notice(result.answer)}`);
  assert.equal(Boolean(result.posted), responseMode() === 'form_post', `the response comes ${result.posted ? 'by a form' : 'in the query'}`);
  const url = new URL(result.location);
  const want = new URL(redirectUri);
  assert.equal(url.origin + url.pathname, want.origin + want.pathname, `the redirect goes to the redirect_uri, not ${url.origin}${url.pathname}`);
  assert.equal(url.hash, '', 'nothing in the fragment');
  for (const [name, value] of want.searchParams) assert.equal(url.searchParams.get(name), value, 'the query of the redirect_uri is kept');
  const names = [...url.searchParams.keys()];
  assert.equal(new Set(names).size, names.length, 'no parameter twice');
  return Object.fromEntries([...url.searchParams].filter(([name]) => !want.searchParams.has(name)));
}

// An error page of the provider's own, and no redirect.
export function assertErrorPage(result) {
  assert.equal(result.location, undefined, `redirected: ${result.location}`);
  assert.ok(result.answer.status >= 400 && result.answer.status < 500, `status ${result.answer.status}`);
  assert.ok(result.answer.isHtml, 'a page for a person');
  assert.ok(!isLoginPage(result.answer), 'not the sign-in page');
  return result.answer;
}
