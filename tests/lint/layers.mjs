// Rule `layers`: ARCHITECTURE.md's table as data. A file belongs to the first row
// that matches it. The names of the rows must be those of the table.
import { lineOf, scan } from './c_source.mjs';

const BASE = 'store/base/*.h';

// What every node must do alike, to the bit.
export const STATE_MACHINE = ['raft/command*', 'raft/frame*', 'raft/outcome*', 'raft/fsm*'];

// name: first column of ARCHITECTURE.md. files: what the row is about ('*': no
// slash, '**': any). may: project headers. system: headers in <> beyond libc's.
export const ROWS = [
  {
    name: '`store/base`',
    files: ['store/base/*'],
    may: [BASE],
    system: [],
  },
  {
    name: '`store`',
    files: ['store/*'],
    may: [BASE, 'store/*.h'],
    system: ['lmdb.h', 'protobuf-c/*', 'sodium/crypto_shorthash*', 'sodium/crypto_hash*'],
  },
  {
    name: '`raft/command`, `raft/frame`, `raft/outcome`, `raft/fsm*`',
    files: STATE_MACHINE,
    may: [BASE, 'store/*.h', 'raft/command*.h', 'raft/fsm*.h'],
    system: ['protobuf-c/*', 'sodium/crypto_shorthash*'],
  },
  {
    name: '`raft/repl*`, `raft/peer_*`',
    files: ['raft/repl*', 'raft/peer_*'],
    may: [BASE, 'store/*.h', 'raft/*.h'],
    system: ['raft.h', 'raft/uv.h', 'uv.h', 'openssl/*'],
  },
  {
    name: '`server/oidc`, `server/domain`',
    files: ['server/oidc/*', 'server/domain/*'],
    may: [BASE, 'server/oidc/*.h', 'server/domain/*.h'],
    system: ['uninorm.h', 'password_common.h', 'password_words.h'],
  },
  {
    name: '`server/crypto`',
    files: ['server/crypto/*'],
    may: [BASE, 'store/store_key.h', 'server/crypto/*.h'],
    system: ['openssl/*', 'cbor.h', 'cjose/*', 'jansson.h', 'sodium.h', 'sodium/*'],
  },
  {
    name: '`server/main*`',
    files: ['server/main.c', 'server/main_*'],
    may: [BASE, 'store/store.h', 'raft/repl*.h', 'raft/peer_image.h', 'server/*.h', 'server/crypto/*.h', 'http/http_server.h'],
    system: ['openssl/*', 'sodium.h'],
  },
  {
    name: '`server`',
    files: ['server/*'],
    may: [BASE, 'store/*.h', 'raft/repl.h', 'raft/command.h', 'server/**.h', 'ocr-worker/wire/*.h'],
    system: ['curl/*', 'jansson.h', 'message_texts.h', 'cairo-pdf.h', 'pango/*', 'qrencode.h'],
  },
  {
    name: '`http`',
    files: ['http/**'],
    may: [BASE, 'server/*.h', 'server/oidc/*.h', 'http/**.h', 'http/*.hpp'],
    system: ['h2o.h', 'h2o/*', 'openssl/*', 'kainjow/mustache.hpp', 'http_pages.h', 'http_console_pages.h', 'jansson.h'],
  },
  {
    name: '`ocr-worker/wire`',
    files: ['ocr-worker/wire/*'],
    may: [BASE, 'ocr-worker/wire/*.h'],
    system: [],
  },
  {
    name: '`ocr-worker`',
    files: ['ocr-worker/*'],
    may: [BASE, 'ocr-worker/**.h'],
    system: ['curl/*', 'ft2build.h', 'freetype/*', 'jansson.h', 'leptonica/*', 'openssl/*', 'poppler.h', 'seccomp.h', 'tesseract/*', 'tiffio.h', 'turbojpeg.h', 'cairo.h', 'iconv.h', 'zbar.h'],
  },
  {
    name: '`ops/cli`',
    files: ['ops/cli/**'],
    may: [BASE, 'store/audit_record.h', 'ops/cli/*.h'],
    system: ['curl/*', 'openssl/*', 'jansson.h', 'sodium.h'],
  },
  {
    name: '`ops/bench.d`',
    files: ['ops/bench.d/**'],
    may: ['ops/bench.d/*.h'],
    system: ['h2o.h', 'h2o/*', 'openssl/*', 'sodium.h'],
  },
  {
    name: '`tests`, `chaos`',
    files: ['tests/**', 'chaos/**'],
    may: ['**'],
    system: ['**'],
  },
];

