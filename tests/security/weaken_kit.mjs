// How a weakness changes what passes (weaken.mjs): parameters, headers, pages, and answers
// that are said again.
export const form = (message) => new URLSearchParams(message.body.toString());
export const setForm = (message, params) => (message.body = Buffer.from(params.toString()));
export const url = (message) => new URL(message.path, 'http://proxy');
export const setUrl = (message, to) => (message.path = to.pathname + to.search);
export const isAuthorize = (message) => message.path.startsWith('/oauth/authorize');
export const isToken = (message) => message.path.startsWith('/oauth/token') && message.method === 'POST';
export const isHtml = (answer) => /text\/html/.test(answer.headers['content-type'] ?? '');

// Change the parameters of an authorization request, wherever they stand.
export function authorizeParams(message, change) {
  if (!isAuthorize(message)) return;
  if (message.method === 'POST') {
    const params = form(message);
    change(params);
    setForm(message, params);
  } else {
    const to = url(message);
    change(to.searchParams);
    setUrl(message, to);
  }
}

export function location(answer, change) {
  if (!answer.headers.location) return;
  const to = new URL(answer.headers.location);
  change(to.searchParams);
  answer.headers.location = to.href;
}

export const html = (answer, change) => {
  if (isHtml(answer)) answer.body = Buffer.from(change(answer.body.toString()));
};

export const success = (values) => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  body: Buffer.from(JSON.stringify({ access_token: 'x'.repeat(90), token_type: 'Bearer', expires_in: 3599, scope: 'openid', ...values })),
});

export const cookieOf = (message, name) => (message.headers.cookie ?? '').match(new RegExp(`(?:^|; )${name}=([^;]*)`))?.[1];
export const SESSION = '__Host-tasuki_session';
export const BROWSER = '__Host-tasuki_browser';
export const header = (name, value) => ({
  response(answer) {
    if (value === undefined) delete answer.headers[name];
    else answer.headers[name] = value;
  },
});

// A token endpoint that answers 200 where it should refuse.
export const lenientToken = {
  request(message) {
    if (!isToken(message)) return undefined;
    this.body = message;
    return undefined;
  },
  response(answer, message) {
    if (!isToken(message)) return;
    if (answer.status === 200) this.last = answer.body;
    else if (this.last) Object.assign(answer, success({}), { body: this.last });
  },
};

// What was taken once is said again, whatever is asked next at the path: of the forms
// that `about` fits.
export const lenient = (path, good, about = /^/) => ({
  response(answer, m) {
    if (m.method !== 'POST' || !m.path.startsWith(path) || !about.test(m.body.toString())) return;
    if (good(answer)) this.last = { status: answer.status, headers: { ...answer.headers }, body: answer.body };
    else if (this.last) Object.assign(answer, this.last);
  },
});
export const PASSKEY = /client_data=[^&]/;
export const WAITING = /^(?!.*enrol=).*quiet=/;
export const withCode = (answer) => /[?&]code=/.test(answer.headers.location ?? '');
export const served = (answer) => answer.status === 200;
