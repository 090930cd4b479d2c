#!/usr/bin/env node
// make_common: makes common.txt, the passwords that are tried first, of three packages.
//
//   npm install --no-save --prefix DIR zxcvbn@4.4.2 @zxcvbn-ts/language-common@4.1.3 @zxcvbn-ts/language-ja@3.0.2
//   server/domain/password/make_common.mjs DIR > server/domain/password/common.txt
//
// All three are under the MIT licence, which stands in common.LICENSE. Printable ASCII,
// lower case, sorted by bytes, each once: password_list.c looks a word up by bisection.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [dir] = process.argv.slice(2);
if (!dir) {
  process.stderr.write('make_common: the folder with node_modules is expected\n');
  process.exit(2);
}
const modules = join(resolve(dir), 'node_modules');
const lists = createRequire(join(modules, 'x.js'))('zxcvbn/lib/frequency_lists.js');
const words = (list) => (Array.isArray(list) ? list : String(list).split(','));
const json = (name, file) => JSON.parse(readFileSync(join(modules, '@zxcvbn-ts', name, 'src', `${file}.json`), 'utf8'));

// What somebody made a password of, and names, from four characters on: with figures
// around they are no better. Words of a language from eight on, which is a password's
// least length: as one they are guessed, as a part they are not.
const short = [words(lists.passwords), words(lists.female_names), words(lists.male_names), json('language-common', 'passwords'), json('language-ja', 'firstnames'), json('language-ja', 'lastnames'), json('language-ja', 'commonWords')];
const long = [words(lists.english_wikipedia), words(lists.surnames), json('language-ja', 'wikipedia')];
const all = new Set([
  ...short.flat().filter((word) => word.length >= 4),
  ...long.flat().filter((word) => word.length >= 8),
].map((word) => word.toLowerCase()).filter((word) => /^[!-~]{4,63}$/.test(word)));
process.stdout.write(`${[...all].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).join('\n')}\n`);