// Headers that fewer may include than their row says.
export const ONLY = [
  { header: 'store/store_write.h', by: ['store/*', 'raft/fsm*', 'tests/**', 'chaos/**'] },
  { header: 'store/store_table.h', by: ['store/*', 'tests/**'] },
  { header: 'store/store_lmdb.h', by: ['store/*', 'tests/**'] },
  { header: 'store/record.pb-c.h', by: ['store/*'] },
  { header: 'raft/command.pb-c.h', by: ['raft/command*'] },
  { header: 'raft/fsm*.h', by: ['raft/fsm*', 'raft/repl*', 'tests/**', 'chaos/**'] },
  { header: 'lmdb.h', by: ['store/*', 'tests/**'] },
  { header: 'h2o.h', by: ['http/**', 'ops/bench.d/**', 'tests/**'] },
  { header: 'pango/*', by: ['server/denial_letter*', 'server/paper*', 'tests/**'] },
  { header: 'curl/*', by: ['server/outbound_call*', 'ocr-worker/*', 'ops/cli/**', 'tests/**', 'chaos/drill/*'] },
  { header: 'raft.h', by: ['raft/repl*', 'raft/peer_*', 'tests/**', 'chaos/**'] },
  { header: 'raft/uv.h', by: ['raft/repl*', 'raft/peer_*', 'tests/**', 'chaos/**'] },
  { header: 'uv.h', by: ['raft/repl*', 'raft/peer_*', 'tests/**', 'chaos/**'] },
];

// C11's, POSIX's and Linux's own.
const LIBC = new RegExp(
  '^(' +
    'assert|ctype|errno|float|inttypes|limits|locale|math|setjmp|signal|stdalign|stdarg|' +
    'stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|time|wchar|' +
    'arpa/inet|dirent|endian|fcntl|getopt|grp|iconv|libgen|malloc|netdb|net/if|netinet/(in|tcp)|poll|' +
    'pthread|pwd|sched|semaphore|spawn|sys/[a-z]+|sysexits|syslog|termios|threads|ucontext|unistd|' +
    'linux/[a-z_]+)\\.h$',
);
const GENERATED = /\.pb-c\.h$|^http\/pages\.h$/; // made by CMake
const CXX_STANDARD = /^[a-z_]+$/; // <string>, <map>: in C++ files alone

const globs = new Map();
export function matches(path, pattern) {
  if (!globs.has(pattern)) {
    const source = pattern
      .split(/(\*\*|\*)/)
      .map((part) =>
        part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'),
      );
    globs.set(pattern, new RegExp(`^${source.join('')}$`));
  }
  return globs.get(pattern).test(path);
}
const any = (path, patterns) => patterns.some((pattern) => matches(path, pattern));

function includesOf(source) {
  const text = scan(source).text;
  return [...text.matchAll(/^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]/gm)].map((m) => ({
    system: m[1] === '<',
    header: m[2],
    line: lineOf(text, m.index + m[0].length - 1),
  }));
}

function checkInclude(tree, file, row, include) {
  const { header, system } = include;
  const only = ONLY.filter((entry) => matches(header, entry.header));
  if (only.length > 0 && !only.some((entry) => any(file, entry.by))) {
    return `only ${only[0].by.join(', ')} may include ${header}; go through the layer that owns it`;
  }
  if (system) {
    if (tree.has(header)) return `write "${header}" for a header of this project`;
    if (LIBC.test(header) || any(header, row.system)) return null;
    if (/\.(cc|cpp|hpp)$/.test(file) && CXX_STANDARD.test(header)) return null;
    return `${row.name} may not include <${header}>; see the table in ARCHITECTURE.md`;
  }
  if (!tree.has(header) && !GENERATED.test(header)) {
    return `no such header from the top of the tree; write the whole path, and <> for libraries`;
  }
  if (/^(tests|chaos)\//.test(header) && !/^(tests|chaos)\//.test(file)) {
    return 'code that ships must not include tests or chaos';
  }
  if (any(header, row.may)) return null;
  return `${row.name} may not include ${header}; see the table in ARCHITECTURE.md`;
}

