// Rules about C text: function length, banned calls, determinism, headers.
import { functions, lineOf, scan } from './c_source.mjs';
import { STATE_MACHINE, matches } from './layers.mjs';

const isC = (file) => /\.(c|h|cc|cpp|hpp)$/.test(file);

// ---- length

const LENGTH_MAX = 70;

// Switch tables only. A number is what the function has now; it may only fall, and
// an entry that is not needed any more is an error.
export const LONG_SWITCH_TABLES = {};

function checkLength(tree, allowed = LONG_SWITCH_TABLES) {
  const found = [];
  const unused = new Set(Object.keys(allowed));
  for (const [file, source] of tree) {
    if (!isC(file)) continue;
    const { found: list, unbalanced } = functions(source);
    if (unbalanced) {
      found.push({ file, line: unbalanced, message: 'braces do not balance: close what was opened' });
    }
    for (const { name, line, length } of list) {
      const key = `${file}:${name}`;
      const limit = allowed[key] ?? LENGTH_MAX;
      unused.delete(key);
      if (length > limit) {
        found.push({ file, line, message: `${name} has ${length} lines, ${limit} are allowed: split it` });
      } else if (key in allowed && length < limit) {
        found.push({ file, line, message: `${name} has ${length} lines now: lower or drop its exemption of ${limit}` });
      }
    }
  }
  for (const key of unused) {
    found.push({ file: 'tests/lint/c_rules.mjs', line: 1, message: `exemption of ${key}: no such function, drop it` });
  }
  return found;
}

const lines = (count) => 'x++;\n'.repeat(count);

export const functionLength = {
  name: 'length',
  about: `functions of at most ${LENGTH_MAX} lines`,
  check: (tree) => checkLength(tree, tree.allowed),
  good: {
    'a.c': `static int f(void)\n{\n${lines(LENGTH_MAX - 3)}}\nstruct s {\n${'int a;\n'.repeat(90)}};\n` +
      `static const int t[] = {\n${'1,\n'.repeat(90)}};\nchar c = '{';\nconst char *s = "{\\"{";\n/* { */\n` +
      '#define OPEN {\n#if A\nint g(void) {\n#else\nint g(int b) {\n#endif\nreturn 1;\n}\n',
    'b.cpp': `extern "C" {\nint f(int x) {\n${lines(60)}}\nint g() {\n${lines(60)}}\n}\n`,
  },
  bad: [
    { at: 'a.c:2', files: { 'a.c': `\nint f(int x)\n{\n${lines(LENGTH_MAX - 2)}}\n` } },
    { at: 'a.cpp:2', files: { 'a.cpp': `extern "C" {\nint f(int x)\n{\n${lines(LENGTH_MAX - 2)}}\n}\n` } },
    { at: 'a.c:3', files: { 'a.c': '\nint f(void) {\n' } },
    { at: 'a.c:1', files: { 'a.c': `int f(void) {\n${lines(70)}}\n` }, allowed: { 'a.c:f': 80 } },
    { at: 'tests/lint/c_rules.mjs:1', files: { 'a.c': '' }, allowed: { 'a.c:gone': 80 } },
  ],
};

// ---- banned

const INSTEAD = {
  strcpy: 'buf_* or snprintf with its result checked',
  strcat: 'buf_*',
  sprintf: 'snprintf with its result checked',
  vsprintf: 'vsnprintf with its result checked',
  strtok: 'a span and memchr',
  atoi: 'strtoul with every error checked',
  atol: 'strtoul with every error checked',
  alloca: 'an arena or a buffer with a stated cap',
  system: 'posix_spawn with an argument list',
  popen: 'posix_spawn with an argument list',
  gets: 'fgets',
  rand: 'port_random',
  srand: 'port_random',
  random: 'port_random',
  localtime: 'japan_*: the machine may stand in any zone',
  localtime_r: 'japan_*: the machine may stand in any zone',
  mktime: 'japan_*: the machine may stand in any zone',
  ctime: 'japan_*: the machine may stand in any zone',
  ctime_r: 'japan_*: the machine may stand in any zone',
};
// In the state machine nothing may differ between nodes.
const UNSTEADY = {
  time: 'the frame carries the time',
  clock_gettime: 'the frame carries the time',
  gettimeofday: 'the frame carries the time',
  getenv: 'same frames, same bytes on every node',
  secure_getenv: 'same frames, same bytes on every node',
  getrandom: 'commands carry every random value',
  getentropy: 'commands carry every random value',
  setlocale: 'same frames, same bytes on every node',
  strcoll: 'same frames, same bytes on every node',
  strtod: 'no floating point in the state machine',
};
const UNSTEADY_WORDS = {
  float: 'no floating point in the state machine',
  double: 'no floating point in the state machine',
  port_clock: 'the frame carries the time',
  port_random: 'commands carry every random value',
  pthread_create: 'no thread in the state machine',
};

