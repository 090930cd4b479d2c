// Numbers of timing tests: ranks, not means (SECURITY_CHECKS, running rule 2).

// Mann-Whitney: the probability that a value of `b` exceeds one of `a`, ties half.
// 0.5 means that nothing tells them apart. `z` is its normal score.
export function mannWhitney(a, b) {
  const all = [...a.map((value) => ({ value, of: 0 })), ...b.map((value) => ({ value, of: 1 }))].sort((x, y) => x.value - y.value);
  let rankSum = 0;
  for (let i = 0; i < all.length; ) {
    let j = i;
    while (j < all.length && all[j].value === all[i].value) j++;
    const rank = (i + 1 + j) / 2;
    for (let k = i; k < j; k++) if (all[k].of === 1) rankSum += rank;
    i = j;
  }
  const u = rankSum - (b.length * (b.length + 1)) / 2;
  const auc = u / (a.length * b.length);
  const sd = Math.sqrt((a.length * b.length * (a.length + b.length + 1)) / 12);
  return { auc, separation: Math.abs(auc - 0.5) + 0.5, z: (u - (a.length * b.length) / 2) / sd };
}

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + (sorted[Math.ceil(at)] - sorted[low]) * (at - low);
}

// How far apart two classes of times may lie (AUC). Instrumented code costs many times
// more where it runs and nothing where it does not, so a sanitized build is held to a
// wider bound (CMake says which build it is); the figure for people is a release build's.
export const SEPARATION_MAX = Number(process.env.TASUKI_TIMING_SEPARATION ?? 0.55);
