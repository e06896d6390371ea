/** What the callers know about their writes, by the number that each of them wrote. */
export interface WriteBooks {
  /** Writes that were reported as done. */
  readonly acknowledged: ReadonlySet<number>;
  /** Writes of which nobody can say whether they were done. */
  readonly unknown: ReadonlySet<number>;
}

/**
 * How the numbers that are stored and the books disagree, in sentences; empty when they agree: no acknowledged write is lost, none is there
 * twice, and none is there that failed for its caller. Store the numbers in a table without a key: a key would hide what ran twice.
 *
 * @example
 * expect(disagreements(load.books, rows.map((row) => row.id))).toEqual([]);
 */
export function disagreements(books: WriteBooks, stored: readonly number[]): string[] {
  const present = new Set(stored);
  const lost = [...books.acknowledged].filter((id) => !present.has(id));
  const unreported = [...present].filter((id) => !books.acknowledged.has(id) && !books.unknown.has(id));
  const problems: string[] = [];
  if (stored.length !== present.size) problems.push(`${stored.length - present.size} writes ran twice`);
  if (lost.length > 0) problems.push(`acknowledged writes are lost: ${listed(lost)}`);
  if (unreported.length > 0)
    problems.push(`writes are there that failed for their caller: ${listed(unreported)}`);
  return problems;
}

function listed(ids: readonly number[]): string {
  const shown = ids.slice(0, 10).join(', ');
  return ids.length > 10 ? `${shown} and ${ids.length - 10} more` : shown;
}
