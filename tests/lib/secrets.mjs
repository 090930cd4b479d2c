// Every secret that a test sees is noted, so that logs.test.mjs can look for it in
// the nodes' logs (SECURITY_CHECKS G11). The file belongs to one build directory.
import { appendFileSync } from 'node:fs';

const seen = new Set();
const SECRET_LEN_MIN = 12; // shorter ones would be found by chance

export function note(value) {
  if (typeof value === 'string' && value.length >= SECRET_LEN_MIN) seen.add(value);
  return value;
}

export const noted = () => [...seen];

process.on('exit', () => {
  const file = process.env.TASUKI_SECRETS_FILE;
  if (!file || seen.size === 0) return;
  // The newest are enough: a run of the failover test sees tens of thousands.
  const lines = [...seen].slice(-5000).map((value) => JSON.stringify(value)).join('\n');
  appendFileSync(file, lines + '\n', { mode: 0o600 });
});
