// Verdicts against the truth: what ops/bench ocr counts, and how it prints it.

const SEAL_ONLY = new Set(['doubt_seal']);
const FIELDS = {
  form_number: ['form', (t) => t.form?.corporate_number],
  form_name: ['form', (t) => t.form?.name],
  form_birth: ['form', (t) => t.form?.birth_text],
  cert_number: ['certificate', (t) => t.certificate?.number12],
  cert_name: ['certificate', (t) => t.certificate?.name],
  cert_birth: ['certificate', (t) => t.certificate?.birth_text],
  cert_issued: ['certificate', (t) => t.certificate?.issued_text],
};
const plain = (text) => text.normalize('NFKC').replace(/\s/g, '').replace(/生$/, '');
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

// Centre of `quad` within the other, both in scan pixels: the field was found.
function inside(quad, box) {
  const cx = quad.reduce((s, p) => s + p[0], 0) / 4, cy = quad.reduce((s, p) => s + p[1], 0) / 4;
  const xs = box.map((p) => p[0]), ys = box.map((p) => p[1]);
  return cx >= Math.min(...xs) - 5 && cx <= Math.max(...xs) + 5 && cy >= Math.min(...ys) - 5 && cy <= Math.max(...ys) + 5;
}

// Does the read quad begin at the corner where upright text begins?
function upright(truth, page) {
  if (!truth.quads || !Object.keys(truth.quads).length) return null;
  const quad = Object.values(truth.quads)[0];
  const turn = Math.round((Math.atan2(quad[1][1] - quad[0][1], quad[1][0] - quad[0][0]) * 180) / Math.PI / 90) * 90;
  return ((turn % 360) + 360) % 360 === page.turn;
}

function scorePages(results) {
  const pages = { count: 0, kind_right: 0, form_cert: 0, form_cert_right: 0, confusion: {} };
  for (const { job, evidence } of results) {
    job.app.pages.forEach((truth, i) => {
      const page = evidence.pages[i];
      const key = `${truth.kind} -> ${page?.kind ?? 'none'}`;
      pages.count++;
      pages.confusion[key] = (pages.confusion[key] ?? 0) + 1;
      if (page?.kind === truth.kind) pages.kind_right++;
      if (truth.kind !== 'form' && truth.kind !== 'certificate') return;
      pages.form_cert++;
      if (page?.kind === truth.kind && upright(truth, page) !== false) pages.form_cert_right++;
    });
  }
  return pages;
}

function scoreFields(results) {
  const fields = {};
  for (const [name, [paper, want]] of Object.entries(FIELDS)) {
    const f = (fields[name] = { present: 0, found: 0, exact: 0, agrees: 0, doubtful: 0, differs: 0 });
    for (const { job, evidence } of results) {
      const text = want(job.app);
      if (!text || (job.app.reason === 'hand_corrected' && name === 'form_number')) continue;
      const read = evidence.fields.find((x) => x.field === name);
      const truth = job.app.pages.find((p) => p.kind === paper);
      const key = name.replace(/^\w+?_/, '').replace('number', 'corporate_number');
      f.present++;
      if (!read) continue;
      if (!truth?.quads?.[key] || inside(truth.quads[key], read.quad)) f.found++;
      if (plain(read.text) === plain(text)) f.exact++;
      if (read.verdict === 'agrees' || read.verdict === 'variant') f.agrees++;
      else f[read.verdict] = (f[read.verdict] ?? 0) + 1;
    }
  }
  return fields;
}

const sealsOf = (results, pick) => results.filter(({ job }) => pick(job.app))
  .map(({ evidence }) => evidence.fields.find((f) => f.field === 'form_seal')?.confidence)
  .filter((s) => s !== undefined).sort((a, b) => a - b);

