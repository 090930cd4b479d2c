// What workers take: processor time and memory, their readers (children) included.
import { readFileSync } from 'node:fs';

const field = (path, pattern) => {
  try {
    return readFileSync(path, 'utf8').match(pattern)?.[1] ?? '';
  } catch {
    return ''; // it has ended
  }
};

// Seconds, with those of the children that ended.
export function cpuOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return stat.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

const childrenOf = (pid) => field(`/proc/${pid}/task/${pid}/children`, /^([\d ]*)/).split(' ').filter(Boolean);

// Of a reader, what it does not share with the worker (MB).
function privateOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return [...text.matchAll(/^Private_\w+:\s+(\d+)/gm)].reduce((sum, m) => sum + Number(m[1]), 0) / 1024;
  } catch {
    return 0; // it has ended
  }
}

// Looks now and then; the most that one worker took with its reader, in MB.
export class Memory {
  constructor(pids) {
    this.pids = pids;
    this.readers = new Map(pids.map((pid) => [pid, 0]));
    this.timer = setInterval(() => {
      for (const pid of pids)
        for (const child of childrenOf(pid)) this.readers.set(pid, Math.max(this.readers.get(pid), privateOf(child)));
    }, 25);
  }

  close() {
    clearInterval(this.timer);
    return Math.max(...this.pids.map((pid) => Number(field(`/proc/${pid}/status`, /VmHWM:\s+(\d+)/)) / 1024 + this.readers.get(pid)));
  }
}
