/**
 * Names longer than this get no suggestion, so that the cost of one is bounded whatever the caller passes.
 */
const LONGEST_NAME = 64;

/**
 * The known name closest to a mistyped one, for "did you mean" in an error; `undefined` if none is close.
 * Case, blanks, `_` and `-` do not count as differences, and at most a third of the letters (at least two) may
 * differ.
 *
 * @example
 * nearest('sslmod', ['sslmode', 'sslcert']) // 'sslmode'
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const wanted = folded(name);
  if (wanted.length === 0 || wanted.length > LONGEST_NAME) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const other = folded(candidate);
    // The difference in length is a lower bound of the distance: most candidates fall here.
    if (Math.abs(other.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, other);
    if (distance < bestDistance && distance < wanted.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** The name as it is compared: without what does not count as a difference. */
export function folded(name: string): string {
  return name.replaceAll(/[ _-]/g, '').toLowerCase();
}

/** Levenshtein's distance: insertions, deletions and replacements of one letter. One row of memory. */
function editDistance(from: string, to: string): number {
  const row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    let diagonal = row[0] ?? 0;
    row[0] = i;
    for (let j = 1; j <= to.length; j += 1) {
      const above = row[j] ?? 0;
      const replaced = diagonal + (from[i - 1] === to[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, above + 1, (row[j - 1] ?? 0) + 1);
      diagonal = above;
    }
  }
  return row[to.length] ?? 0;
}
