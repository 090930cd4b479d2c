// Rules about every text file: unfinished work, foreign paths, build lists, shell
// syntax, tabs.
import { spawnSync } from 'node:child_process';
import { lineOf } from './c_source.mjs';

const hits = (file, text, pattern, message) =>
  [...text.matchAll(pattern)].map((m) => ({ file, line: lineOf(text, m.index), message: message(m) }));

const isLock = (file) => /(^|\/)(package-lock|npm-shrinkwrap)\.json$/.test(file);

// ---- words

// Put together here, so that this file keeps its own rule.
const UNFINISHED = ['TO-DO', 'FIX-ME', 'X-XX', 'HA-CK'].map((word) => word.replace('-', ''));
const MAKESHIFT = ['st-ub', 'st-ubs', 'st-ubbed', 'place-holder'].map((word) => word.replace('-', ''));

function checkWords(tree) {
  const unfinished = new RegExp(`\\b(${UNFINISHED.join('|')})\\b`, 'g');
  const makeshift = new RegExp(`\\b(${MAKESHIFT.join('|')})\\b(?!["'=])`, 'gi');
  const message = (m) => `"${m[1]}": finish it or say it in words that stay true`;
  return [...tree].flatMap(([file, text]) => {
    if (isLock(file)) return [];
    // A page's attribute of that name is HTML's word, not ours.
    const code = /\.(c|h|cc|cpp|hpp|mjs|js|sh|cmake|py)$|CMakeLists\.txt$|^ops\/[^.]*$/.test(file);
    return [
      ...hits(file, text, unfinished, message),
      ...(code ? hits(file, text, makeshift, message) : []),
    ];
  });
}

export const finished = {
  name: 'words',
  about: 'no marks of unfinished work',
  check: checkWords,
  good: { 'a.c': '/* mktemp XXXXXX, FIXMEUP, stubborn */\n', 'p.mustache': `<input ${MAKESHIFT[3]}="x">\n` },
  bad: [...UNFINISHED, MAKESHIFT[0], MAKESHIFT[2]].map((word) => ({
    at: 'a.c:2',
    files: { 'a.c': `\n/* ${word}: later */\n` },
  })),
};

// ---- paths