function words(code, table, call) {
  const names = Object.keys(table).join('|');
  const pattern = new RegExp(`(?<![\\w.]|->)(${names})\\b${call ? '\\s*\\(' : ''}`, 'g');
  return [...code.matchAll(pattern)].map((m) => ({ name: m[1], line: lineOf(code, m.index) }));
}

function checkBanned(tree) {
  const found = [];
  for (const [file, source] of tree) {
    if (!isC(file)) continue;
    const { code } = scan(source);
    const steady = STATE_MACHINE.some((pattern) => matches(file, pattern));
    const hits = [
      ...words(code, INSTEAD, true).map((hit) => ({ ...hit, why: `use ${INSTEAD[hit.name]}` })),
      ...(steady ? words(code, UNSTEADY, true).map((hit) => ({ ...hit, why: UNSTEADY[hit.name] })) : []),
      ...(steady
        ? words(code, UNSTEADY_WORDS, false).map((hit) => ({ ...hit, why: UNSTEADY_WORDS[hit.name] }))
        : []),
    ];
    for (const { name, line, why } of hits) {
      found.push({ file, line, message: `${name} is banned here: ${why}` });
    }
  }
  return found;
}

export const banned = {
  name: 'banned',
  about: 'calls that no file may make, and what the state machine may not use',
  check: checkBanned,
  good: {
    'server/a.c': '/* strcpy(a, b) */\nconst char *s = "system(";\nint f(struct x *x) { return x->system(1) + my_atoi(2); }\nuint64_t t = time(NULL);\n',
    'raft/fsm_x.c': 'int f(void) { return frame->time; } /* double */\nuint64_t store_time(void);\n',
  },
  bad: [
    ...Object.keys(INSTEAD).map((name) => ({ at: 'server/a.c:2', files: { 'server/a.c': `\nint x = ${name} (y);\n` } })),
    ...Object.keys(UNSTEADY).map((name) => ({ at: 'raft/fsm_a.c:1', files: { 'raft/fsm_a.c': `int x = ${name}(y);\n` } })),
    ...Object.keys(UNSTEADY_WORDS).map((name) => ({ at: 'raft/command.c:1', files: { 'raft/command.c': `static ${name} x;\n` } })),
  ],
};

// ---- headers

function checkHeader(file, source) {
  const found = [];
  const say = (line, message) => found.push({ file, line, message });
  const stem = file.split('/').at(-1).replace(/\.\w+$/, '');
  const comment = source.match(/^\/\*\s*(\S+?):\s+\S/);
  if (!comment) say(1, `begin with a comment "/* ${stem}: purpose, invariants, ownership, thread */"`);
  else if (comment[1] !== stem) say(1, `the head comment names ${comment[1]}, the file is ${stem}`);
  const code = scan(source).code;
  const guard = code.match(/^\s*#ifndef (\w+)\n#define (\w+)\n[^]*\n#endif\s*$/);
  const suffix = `${stem.toUpperCase().replace(/\W/g, '_')}_H`;
  if (!guard || guard[1] !== guard[2]) {
    say(1, 'wrap the whole header in an include guard: #ifndef X, #define X, #endif');
  } else if (!guard[1].endsWith(suffix)) {
    say(lineOf(code, code.indexOf('#ifndef')), `the guard ${guard[1]} should end with ${suffix}`);
  }
  return found.map((hit) => ({ ...hit, guard: guard?.[1] }));
}

function checkHeaders(tree) {
  const found = [];
  const guards = new Map();
  for (const [file, source] of tree) {
    if (!/\.(h|hpp)$/.test(file)) continue;
    found.push(...checkHeader(file, source));
    const guard = source.match(/^#ifndef (\w+)$/m)?.[1];
    if (guard && guards.has(guard)) {
      found.push({ file, line: 1, message: `the guard ${guard} is also that of ${guards.get(guard)}` });
    }
    guards.set(guard, file);
  }
  return found;
}

const header = (stem, guard) => `/* ${stem}: what it is for. */\n#ifndef ${guard}\n#define ${guard}\nint f(void);\n#endif\n`;

export const headers = {
  name: 'headers',
  about: 'head comment and include guard in each header',
  check: checkHeaders,
  good: { 'a/b.h': header('b', 'A_B_H'), 'c/b.h': header('b', 'C_B_H') },
  bad: [
    { at: 'a/b.h:1', files: { 'a/b.h': header('b', 'A_B_H').replace(/^.*\n/, '') } },
    { at: 'a/b.h:1', files: { 'a/b.h': header('other', 'A_B_H') } },
    { at: 'a/b.h:1', files: { 'a/b.h': '/* b: x */\nint f(void);\n' } },
    { at: 'a/b.h:1', files: { 'a/b.h': `${header('b', 'A_B_H')}int g(void);\n` } },
    { at: 'a/b.h:2', files: { 'a/b.h': header('b', 'A_C_H') } },
    { at: 'c/b.h:1', files: { 'a/b.h': header('b', 'A_B_H'), 'c/b.h': header('b', 'A_B_H') } },
  ],
};
