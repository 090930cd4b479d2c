// Files to the intake: each in chunks that fit into a request, checked by its hash, then
// told as bundles: STEM-1.jpg, STEM-2.jpg ... are one stack of paper. What was sent before
// is known by its hash and changes nothing.
'use strict';
(() => {
  const form = document.getElementById('upload');
  if (!form) return;
  const CHUNK = 48 * 1024; // server/blob.h
  const BUNDLE_FILES = 16; // store/base/limits.h
  const NAME_BYTES = 100; // of a file, of a batch: store/store_intake.h has a little more
  const LABEL_BYTES = 64;
  const TRIES = 4;
  // Of this page: two that send the same file do not write into one (server/svc_blob.h).
  const writer = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const status = document.getElementById('upload-status');
  const text = (key) => status.dataset[key] || '';
  const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const sha256 = async (bytes) => hex(await crypto.subtle.digest('SHA-256', bytes));
  const FORMATS = [[/\.tiff?$/i, 'tiff'], [/\.pdf$/i, 'pdf'], [/\.jpe?g$/i, 'jpeg']];
  const formatOf = (name) => FORMATS.find(([pattern]) => pattern.test(name))?.[1];

  // The end of a name (there its number stands), whole characters of it.
  function ending(name, max) {
    const characters = [...name];
    while (new TextEncoder().encode(characters.join('')).length > max) characters.shift();
    return characters.join('');
  }

  // The balancer goes by the hash, so that all of a file is at one node.
  async function send(hash, fields, chunk) {
    const body = new FormData();
    for (const [name, value] of Object.entries({ csrf: form.elements.csrf.value, ...fields })) body.append(name, value);
    if (chunk) body.append('file', chunk, 'chunk');
    const answer = await fetch(`${form.getAttribute('action')}?sha256=${hash}`, { method: 'POST', body, redirect: 'manual', headers: { accept: 'application/json' } });
    if (answer.status !== 204) throw new Error(`${answer.status || 'signed out'}`);
  }

  async function sendFile(file) {
    const bytes = await file.arrayBuffer();
    const hash = await sha256(bytes);
    const fields = { sha256: hash, size: String(bytes.byteLength), writer };
    for (let index = 0; index * CHUNK < bytes.byteLength; index++)
      await send(hash, { ...fields, step: 'part', index: String(index) }, new Blob([bytes.slice(index * CHUNK, (index + 1) * CHUNK)]));
    await send(hash, { ...fields, step: 'commit', index: '0' });
    return { sha256: hash, size: bytes.byteLength, format: formatOf(file.name), name: ending(file.name, NAME_BYTES) };
  }

  async function again(work) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (attempt === TRIES) throw error;
        await new Promise((done) => setTimeout(done, 500 * attempt));
      }
    }
  }

  const stackOf = (name) => name.replace(/-\d+(\.[a-z]+)$/i, '$1');
  function stacks(files) {
    const byStem = new Map();
    for (const file of files) byStem.set(stackOf(file.name), [...(byStem.get(stackOf(file.name)) || []), file]);
    return [...byStem.values()].flatMap((stack) => Array.from({ length: Math.ceil(stack.length / BUNDLE_FILES) }, (_, i) => stack.slice(i * BUNDLE_FILES, (i + 1) * BUNDLE_FILES)));
  }

  async function upload(files) {
    const taken = files.filter((file) => formatOf(file.name)).sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    const bundles = [];
    let done = 0;
    for (const stack of stacks(taken)) {
      const sent = [];
      for (const file of stack) {
        status.textContent = `${text('sending')} ${++done} / ${taken.length} ${file.name}`;
        sent.push(await again(() => sendFile(file)));
      }
      bundles.push(sent);
    }
    if (bundles.length === 0) throw new Error(text('none'));
    const batch = (await sha256(new TextEncoder().encode(bundles.flat().map((file) => file.sha256).sort().join('\n')))).slice(0, 32);
    await again(() => send(batch, { step: 'batch', batch, label: ending(form.elements.label.value || taken[0].name, LABEL_BYTES), received_on: form.elements.received_on.value }));
    for (const [position, stack] of bundles.entries()) await again(() => send(batch, { step: 'bundle', batch, position: String(position), files: JSON.stringify(stack) }));
    return `${taken.length} / ${files.length}`;
  }

  form.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    try {
      status.textContent = `${text('done')} ${await upload([...form.elements.files.files])}`;
      form.dataset.state = 'done';
    } catch (error) {
      status.textContent = `${text('failed')} ${error.message}`;
      form.dataset.state = 'failed';
    }
    button.disabled = false;
  });
})();
