// The list of modules, and whether there is a test for each of them.
import { existsSync, readFileSync } from 'node:fs';

const at = (path) => new URL(`../${path}`, import.meta.url);
const read = (path) => JSON.parse(readFileSync(at(path), 'utf8'));

export const loadList = () => read('modules.json');
export const loadExpected = () => read('expected_failures.json');

// [{ name, plan, wanted, tests }], in the order of the list.
export async function loadPlans() {
  const plans = [];
  for (const [name, { plan, modules }] of Object.entries(loadList())) {
    const file = at(`plans/${name}.mjs`);
    const tests = existsSync(file) ? (await import(file)).modules : [];
    tests.sort((a, b) => modules.indexOf(a.name) - modules.indexOf(b.name));
    plans.push({ name, plan, wanted: modules, tests });
  }
  return plans;
}

// What is missing, double, or in no list.
export function differences(plans, expected = loadExpected()) {
  const wrong = [];
  for (const { name, wanted, tests } of plans) {
    const names = tests.map((test) => test.name);
    for (const module of wanted) if (!names.includes(module)) wrong.push(`${name}: no test of ${module}`);
    for (const module of names) if (!wanted.includes(module)) wrong.push(`${name}: ${module} is not in modules.json`);
    for (const module of new Set(names)) if (names.indexOf(module) !== names.lastIndexOf(module)) wrong.push(`${name}: ${module} twice`);
    for (const test of tests) if (typeof test.run !== 'function') wrong.push(`${name}: ${test.name} cannot be run`);
  }
  for (const [name, modules] of Object.entries(expected)) {
    const plan = plans.find((one) => one.name === name);
    for (const module of Object.keys(modules)) if (!plan?.wanted.includes(module)) wrong.push(`expected_failures.json: ${name}: ${module} is no module`);
  }
  return wrong;
}
