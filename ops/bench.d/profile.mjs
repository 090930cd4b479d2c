// perf on the nodes while a phase runs: where their time goes.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LOAD_CORE, run, start } from './process.mjs';

const TOP_SYMBOLS = 25;

export class Profile {
  // Records from two seconds after now (set-up and warm-up) for `seconds` - 1.
  constructor(pids, dir, phase, seconds) {
    this.file = join(dir, `perf-${phase.replace(/\W+/g, '-')}.data`);
    const command = `sleep 2.5; exec perf record -q -F 99 -g -p ${pids.join(',')} -o '${this.file}' -- sleep ${Math.max(1, seconds - 2)}`;
    this.recording = start(LOAD_CORE, 'sh', ['-c', command]);
  }

  rows(sort, percentLimit) {
    const text = run('perf', [
      ...['report', '-i', this.file, '--stdio', '--no-children', '-g', 'none'],
      ...['--sort', sort, '--percent-limit', percentLimit],
    ]);
    return text
      .split('\n')
      .map((line) => line.match(/^\s*([\d.]+)%\s+(\S+)(?:\s+\[.\]\s+(\S+))?/))
      .filter(Boolean)
      .map(([, percent, dso, symbol]) => ({ percent: Number(percent), dso, symbol }));
  }

  // { parts: [{ percent, dso }], symbols: [{ percent, dso, symbol }] }, of the time on
  // the processor.
  async end() {
    const { code, stderr } = await this.recording.ended;
    if (code !== 0 || !existsSync(this.file)) return { failed: stderr.trim() };
    return {
      parts: this.rows('dso', '1'),
      symbols: this.rows('dso,symbol', '0.5').slice(0, TOP_SYMBOLS),
    };
  }
}