const FOREIGN = [
  { pattern: /(?<![\w.-])\/(?:work)\//g, message: () => 'a path of one machine: name files from the top of the tree' },
  { pattern: /\/tmp\/(?:src)\b/g, message: () => 'a path of one machine: name the library and its version' },
];
const PUBLIC_HOSTS =
  /^(localhost|127\.[\d.]+|\[::1\]|(.+\.)?(example|test|invalid|localhost|example\.(com|org|net|jp)|[\w-]+\.example)|www\.w3\.org|(.+\.)?(rfc-editor|ietf|openid|gbiz-id\.go|digital\.go)\.?(org|com|net|jp)?)$/;

function checkUrls(file, text) {
  if (!/\.(sh|npmrc|cmake|yml|yaml)$|(^|\/)\.npmrc$|^ops\/[^.]*$|^\.ci\//.test(file)) return [];
  return [...text.matchAll(/https?:\/\/([A-Za-z0-9.[\]:-]+?)(?=[:/"'\s]|$)/gm)]
    .filter((m) => !PUBLIC_HOSTS.test(m[1]))
    .map((m) => ({
      file,
      line: lineOf(text, m.index),
      message: `${m[1]}: name no host; packages come through the machine's own settings`,
    }));
}

function checkPaths(tree) {
  return [...tree].flatMap(([file, text]) => [
    ...FOREIGN.flatMap(({ pattern, message }) => hits(file, text, pattern, message)),
    ...(isLock(file)
      ? hits(file, text, /"resolved"\s*:/g, () => 'set omit-lockfile-registry-resolved=true in .npmrc and lock again')
      : []),
    ...checkUrls(file, text),
  ]);
}

export const paths = {
  name: 'paths',
  about: 'no path of one machine, no mirror, no registry address in a lock file',
  check: checkPaths,
  good: {
    'a.c': '/* network/work/x, /workspace */\n',
    'ops/demo': 'curl https://localhost:8443/ https://127.0.0.1/ "https://id.example/oauth/"\n',
    'package-lock.json': '{ "node_modules/a": { "version": "1.0.0" } }\n',
  },
  bad: [
    { at: 'a.c:1', files: { 'a.c': `/* ${['', 'work', 'main'].join('/')} */\n` } },
    { at: 'a.md:2', files: { 'a.md': `x\n(${['', 'tmp', 'src', 'raft'].join('/')})\n` } },
    { at: 'tests/package-lock.json:1', files: { 'tests/package-lock.json': '{ "resolved": "https://x/" }\n' } },
    { at: 'ops/install:1', files: { 'ops/install': 'npm --registry https://mirror.corp.internal/npm ci\n' } },
    { at: 'tests/.npmrc:1', files: { 'tests/.npmrc': 'registry=http://10.0.0.1:4873/\n' } },
  ],
};

// ---- listed

function checkListed(tree) {
  const lists = [...tree].filter(([file]) => /(^|\/)CMakeLists\.txt$|\.cmake$/.test(file));
  const names = lists.map(([file, text]) => ({
    dir: file.includes('/') ? file.slice(0, file.lastIndexOf('/') + 1) : '',
    words: new Set(text.replace(/#.*$/gm, '').match(/[\w./${}-]+/g) ?? []),
  }));
  const listed = (file) =>
    names.some(({ dir, words }) => {
      if (words.has(`\${CMAKE_SOURCE_DIR}/${file}`)) return true;
      return file.startsWith(dir) && words.has(file.slice(dir.length));
    });
  return [...tree.keys()]
    .filter((file) => /\.(c|cc|cpp)$/.test(file) && !listed(file))
    .map((file) => ({ file, line: 1, message: 'in no CMakeLists.txt: it is never compiled; list it or delete it' }));
}

export const listed = {
  name: 'listed',
  about: 'every C file is built',
  check: checkListed,
  good: {
    'CMakeLists.txt': 'add_executable(a server/main.c)\n',
    'server/main.c': '',
    'store/CMakeLists.txt': 'add_library(s base/err.c)\nadd_library(t ${CMAKE_SOURCE_DIR}/raft/x.c)\n',
    'store/base/err.c': '',
    'raft/x.c': '',
  },
  bad: [
    { at: 'store/a.c:1', files: { 'store/CMakeLists.txt': 'add_library(s b.c)\n# a.c\n', 'store/a.c': '' } },
    { at: 'a.c:1', files: { 'store/CMakeLists.txt': 'add_library(s a.c)\n', 'a.c': '', 'store/a.c': '' } },
  ],
};

// ---- shell

function checkShell(tree) {
  return [...tree].flatMap(([file, text]) => {
    const shell = text.match(/^#!.*\b(bash|sh)\b/)?.[1] ?? (/\.sh$/.test(file) ? 'bash' : null);
    if (!shell) return [];
    const run = spawnSync(shell, ['-n'], { input: text, encoding: 'utf8' });
    if (run.error) throw run.error;
    const found = [];
    if (run.status !== 0) {
      const line = Number(run.stderr.match(/(?:line )?(\d+):/)?.[1] ?? 1);
      found.push({ file, line, message: `${shell} -n: ${run.stderr.trim().split('\n')[0]}` });
    }
    // Sourced parts have the options of who sources them.
    if (/^#!/.test(text) && !/^\s*set -[a-z]*e[a-z]*\b/m.test(text)) {
      found.push({ file, line: 1, message: 'say `set -eu` (bash: `set -euo pipefail`): an error must not be passed over' });
    }
    return found;
  });
}

export const shell = {
  name: 'shell',
  about: 'shell scripts parse, and stop at errors',
  check: checkShell,
  good: { 'ops/a': '#!/bin/sh\nset -eu\nif true; then echo; fi\n', 'ops/b': '#!/usr/bin/env bash\nset -euo pipefail\n[[ a == a ]]\n' },
  bad: [
    { at: 'ops/a:4', files: { 'ops/a': '#!/usr/bin/env bash\nset -euo pipefail\nif true; then\n' } },
    { at: 'ops/b.sh:1', files: { 'ops/b.sh': 'fi\n' } },
    { at: 'ops/c:1', files: { 'ops/c': '#!/bin/sh\necho\n' } },
  ],
};

// ---- tabs

export const tabs = {
  name: 'tabs',
  about: 'no tabs',
  check: (tree) =>
    [...tree].flatMap(([file, text]) => {
      const first = text.indexOf('\t');
      return first < 0 || isLock(file) ? [] : [{ file, line: lineOf(text, first), message: 'a tab: indent with spaces, write \\t in strings' }];
    }),
  good: { 'a.c': 'const char *s = "\\t";\n' },
  bad: [{ at: 'a.c:2', files: { 'a.c': 'int a;\n\tint b;\n' } }],
};
