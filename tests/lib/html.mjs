// As much of HTML as our pages need: forms, links, resources.
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

export function unescape(text) {
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (all, name) => {
    if (name[0] !== '#') return ENTITIES[name] ?? all;
    const hex = name[1] === 'x' || name[1] === 'X';
    return String.fromCodePoint(parseInt(name.slice(hex ? 2 : 1), hex ? 16 : 10));
  });
}

export function attributes(tag) {
  const result = {};
  for (const m of tag.matchAll(/([^\s=<>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?/g))
    result[m[1].toLowerCase()] = unescape(m[2] ?? m[3] ?? m[4] ?? '');
  return result;
}

const tags = (html, name) =>
  [...html.matchAll(new RegExp(`<${name}((?:\\s+[^\\s=<>"'/]+(?:\\s*=\\s*(?:"[^"]*"|'[^']*'|[^\\s>"']+))?|\\s|/)*)>`, 'gi'))].map(
    (m) => attributes(m[1]),
  );

export function forms(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map((m) => {
    const { action = '', method = 'get' } = attributes(m[1]);
    const fields = {};
    for (const input of tags(m[2], 'input')) {
      if (!input.name || /^(submit|button|image|reset)$/i.test(input.type ?? '')) continue;
      if (/^(checkbox|radio)$/i.test(input.type ?? '') && input.checked === undefined) continue;
      fields[input.name] = input.value ?? '';
    }
    const buttons = [...tags(m[2], 'button'), ...tags(m[2], 'input').filter((i) => /^submit$/i.test(i.type ?? ''))];
    return { action, method: method.toLowerCase(), fields, buttons, html: m[2] };
  });
}

export const formWith = (html, field) => forms(html).find((form) => field in form.fields);

// Every address that a browser would load or follow.
export function addresses(html) {
  const found = [];
  for (const name of ['a', 'link', 'script', 'img', 'iframe', 'form', 'source', 'video', 'audio', 'object', 'embed', 'use']) {
    for (const tag of tags(html, name)) {
      for (const key of ['href', 'src', 'action', 'data', 'srcset', 'xlink:href', 'poster', 'formaction'])
        if (tag[key]) found.push({ tag: name, key, value: tag[key] });
    }
  }
  return found;
}
