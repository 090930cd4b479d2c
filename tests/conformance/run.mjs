#!/usr/bin/env node
// The server-side modules of the OpenID Foundation's plans, black box, under their names
// there: modules.json has the list, plans/PLAN.mjs one test for each of them.
import '../lib/runtime.mjs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, run as runCommand } from '../lib/demo.mjs';
import { differences, loadExpected, loadPlans } from './lib/list.mjs';
import { exitCode, judge, markdown, summary, table } from './lib/report.mjs';
import { NotBuilt, Skipped } from './lib/outcome.mjs';

const USAGE = `usage: tests/conformance/run.mjs [OPTION...]

Tests the modules against a cluster of three nodes, each request at the next node.

  --plan PLAN[,PLAN...]   these plans alone (--list shows them)
  --module NAME[,...]     these modules alone
  --quick                 leave out the modules that wait for long
  --env FILE              use the running demo whose demo.env this is; without it a
                          demo is started, and taken down at the end
  --build-dir DIR         run tasukid and tasuki from there (default build)
  --port-base P           ports of the started demo (default 17000)
  --out FILE              the table goes there too (default build/conformance.md
                          when all plans run)
  --json                  print the results as JSON
  --strict                expected_failures.json is not looked at
  --list                  plans and modules; nothing is run
  --help

Exit code: 0 all passed, or are skipped for a reason or known to fail; 1 something is
otherwise (also: a module that is known to fail passes); 2 the tests cannot run.
`;

function parse(argv) {
  const options = { plans: [], modules: [], buildDir: join(ROOT, 'build'), portBase: '17000' };
  const values = { '--plan': 'plans', '--module': 'modules', '--env': 'env', '--build-dir': 'buildDir', '--port-base': 'portBase', '--out': 'out' };
  const flags = { '--quick': 'quick', '--json': 'json', '--strict': 'strict', '--list': 'list', '--help': 'help', '-h': 'help' };
  for (let i = 0; i < argv.length; i++) {
    const name = argv[i];
    if (flags[name]) options[flags[name]] = true;
    else if (!values[name] || argv[i + 1] === undefined) throw new Error(`${name}: unknown, or without its value`);
    else if (['--plan', '--module'].includes(name)) options[values[name]].push(...argv[++i].split(','));
    else options[values[name]] = argv[++i];
  }
  return options;
}

// What is to be run: { plan, module } each.
function choose(plans, options) {
  const chosen = plans
    .filter(({ name }) => options.plans.length === 0 || options.plans.includes(name))
    .flatMap((plan) => plan.tests.map((module) => ({ plan, module })))
    .filter(({ module }) => options.modules.length === 0 || options.modules.includes(module.name))
    .filter(({ module }) => !(options.quick && module.slow));
  for (const name of options.plans) if (!plans.some((plan) => plan.name === name)) throw new Error(`--plan ${name}: there is none`);
  for (const name of options.modules) if (!chosen.some(({ module }) => module.name === name)) throw new Error(`--module ${name}: there is none`);
  return chosen;
}

async function startDemo({ buildDir, portBase }) {
  const dir = join(resolve(buildDir), 'conformance-demo');
  const demo = (...args) => runCommand(join(ROOT, 'ops/demo'), [...args, '--dir', dir], { timeout: 300000 });
  await demo('down');
  const up = await demo('up', '--build-dir', resolve(buildDir), '--port-base', portBase, '--workers', '0');
  if (up.code !== 0) throw new Error(`ops/demo up: exit ${up.code}\n${up.stdout}${up.stderr}`);
  process.env.TASUKI_DEMO_ENV = join(dir, 'demo.env');
  return () => demo('down');
}

async function runOne({ plan, module }, variant, op) {
  const started = Date.now();
  const row = { plan: plan.name, name: module.name, variant, verdict: 'passed', reason: '' };
  try {
    await module.run({ op, variant });
  } catch (error) {
    if (error instanceof Skipped) row.verdict = 'skipped';
    else row.verdict = 'failed';
    row.reason = error instanceof NotBuilt ? `not built: ${error.message}` : error.message.split('\n')[0];
    if (process.env.TASUKI_TRACE && row.verdict === 'failed') console.error(module.name, variant ?? '', error);
  }
  row.ms = Date.now() - started;
  return row;
}

// As the list has them, whoever ended first.
const inOrder = (rows, chosen) =>
  chosen.flatMap(({ plan, module }) => rows.filter((row) => row.plan === plan.name && row.name === module.name));

const lineOf = ({ verdict, name, variant, ms, reason }) =>
  `${verdict.padEnd(7)} ${name}${variant ? ` [${variant}]` : ''} ${ms} ms${reason ? `: ${reason}` : ''}`;

async function main() {
  const options = parse(process.argv.slice(2));
  if (options.help) return console.log(USAGE), 0;
  const plans = await loadPlans();
  const wrong = differences(plans);
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
  if (options.list) {
    for (const plan of plans) console.log([plan.name, ...plan.tests.map(({ name }) => `  ${name}`)].join('\n'));
    return 0;
  }
  const chosen = choose(plans, options);
  let stop = async () => {};
  if (options.env) process.env.TASUKI_DEMO_ENV = resolve(options.env);
  else stop = await startDemo(options);
  const rows = [];
  try {
    const { Op } = await import('./lib/op.mjs');
    const { close } = await import('./lib/clients.mjs');
    const runs = chosen.flatMap((one) => (one.module.variants ?? [undefined]).map((variant) => ({ one, variant })));
    const go = async ({ one, variant }) => {
      const row = await runOne(one, variant, new Op());
      rows.push(row);
      if (!options.json) console.log(lineOf(row));
    };
    // Who waits for long waits beside the others.
    const waiting = Promise.all(runs.filter(({ one }) => one.module.slow).map(go));
    for (const run of runs.filter(({ one }) => !one.module.slow)) await go(run);
    await waiting;
    await close();
  } finally {
    await stop();
  }
  const lines = judge(inOrder(rows, chosen), options.strict ? {} : loadExpected());
  const whole = options.plans.length === 0 && options.modules.length === 0 && !options.quick;
  const out = options.out ?? (whole ? join(ROOT, 'build/conformance.md') : undefined);
  if (out) {
    mkdirSync(dirname(resolve(out)), { recursive: true });
    writeFileSync(out, markdown(lines, rows));
  }
  console.log(options.json ? JSON.stringify({ lines, rows }, null, 2) : `\n${table(lines)}\n\n${summary(lines, rows)}`);
  return exitCode(lines);
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href)
  main().then(
    (code) => process.exit(code),
    (error) => {
      console.error(`conformance: ${error.stack}`);
      process.exit(2);
    },
  );
