// What was measured: as a table, and as bars in one self-contained page.
import { writeFileSync } from 'node:fs';

const hello = (results) => results.limits['hello, 1 process']?.per_second;

// share: of libh2o's hello over TLS; rate: per second.
const TARGETS = {
  discovery: { share: 0.8 },
  jwks: { share: 0.8 },
  userinfo: { share: 0.5 },
  'code ES256': { rate: 3000 },
};

// What a phase is measured against, or null when the limits were not measured.
export function verdict(results, phase) {
  const rate = results.phases[phase]?.per_second;
  const target = TARGETS[phase];
  if (rate === undefined) return null;
  const share = hello(results) ? rate / hello(results) : undefined;
  if (!target) return { share };
  if (target.rate) return { share, target: `${target.rate} /s`, reached: rate >= target.rate };
  if (share === undefined) return null;
  return { share, target: `${target.share * 100} % of hello`, reached: share >= target.share };
}

export const whole = (value) => Math.round(value).toLocaleString('en');

function rows(results) {
  const limits = Object.entries(results.limits).filter(([name]) => name !== 'crypto');
  return [...limits, ...Object.entries(results.phases)].map(([name, result]) => {
    if (result.failed) return [name, 'failed', '', '', '', '', result.failed.split('\n')[0]];
    const judged = verdict(results, name);
    const target = judged?.target ? `${judged.target}: ${judged.reached ? 'reached' : 'not reached'}` : '';
    return [
      name,
      whole(result.per_second),
      result.latency.p50_ms.toFixed(2),
      result.latency.p99_ms.toFixed(2),
      String(result.errors),
      judged?.share === undefined ? '' : `${(judged.share * 100).toFixed(1)} %`,
      target,
    ];
  });
}

export function printTable(results) {
  console.log(`${results.machine.cpu}, ${results.machine.cores} cores, commit ${results.commit}`);
  if (rows(results).length > 0) printRates(results);
  if (results.failover) printFailover(results.failover);
}

