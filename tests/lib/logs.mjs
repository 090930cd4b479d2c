// The nodes' logs, wherever ops/demo writes them.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { demo } from './demo.mjs';

function walk(dir, depth, found) {
  for (const entry of readdirSync(dir)) {
    const path = join(dir, entry);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() && depth > 0) walk(path, depth - 1, found);
    else if (stat?.isFile() && /node.*\.log(\.\d+)?$/.test(path)) found.push(path);
  }
  return found;
}

// [{ file, text, lines }]: every file of tasukid's own output.
export function nodeLogs() {
  return walk(demo().dir, 3, []).map((file) => {
    const text = readFileSync(file, 'utf8');
    return { file, text, lines: text.split('\n').filter(Boolean) };
  });
}
