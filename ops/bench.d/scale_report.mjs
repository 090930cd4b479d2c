// What ops/bench scale measured, against its targets: as a table and as bars.

const whole = (value) => Math.round(value).toLocaleString('en');
const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const most = (values) => Math.max(...values);

// { what, value, target, reached }; reached is undefined for what has no target.
export function scaleRows(results) {
  return [...writeRows(results), ...stateRows(results), ...etcdRows(results)];
}

function writeRows({ sizes }) {
  const rows = [];
  const first = sizes.find((size) => size[1]);
  for (const size of sizes.filter((one) => one[1])) {
    for (const clients of [1, 64]) {
      const { per_second, p50_ms, p99_ms } = size[clients];
      const growth = p99_ms / first[clients].p99_ms;
      rows.push({
        what: `writes, ${clients} outstanding, ${whole(size.accounts)} accounts`,
        value: `${whole(per_second)} /s, p50 ${ms(p50_ms)}, p99 ${ms(p99_ms)}`,
        rate: per_second,
        ...(size !== first && { target: `p99 at most 1.1 times that of ${whole(first.accounts)}: ${growth.toFixed(2)}`, reached: growth <= 1.1 }),
      });
    }
  }
  return rows;
}

function stateRows({ sizes, restart, image, failover_ms }) {
  const rows = [];
  const last = sizes.at(-1);
  if (last?.anonymous_mb) {
    const mb = most(last.anonymous_mb);
    rows.push({ what: 'anonymous memory, largest of three nodes', value: `${mb.toFixed(1)} MB`, target: 'under 300 MB', reached: mb < 300 });
  }
  for (const [name, times] of Object.entries(restart ?? {})) {
    const title = name === 'cold_ms' ? 'store evicted from the page cache' : 'store in the page cache';
    rows.push({ what: `restart to ready, ${title}`, value: `median ${ms(median(times))}, worst ${ms(most(times))}`, target: 'within 10 s', reached: most(times) <= 10_000 });
  }
  const p99 = (tried) => median(tried.map(({ p99_ms }) => p99_ms));
  for (const name of image ? ['given', 'copied'] : []) {
    const { during, bytes, seconds } = image[name];
    if (during.length === 0) continue; // it took less time than one measurement
    const [usual, then] = [p99(image.before), p99(during)];
    rows.push({
      what: `write p99, ${image.clients} outstanding, while an image is ${name}`,
      value: `${ms(usual)} usual, ${ms(then)} then; ${(bytes / 2 ** 20).toFixed(0)} MiB in ${seconds.toFixed(1)} s`,
      target: `at most 1.5 times: ${(then / usual).toFixed(2)}`,
      reached: then <= 1.5 * usual,
    });
  }
  if (failover_ms) rows.push({ what: 'failover', value: `median ${ms(median(failover_ms))}, worst ${ms(most(failover_ms))}` });
  return rows;
}

function etcdRows({ sizes, etcd, failover_ms }) {
  const rows = [];
  const last = sizes.at(-1);
  for (const clients of [1, 64].filter((n) => last?.pushed?.[n])) {
    const { per_second, p50_ms, p99_ms } = last.pushed[clients];
    rows.push({ what: `pushed requests, ${clients} outstanding, ${whole(last.accounts)} accounts`, value: `${whole(per_second)} /s, p50 ${ms(p50_ms)}, p99 ${ms(p99_ms)}`, rate: per_second });
  }
  const ways = [['1 outstanding', 1, 2, etcd?.[1]], ['64 clients with a connection each', 64, 5, etcd?.own], ['64 outstanding, its best way', 64, 5, etcd?.[64]]];
  for (const [way, clients, least, measured] of ways.filter(([, , , one]) => one)) {
    const { per_second, p50_ms, p99_ms } = measured;
    rows.push({ what: `etcd, ${way}`, value: `${whole(per_second)} /s, p50 ${ms(p50_ms)}, p99 ${ms(p99_ms)}`, rate: per_second });
    for (const [what, ours] of [['accounts', last], ['pushed requests', last?.pushed]].filter(([, one]) => one?.[clients])) {
      const ratio = ours[clients].per_second / per_second;
      rows.push({ what: `our ${what} at full size to etcd, ${way}`, value: `${ratio.toFixed(2)} times`, target: `at least ${least} times`, reached: ratio >= least });
    }
  }
  if (etcd?.failover_ms) {
    rows.push({ what: 'etcd, failover (heartbeat 20 ms, election 200 ms)', value: `median ${ms(median(etcd.failover_ms))}, worst ${ms(most(etcd.failover_ms))}` });
  }
  if (etcd?.failover_ms && failover_ms) {
    const ratio = median(failover_ms) / median(etcd.failover_ms);
    rows.push({ what: 'our failover to etcd\'s', value: `${ratio.toFixed(2)} times`, target: 'no slower', reached: ratio <= 1 });
  }
  return rows;
}

const verdict = ({ target, reached }) => (target ? `${target}: ${reached ? 'reached' : 'not reached'}` : '');

export function printScale(results) {
  const load = (name) => results.load_average[name].map((value) => value.toFixed(1)).join(' ');
  const rows = scaleRows(results).map((row) => [row.what, row.value, verdict(row)]);
  const widths = [0, 1].map((i) => most([0, ...rows.map((row) => row[i].length)]));
  console.log(`${results.machine.cpu}, ${results.machine.cores} cores, ${results.machine.memory_gib} GiB; ${whole(results.accounts)} accounts`);
  console.log(`${results.seconds} s a measurement; load average before ${load('before')}, after ${load('after')}\n`);
  for (const [what, value, target] of rows) {
    console.log(`${what.padEnd(widths[0])}  ${value.padEnd(widths[1])}  ${target}`.trimEnd());
  }
  for (const { accounts, used_bytes, fill_s } of results.sizes) {
    console.log(`\n${whole(accounts)} accounts: ${(used_bytes / 2 ** 20).toFixed(0)} MiB a node, filled and copied in ${fill_s.toFixed(0)} s`);
  }
}

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

// Rates as bars; everything else as lines of text.
export function scaleSvg(results) {
  const rows = scaleRows(results);
  const widest = most([1, ...rows.map((row) => row.rate ?? 0)]);
  const drawn = rows.map((row, i) => {
    const y = 46 + i * 28;
    const width = row.rate ? (row.rate / widest) * 300 : 0;
    const colour = row.what.startsWith('etcd') ? '#999' : '#0017c1';
    const missed = row.reached === false ? ' fill="#c00"' : '';
    return (
      `<text x="500" y="${y + 15}" text-anchor="end">${escape(row.what)}</text>` +
      (width ? `<rect x="510" y="${y}" width="${width.toFixed(1)}" height="20" fill="${colour}"/>` : '') +
      `<text x="${518 + width}" y="${y + 15}"${missed}>${escape([row.value, verdict(row)].filter(Boolean).join('; '))}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1440 ${60 + rows.length * 28}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="Tasuki at scale">
<rect width="100%" height="100%" fill="#fff"/>
<text x="20" y="26" font-size="17">Tasuki at ${whole(results.accounts)} accounts, beside etcd; ${escape(results.machine.cpu)}, ${results.machine.cores} cores</text>
${drawn.join('\n')}
</svg>
`;
}