export function score(results, usage) {
  const f = {
    applications: results.length, good: 0, bad: 0, good_ok: 0, false_ok: 0, good_ng: 0,
    good_review: 0, good_review_seal: 0, good_review_tolerated: 0, bad_ng: 0, bad_review: 0,
    bad_reason_right: 0, by_reason: {}, verdicts: [],
  };
  for (const { job, evidence, ms } of results) {
    const { app } = job, { verdict, reasons } = evidence;
    const row = (f.by_reason[app.reason || 'OK'] ??= { applications: 0, OK: 0, NG: 0, REVIEW: 0, reason_right: 0 });
    row.applications++;
    row[verdict]++;
    if (app.expected === 'OK') {
      f.good++;
      if (verdict === 'OK') f.good_ok++;
      else if (verdict === 'NG') f.good_ng++;
      else if (app.manual_review_tolerated) f.good_review_tolerated++;
      else if (reasons.every((r) => SEAL_ONLY.has(r))) f.good_review_seal++;
      else f.good_review++;
    } else {
      f.bad++;
      const right = verdict === 'NG' && reasons.includes(app.reason);
      if (right) row.reason_right++;
      if (verdict === 'OK') f.false_ok++;
      else if (verdict === 'NG') { f.bad_ng++; f.bad_reason_right += right ? 1 : 0; } else f.bad_review++;
    }
    f.verdicts.push({ scan: app.scan, verdict, reasons, ms: Math.round(ms), expected: app.expected, reason: app.reason });
  }
  const times = results.map((r) => r.ms).sort((a, b) => a - b);
  Object.assign(f, {
    per_application_ms_p50: Math.round(quantile(times, 0.5)),
    per_application_ms_p99: Math.round(quantile(times, 0.99)),
    applications_per_core_s: usage.cpu_s ? Number((results.length / usage.cpu_s).toFixed(2)) : 0,
    worker_memory_mb: Math.round(usage.memory_mb ?? 0),
    ...(usage.wall_s ? { wall_s: Number(usage.wall_s.toFixed(1)), intake: usage.intake } : {}),
    pages: scorePages(results),
    fields: scoreFields(results),
    seal_same: sealsOf(results, (a) => a.reason !== 'seal_mismatch'),
    seal_other: sealsOf(results, (a) => a.reason === 'seal_mismatch'),
  });
  f.verdicts.sort((a, b) => (a.scan < b.scan ? -1 : 1));
  return f;
}

const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : '-');
const row = (...cells) => `${cells.map((c, i) => (i ? String(c).padStart(9) : String(c).padEnd(26))).join('')}\n`;

export function report(f) {
  let out = `${f.applications} applications, ${f.pages.count} pages\n\n`;
  out += row('expected', 'OK', 'REVIEW', 'NG');
  out += row('good', f.good_ok, f.good_review + f.good_review_seal + f.good_review_tolerated, f.good_ng);
  out += row('bad', f.false_ok, f.bad_review, f.bad_ng);
  out += `\nfalse OK ${f.false_ok}, good judged NG ${f.good_ng}\n`;
  out += `good sent to review: ${f.good_review} (${percent(f.good_review, f.good)}) for number, name or date; `;
  out += `${f.good_review_seal} (${percent(f.good_review_seal, f.good)}) for the seal alone; ${f.good_review_tolerated} tolerated\n`;
  out += `bad that end NG with the right reason: ${f.bad_reason_right} of ${f.bad_ng} (${percent(f.bad_reason_right, f.bad_ng)})\n\n`;
  out += row('reason', 'all', 'OK', 'REVIEW', 'NG', 'right');
  for (const [reason, r] of Object.entries(f.by_reason).sort()) {
    out += row(reason, r.applications, r.OK, r.REVIEW, r.NG, reason === 'OK' ? '-' : r.reason_right);
  }
  out += `\n${row('field', 'present', 'found', 'exact', 'agrees', 'doubtful', 'differs')}`;
  for (const [name, x] of Object.entries(f.fields)) {
    out += row(name, x.present, x.found, x.exact, x.agrees, x.doubtful, x.differs);
  }
  out += `\nform and certificate told apart and upright: ${f.pages.form_cert_right} of ${f.pages.form_cert} (${percent(f.pages.form_cert_right, f.pages.form_cert)})\n`;
  for (const [key, n] of Object.entries(f.pages.confusion).sort()) out += row(`  ${key}`, n);
  out += `\nper application ${f.per_application_ms_p50} ms (p50), ${f.per_application_ms_p99} ms (p99); `;
  out += `${f.applications_per_core_s} applications/s on one core; a worker takes ${f.worker_memory_mb} MB\n`;
  if (f.wall_s) out += `${f.intake.files} files taken in and judged in ${f.wall_s} s\n`;
  return out;
}
