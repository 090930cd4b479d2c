#!/usr/bin/env node
// app: the smartphone app of the demo, on the command line and as a small page.
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Device, Refused, parseEnrolment } from './device.mjs';
import { serve } from './page.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const USAGE = `usage: ops/demo-app/app.mjs [OPTION...] COMMAND

  register CODE|ADDRESS   register this device: the code that the page shows, or what
                          its QR code holds (tasuki://enrol?...)
  list                    the sign-ins that wait for an answer
  approve NUMBER [ID]     approve one, with the number that the browser shows
  deny [ID]               say no
  push [ADDRESS]          be told at this address that a question waits, or nowhere
  not-me [ID]             say no, and that it was somebody else
  forget                  delete the device's key here (the account page removes it there)
  serve                   the same as a page on 127.0.0.1

  --dir DIR         of the demo (default build/demo); the device's key is kept there
  --device NAME     another device (default: app-device)
  --platform P      android (default) or ios, to register as
  --name NAME       what the device is called
  --push ADDRESS    be told there that a question waits, from registering on
  --port P          of the page (default: the demo's)
  --server URL      the issuer (default: the demo's)
  --json            answers as JSON
  --help

Exit code 0: done; 1: the server refused or cannot be reached; 2: wrong usage.
ID is needed when more than one sign-in waits.
`;

function usageError(message) {
  process.stderr.write(`app: ${message}. See --help.\n`);
  process.exit(2);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        dir: { type: 'string', default: join(ROOT, 'build/demo') },
        device: { type: 'string', default: 'app-device' },
        platform: { type: 'string', default: 'android' },
        name: { type: 'string', default: 'Simulator' },
        push: { type: 'string' },
        port: { type: 'string' },
        server: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return usageError(error.message);
  }
}

const { values: options, positionals } = parse();
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const [command, first, second] = positionals;
const file = join(options.dir, `${options.device}.json`);

function demoValue(name) {
  const text = readFileSync(join(options.dir, 'demo.env'), 'utf8');
  return text.match(new RegExp(`^(?:export )?${name}='?([^'\\n]*)'?$`, 'm'))?.[1];
}

const ca = () => readFileSync(join(options.dir, 'pki/ca.crt'));
const device = () => {
  if (!Device.stands(file)) throw new Error(`no device is registered (${file}): register first`);
  return Device.load(file, { ca: ca() });
};

const say = (words, json) => process.stdout.write(options.json ? `${JSON.stringify(json)}\n` : `${words}\n`);

async function register() {
  if (!first) usageError('register needs a code');
  const { server, code } = first.startsWith('tasuki:') ? parseEnrolment(first) : { server: options.server ?? demoValue('TASUKI_ISSUER'), code: first };
  const made = new Device({ server, ca: ca(), platform: options.platform, name: options.name, push: options.push });
  await made.register(code);
  made.save(file);
  say(`registered; the key is in ${file}`, { registered: true, file });
}

async function one(id) {
  const it = device();
  const waiting = await it.challenges();
  const found = id ? waiting.filter(({ challenge }) => challenge.startsWith(id)) : waiting;
  if (found.length === 0) throw new Error('no sign-in waits for an answer');
  if (found.length > 1) throw new Error('more than one sign-in waits: name one (see list)');
  return { it, question: found[0] };
}

async function list() {
  const waiting = await device().challenges();
  const lines = waiting.map(({ challenge, service, created_at: at }) => `${challenge}  ${new Date(at * 1000).toISOString()}  ${service}`);
  say(lines.length ? lines.join('\n') : 'no sign-in waits for an answer', waiting);
}

async function answer(word, number, id) {
  if (word === 'approve' && !/^\d\d$/.test(number ?? '')) usageError('approve needs the two digits that the browser shows');
  const { it, question } = await one(id);
  const { result } = await it.answer(question, word, number);
  say(result, { result, ...question });
}

async function push() {
  const answer = await device().moved(first);
  say(answer.push ? `told at ${first}` : 'told nowhere', answer);
}

function forget() {
  rmSync(file, { force: true });
  say(`${file} is gone`, { forgotten: true });
}

const commands = {
  register,
  list,
  push,
  forget,
  approve: () => answer('approve', first, second),
  deny: () => answer('deny', undefined, first),
  'not-me': () => answer('not_me', undefined, first),
  serve: () => serve({ port: Number(options.port ?? demoValue('TASUKI_APP_PORT')), file, ca: ca(), server: options.server ?? demoValue('TASUKI_ISSUER') }),
};
if (!command) usageError('a command is needed');
if (!commands[command]) usageError(`unknown command '${command}'`);
try {
  await commands[command]();
} catch (error) {
  process.stderr.write(`app: ${error instanceof Refused ? `refused (${error.code}): ` : ''}${error.message}\n`);
  process.exit(1);
}
