// pages: HTML of the demo's relying parties. Every value goes through `html`, which
// escapes; `raw` marks what is HTML already.
const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => ESCAPES[c]);

const RAW = Symbol('html');
const raw = (text) => ({ [RAW]: text });
const show = (value) => {
  if (value === null || value === undefined || value === false) return '';
  if (Array.isArray(value)) return value.map(show).join('');
  return value[RAW] ?? escape(value);
};
const html = (parts, ...values) =>
  raw(parts.reduce((text, part, i) => text + part + (i < values.length ? show(values[i]) : ''), ''));

export function page({ lang, t, path }, title, body) {
  const other = lang === 'en' ? 'ja' : 'en';
  const to = `/language?to=${other}&back=${encodeURIComponent(path)}`;
  return show(html`<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><div class="bar"><a class="brand" href="/">${t('title')}</a>
<span class="tag">${t('demo')}</span>
<a class="lang" lang="${other}" href="${to}">${t('switchTo')}</a></div></header>
<main>${body}</main>
</body>
</html>
`);
}

function card(t, rp, signedIn) {
  return html`<li><a class="card" href="/rp/${rp.client_id}${signedIn ? '' : '/login'}">
<span class="name">${rp.name}</span>
<span class="note">${rp.ministry}${rp.start_month ? html` · ${t('since')} ${rp.start_month}` : ''}</span>
<span class="state${signedIn ? ' in' : ''}">${signedIn ? t('signedIn') : t('signIn')}</span></a></li>`;
}

export function listPage(view, config, session) {
  const { t } = view;
  const list = (government) =>
    config.clients
      .filter((rp) => rp.government === government)
      .map((rp) => card(t, rp, session?.signedIn.has(rp.client_id)));
  return page(
    view,
    t('title'),
    html`<h1>${t('title')}</h1><p class="lead">${t('lead')}</p>
<h2>${t('government')}</h2><ul class="cards">${list(true)}</ul>
<h2>${t('other')}</h2><ul class="cards">${list(false)}</ul>`,
  );
}

const table = (object) =>
  html`<table><tbody>${Object.entries(object).map(
    ([name, value]) =>
      html`<tr><th scope="row">${name}</th><td>${typeof value === 'object' ? JSON.stringify(value) : value}</td></tr>`,
  )}</tbody></table>`;

function shape(t, token) {
  if (!token) return t('none');
  const kind = token.split('.').length === 3 ? 'JWT' : t('opaque');
  return `${kind}, ${token.length} ${t('characters')}`;
}

const button = (session, rp, action, label, style = '') =>
  html`<form method="post" action="/rp/${rp.client_id}/${action}"><input type="hidden" name="csrf" value="${session.csrf}">
<button class="${style}">${label}</button></form>`;

export function rpPage(view, rp, session, who) {
  const { t } = view;
  const back = html`<p><a href="/">${t('back')}</a></p>`;
  const head = html`<h1>${rp.name}</h1><p class="note">${rp.ministry} <code>${rp.client_id}</code></p>`;
  if (!who) {
    const told = session?.toldOut.get(rp.client_id);
    return page(
      view,
      rp.name,
      html`${head}<p>${t('notSignedIn')}</p>${told ? html`<p>${t('toldOut')} ${new Date(told).toISOString()}</p>` : ''}<p><a class="button" href="/rp/${rp.client_id}/login">${t('signIn')}</a></p>${back}`,
    );
  }
  return page(
    view,
    rp.name,
    html`${head}
<p class="who">${t('account')}: <strong>${who.claims.email ?? who.claims.sub}</strong></p>
<div class="buttons">
${who.refreshToken ? button(session, rp, 'refresh', t('refresh')) : ''}
${button(session, rp, 'userinfo', t('userinfo'))}
${button(session, rp, 'logout', t('leave'), 'quiet')}
${button(session, rp, 'logout-all', t('leaveAll'), 'quiet')}
</div>
<h2>${t('claims')}</h2>${table(who.claims)}
<h2>${t('idToken')}</h2><h3>${t('header')}</h3>${table(who.idToken.header)}
<h3>${t('payload')}</h3>${table(who.idToken.payload)}
<h2>${t('tokens')}</h2>${table({
      [t('accessToken')]: `${shape(t, who.accessToken)}; ${t('expires')} ${new Date(who.expiresMs).toISOString()}`,
      [t('refreshToken')]: shape(t, who.refreshToken) + (who.refreshes ? `; ${who.refreshes} ${t('refreshed')}` : ''),
      scope: who.scope ?? '',
    })}
<h2>${t('answeredBy')}</h2>${table(who.answeredBy)}
${back}`,
  );
}

export function failurePage(view, rp, { error, description }) {
  const { t } = view;
  return page(
    view,
    t('failed'),
    html`<h1>${t('failed')}</h1><p>${rp.name}</p><h2>${t('details')}</h2>
${table({ error, error_description: description ?? '' })}
<p><a class="button" href="/rp/${rp.client_id}/login">${t('again')}</a></p><p><a href="/">${t('back')}</a></p>`,
  );
}

export const messagePage = (view, message) =>
  page(view, message, html`<h1>${message}</h1><p><a href="/">${view.t('back')}</a></p>`);