function checkTable(tree) {
  const file = 'ARCHITECTURE.md';
  const text = tree.get(file);
  if (text === undefined) return [{ file, line: 1, message: 'missing: the layers are its table' }];
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^\|\s*code\s*\|/.test(line));
  if (start < 0) return [{ file, line: 1, message: 'no table that begins with `| code |`' }];
  const found = [];
  const names = new Set();
  for (let i = start + 2; i < lines.length && lines[i].startsWith('|'); i++) {
    const name = lines[i].split('|')[1].trim();
    names.add(name);
    if (!ROWS.some((row) => row.name === name)) {
      found.push({ file, line: i + 1, message: `row ${name} has no rule in tests/lint/layers.mjs` });
    }
  }
  for (const row of ROWS) {
    if (!names.has(row.name)) {
      found.push({ file, line: start + 1, message: `tests/lint/layers.mjs has a row ${row.name}: add it here` });
    }
  }
  return found;
}

function check(tree) {
  const found = tree.has('ARCHITECTURE.md') || tree.whole ? checkTable(tree) : [];
  for (const [file, source] of tree) {
    if (!/\.(c|h|cc|cpp|hpp)$/.test(file)) continue;
    const row = ROWS.find((candidate) => any(file, candidate.files));
    if (!row) {
      found.push({ file, line: 1, message: 'no layer: add a row to ARCHITECTURE.md and tests/lint/layers.mjs' });
      continue;
    }
    for (const include of includesOf(source)) {
      const message = checkInclude(tree, file, row, include);
      if (message) found.push({ file, line: include.line, message });
    }
  }
  return found;
}

const table = `| code | may include |\n|---|---|\n${ROWS.map((row) => `| ${row.name} | x |\n`).join('')}`;

export const layers = {
  name: 'layers',
  about: "who may include what (ARCHITECTURE.md's table)",
  check,
  good: {
    'ARCHITECTURE.md': table,
    'store/base/err.h': '#include <stdint.h>\n',
    'store/store.h': '#include "store/base/err.h"\n',
    'store/store_write.h': '',
    'raft/fsm.c': '#include "store/store_write.h"\n',
    'http/pages.cpp': '#include <string>\n// #include "raft/fsm.h"\n',
  },
  bad: [
    { at: 'store/base/a.c:1', files: { 'store/base/a.c': '#include <lmdb.h>\n' } },
    { at: 'store/base/a.c:2', files: { 'store/base/a.c': '\n#include "store/b.h"\n', 'store/b.h': '' } },
    { at: 'server/svc_x.c:1', files: { 'server/svc_x.c': '#include "store/store_write.h"\n', 'store/store_write.h': '' } },
    { at: 'server/svc_x.c:1', files: { 'server/svc_x.c': '#include <h2o.h>\n' } },
    { at: 'server/oidc/x.c:1', files: { 'server/oidc/x.c': '#include "raft/repl.h"\n', 'raft/repl.h': '' } },
    { at: 'raft/fsm_x.c:1', files: { 'raft/fsm_x.c': '#include <raft.h>\n' } },
    { at: 'raft/fsm_x.c:1', files: { 'raft/fsm_x.c': '# include "raft/repl.h"\n', 'raft/repl.h': '' } },
    { at: 'store/x.c:1', files: { 'store/x.c': '#include "raft/command.pb-c.h"\n' } },
    { at: 'http/x.c:1', files: { 'http/x.c': '#include "tests/unit/helper.h"\n', 'tests/unit/helper.h': '' } },
    { at: 'http/x.c:1', files: { 'http/x.c': '#include "http_other.h"\n', 'http/http_other.h': '' } },
    { at: 'strange/x.c:1', files: { 'strange/x.c': '' } },
    { at: 'ARCHITECTURE.md:3', files: { 'ARCHITECTURE.md': table.replace('`store/base`', '`moved`') } },
  ],
};