function printRates(results) {
  const table = [['', 'per second', 'p50 ms', 'p99 ms', 'errors', 'of hello', 'target'], ...rows(results)];
  const widths = table[0].map((_, i) => Math.max(...table.map((row) => row[i].length)));
  const aligned = (row) =>
    row.map((cell, i) => (i === 0 || i === 6 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  console.log(`${results.footing}\n`);
  table.forEach((row) => console.log(aligned(row).trimEnd()));
  if (results.limits.crypto) {
    const crypto = Object.entries(results.limits.crypto).map(([name, rate]) => `${name} ${whole(rate)}`);
    console.log(`\nper second on one core: ${crypto.join(', ')}`);
  }
  for (const [name, result] of Object.entries(results.phases)) {
    if (result.first_error) console.log(`\nfirst error of ${name}: ${result.first_error}`);
    const steps = Object.entries(result.steps ?? {});
    if (steps.length > 1) {
      const text = steps.map(([step, hist]) => `${step} ${hist.p50_ms.toFixed(2)}/${hist.p99_ms.toFixed(2)}`);
      console.log(`\n${name}, steps p50/p99 ms: ${text.join(', ')}`);
    }
    if (result.profile) printProfile(name, result.profile);
  }
}

function printProfile(name, profile) {
  console.log(`\n${name}: where the nodes' time goes`);
  if (profile.failed !== undefined) {
    console.log(`  perf failed: ${profile.failed}`);
    return;
  }
  console.log(`  ${profile.parts.map(({ percent, dso }) => `${dso} ${percent.toFixed(0)} %`).join(', ')}`);
  for (const { percent, dso, symbol } of profile.symbols) {
    console.log(`  ${percent.toFixed(2).padStart(6)} %  ${dso.padEnd(24)} ${symbol}`);
  }
}

const FAILOVER = { first_ms: 'first success of any kind', sign_in_ms: 'first sign-in', code_ms: 'first code exchange' };

function printFailover({ rate, rounds, summary }) {
  console.log(`\nfailover: ms from kill -9 of the leader to the next success, ${rounds.length} rounds, ${rate} sign-ins/s`);
  for (const [name, title] of Object.entries(FAILOVER)) {
    const { min, median, p90, max } = summary[name];
    const numbers = [min, median, p90, max].map((ms) => ms?.toFixed(0) ?? 'none');
    console.log(`  ${title.padEnd(26)} min ${numbers[0]}, median ${numbers[1]}, p90 ${numbers[2]}, worst ${numbers[3]}`);
  }
  const times = sortedTimes(rounds);
  for (const ms of times) {
    console.log(`  ${ms.toFixed(0).padStart(6)} ${'#'.repeat(Math.max(1, Math.round((ms / times.at(-1)) * 50)))}`);
  }
  const sum = (name) => rounds.reduce((total, round) => total + round[name], 0);
  console.log(`  lost ${sum('lost')}, redeemed twice ${sum('twice')}; of ${sum('sign_ins')} sign-ins and ${sum('codes')} codes`);
}

const sortedTimes = (rounds) => rounds.map((round) => round.first_ms).filter((ms) => ms !== null).sort((a, b) => a - b);

// ---- the page

const escape = (text) =>
  String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

// bars: { label, value, text, limit?: value of a mark }
export function chart(title, bars, unit) {
  const left = 190;
  const width = 560;
  const step = 30;
  const most = Math.max(1, ...bars.map((bar) => Math.max(bar.value, bar.limit ?? 0)));
  const scale = (value) => (value / most) * width;
  const height = bars.length * step + 10;
  const drawn = bars.map(({ label, value, text, limit, plain }, i) => {
    const y = i * step + 5;
    const mark =
      limit === undefined
        ? ''
        : `<line x1="${left + scale(limit)}" x2="${left + scale(limit)}" y1="${y - 3}" y2="${y + 23}" class="mark"><title>target</title></line>`;
    return (
      `<text x="${left - 10}" y="${y + 15}" class="name">${escape(label)}</text>` +
      `<rect x="${left}" y="${y}" width="${scale(value).toFixed(1)}" height="20" class="${plain ? 'limit' : 'bar'}"/>` +
      `<text x="${left + scale(value) + 8}" y="${y + 15}">${escape(text)}</text>${mark}`
    );
  });
  return `<h2>${escape(title)} <small>${escape(unit)}</small></h2>
<svg viewBox="0 0 ${left + width + 340} ${height}" role="img" aria-label="${escape(title)}">${drawn.join('\n')}</svg>`;
}

function rateBars(results, names) {
  return names
    .map((name) => [name, results.phases[name] ?? results.limits[name]])
    .filter(([, result]) => result && !result.failed)
    .map(([name, result]) => {
      const target = TARGETS[name];
      const limit = target?.rate ?? (target && hello(results) ? target.share * hello(results) : undefined);
      return {
        label: name,
        value: result.per_second,
        limit,
        plain: name in results.limits,
        text: `${whole(result.per_second)} /s, p50 ${result.latency.p50_ms.toFixed(2)} ms, p99 ${result.latency.p99_ms.toFixed(2)} ms`,
      };
    });
}

export function writeHtml(results, file) {
  const charts = [
    ['Reads', rateBars(results, ['hello, 1 process', 'hello, 3 processes', 'discovery', 'jwks', 'userinfo']), 'requests/s; the mark is the target'],
    ['Tokens', rateBars(results, ['code ES256', 'code ES256, few users', 'code RS256', 'refresh ES256', 'refresh RS256']), 'per second; the mark is the target'],
    ['Logins with password', rateBars(results, ['login']), 'per second'],
    [
      'Cryptography on one core',
      Object.entries(results.limits.crypto ?? {}).map(([label, value]) => ({ label, value, plain: true, text: `${whole(value)} /s` })),
      'per second, the limit',
    ],
    [
      'Failover',
      sortedTimes(results.failover?.rounds ?? []).map((ms, i) => ({ label: i === 0 ? 'shortest' : '', value: ms, text: `${ms.toFixed(0)} ms` })),
      'ms from the kill of the leader to the next success',
    ],
  ];
  const body = charts.filter(([, bars]) => bars.length > 0).map(([title, bars, unit]) => chart(title, bars, unit));
  const footing = `<p>${escape(results.footing)}.<br>${escape(results.machine.cpu)}, ${results.machine.cores} cores; commit ${escape(results.commit)}.</p>`;
  page(file, 'Tasuki bench', `${footing}\n${body.join('\n')}`);
}

// One self-contained page; `body` is HTML.
export function page(file, title, body) {
  writeFileSync(
    file,
    `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1c; }
svg { width: 100%; font: 14px system-ui, sans-serif; } .name { text-anchor: end; }
.bar { fill: #0017c1; } .limit { fill: #999; } .mark { stroke: #fe3939; stroke-width: 2; }
h2 small { font-weight: normal; color: #626264; }
</style></head><body>
<h1>${escape(title)}</h1>
${body}
</body></html>
`,
  );
}
