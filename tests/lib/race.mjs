// Many requests at once over several nodes, and the answers that come of it.
import { setTimeout as pause } from 'node:timers/promises';

export const ANSWER_LOST = 0; // the connection broke: what happened is not known

// `send(target)` n times at once, in turn over `targets`; lost connections count as
// status ANSWER_LOST. `spread_ms`: starts are spread at random over that time.
export async function volley(n, targets, send, { spread_ms: spread = 0 } = {}) {
  return Promise.all(
    Array.from({ length: n }, async (_, i) => {
      if (spread > 0) await pause(Math.random() * spread);
      const target = targets[i % targets.length];
      try {
        const answer = await send(target);
        return { target: target.name, status: answer.status, answer };
      } catch (error) {
        return { target: target.name, status: ANSWER_LOST, error };
      }
    }),
  );
}

export const count = (answers, status) => answers.filter((a) => a.status === status).length;

export function tally(answers) {
  const by = {};
  for (const { status } of answers) by[status] = (by[status] ?? 0) + 1;
  return JSON.stringify(by);
}
