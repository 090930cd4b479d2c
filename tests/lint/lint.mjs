#!/usr/bin/env node
// lint: the rules of this tree that no compiler checks.
//
//   tests/lint/lint.mjs [RULE ...]     check the tree (all rules when none is named)
//   tests/lint/lint.mjs --self-test    every rule must find its planted violations
//   tests/lint/lint.mjs --list         the rules
//
// Prints `file:line: rule: what to do`; exit code 1 when there is anything to do.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { banned, functionLength, headers } from './c_rules.mjs';
import { layers } from './layers.mjs';
import { finished, listed, paths, shell, tabs } from './text_rules.mjs';

const RULES = [layers, functionLength, banned, headers, finished, paths, listed, shell, tabs];
const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SKIP_DIR = /^(\.git|node_modules|build.*|corpus)$/;
const FILE_MAX = 2 * 1024 * 1024;

// Path from the top -> text, of every text file of the tree.
function readTree() {
  const tree = new Map();
  tree.whole = true;
  const walk = (dir) => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (entry.isDirectory() && !SKIP_DIR.test(entry.name)) walk(path);
      // In a linked worktree .git is a file.
      if (!entry.isFile() || entry.name === '.git' || /\.(png|jpe?g|ico|woff2?|pdf|profraw)$/.test(entry.name)) continue;
      const bytes = readFileSync(path);
      if (bytes.length > FILE_MAX || bytes.includes(0)) continue; // not text
      tree.set(relative(TOP, path), bytes.toString('utf8'));
    }
  };
  walk(TOP);
  return tree;
}

function treeOf(files, allowed) {
  const tree = new Map(Object.entries(files));
  tree.allowed = allowed ?? {};
  return tree;
}

const show = ({ file, line, message }, rule) => `${file}:${line}: ${rule.name}: ${message}`;

// What is wrong with the rule itself.
function selfTest(rule) {
  const wrong = rule.check(treeOf(rule.good)).map((hit) => `false alarm: ${show(hit, rule)}`);
  for (const { at, files, allowed } of rule.bad) {
    const found = rule.check(treeOf(files, allowed)).map((hit) => `${hit.file}:${hit.line}`);
    if (!found.includes(at)) {
      wrong.push(`${rule.name}: planted violation at ${at} not found (found: ${found.join(' ') || 'none'}):\n${Object.values(files)[0]}`);
    }
  }
  return wrong;
}

function main(args) {
  if (args.includes('--list')) {
    for (const rule of RULES) console.log(`${rule.name.padEnd(10)} ${rule.about}`);
    return 0;
  }
  if (args.includes('--self-test')) {
    const wrong = RULES.flatMap(selfTest);
    wrong.forEach((line) => console.error(line));
    const planted = RULES.reduce((sum, rule) => sum + rule.bad.length, 0);
    if (wrong.length === 0) console.log(`${RULES.length} rules found all ${planted} planted violations`);
    return wrong.length === 0 ? 0 : 1;
  }
  const unknown = args.filter((name) => !RULES.some((rule) => rule.name === name));
  if (unknown.length > 0) {
    console.error(`no rule ${unknown.join(', ')}; there are: ${RULES.map((rule) => rule.name).join(' ')}`);
    return 2;
  }
  const tree = readTree();
  const chosen = args.length > 0 ? RULES.filter((rule) => args.includes(rule.name)) : RULES;
  const found = chosen.flatMap((rule) => rule.check(tree).map((hit) => show(hit, rule)));
  found.sort().forEach((line) => console.error(line));
  if (found.length === 0) console.log(`${tree.size} files, nothing to do`);
  return found.length === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
