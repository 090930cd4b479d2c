// What ops/bench peers measured: as a table, and as bars.
import { chart, page, whole } from './report.mjs';

function median(turns) {
  const rates = turns.filter((turn) => !turn.failed).map((turn) => turn.per_second);
  return rates.sort((a, b) => a - b)[Math.floor((rates.length - 1) / 2)];
}

// { ours, peer, ratio, asked } per second; undefined where it could not be measured. What
// verifying signatures suggests: the time of a request without them, and a core's time for
// each of them, nothing for the replicated command that a client that signs costs besides.
export function judge(phase, { phases, crypto }) {
  const [ours, peer] = [median(phase.ours), median(phase.peer)];
  const asked = phase.times ? peer * phase.times : 1 / (1 / median(phases[phase.than].ours) + phase.signatures / crypto.es256_verify);
  return { ours, peer, ratio: ours / peer, asked };
}

function target({ times }, { ours, asked }) {
  if (!Number.isFinite(asked)) return '';
  const what = times ? `${times} times` : `${count(asked)} /s, as the signatures suggest`;
  return `${what}: ${ours >= asked ? 'reached' : 'not reached'}`;
}

const count = (rate) => (rate === undefined ? 'failed' : whole(rate));

export function printPeers(results) {
  console.log(`${results.machine.cpu}, ${results.machine.cores} cores\n${results.footing}\n`);
  const rows = Object.values(results.phases).map((phase) => {
    const judged = judge(phase, results);
    const { ours, peer, ratio } = judged;
    const times = Number.isFinite(ratio) ? `${ratio.toFixed(1)} times` : '';
    const errors = [...phase.ours, ...phase.peer].reduce((sum, turn) => sum + (turn.errors ?? 0), 0);
    return [phase.title, String(phase.users), count(ours), count(peer), times, String(errors), target(phase, judged)];
  });
  const table = [['', 'users', 'Tasuki /s', 'oidc-provider /s', 'ratio', 'errors', 'target'], ...rows];
  const widths = table[0].map((_, i) => Math.max(...table.map((row) => row[i].length)));
  for (const row of table) {
    const cells = row.map((cell, i) => (i === 0 || i === 6 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
    console.log(cells.join('  ').trimEnd());
  }
  for (const [name, { ours, peer }] of Object.entries(results.phases)) {
    const why = [...ours, ...peer].map((turn) => turn.failed ?? turn.first_error).find(Boolean);
    if (why) console.log(`\n${name}: ${why}`);
  }
}

export function writePeers(results, file) {
  const charts = Object.values(results.phases)
    .map((phase) => ({ phase, judged: judge(phase, results) }))
    .filter(({ judged }) => Number.isFinite(judged.ratio))
    .map(({ phase, judged }) =>
      chart(
        phase.title,
        [
          { label: 'Tasuki', value: judged.ours, limit: judged.asked, text: `${whole(judged.ours)} /s, ${judged.ratio.toFixed(1)} times` },
          { label: 'oidc-provider', value: judged.peer, plain: true, text: `${whole(judged.peer)} /s` },
        ],
        `per second, ${phase.users} users; the mark is ${phase.times ? `${phase.times} times the peer` : 'what the signatures suggest'}`,
      ),
    );
  page(file, 'Tasuki beside a peer', `<p>${results.footing}.<br>${results.machine.cpu}, ${results.machine.cores} cores.</p>${charts.join('\n')}`);
}
