// Who leads, and making another lead.
import { operator, statusOf } from './admin.mjs';
import { demo, until } from './demo.mjs';
import { get } from './http.mjs';

export async function leader() {
  return until('a leader', async () => {
    for (const node of demo().nodes) {
      const status = await statusOf(node.id).catch(() => null);
      if (status?.leader_id === node.id) return node.id;
    }
    return 0;
  });
}

// Ask the leader to hand over; resolves with the new one's id.
export async function transfer() {
  const from = await leader();
  const { status, json } = await operator(from, 'POST', '/v1/transfer', { to: 0 });
  if (status !== 200) throw new Error(`transfer: ${status} ${JSON.stringify(json)}`);
  return until('another leader', async () => {
    const now = await leader();
    return now !== from && now;
  });
}

export const ready = async (node) => (await get(node, '/health', { timeout: 2000 })).status === 200;

// All nodes ready, and of one digest at one index.
export async function whole({ timeout = 30000 } = {}) {
  for (const node of demo().nodes) await until(`${node.name} is ready`, () => ready(node), { timeout, every: 100 });
}

export async function digestsAgree({ timeout = 15000 } = {}) {
  return until(
    'equal digests at an equal index',
    async () => {
      const all = await Promise.all(demo().nodes.map((n) => statusOf(n.id)));
      if (all.some((s) => s.nodes.some((n) => n.digest_differs))) throw new Error('a digest differs');
      const [first] = all;
      const equal = all.every((s) => s.digest_index === first.digest_index && s.digest === first.digest);
      return equal && { index: first.digest_index, digest: first.digest };
    },
    { timeout, every: 30 },
  );
}
