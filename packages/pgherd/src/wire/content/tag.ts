/** What a command tag says, as node-postgres reads it. */
export interface Tag {
  /** The first word: `CREATE` of `CREATE TABLE`. */
  readonly command: string;
  /** Rows that the tag counts; `null` if it counts none. */
  readonly rowCount: number | null;
}

/** Reads a command tag such as `SELECT 5`, `INSERT 0 1`, `CREATE TABLE`. */
export function readTag(tag: string): Tag {
  const space = tag.indexOf(' ');
  if (space < 0) return { command: tag, rowCount: null };
  const last = tag.slice(tag.lastIndexOf(' ') + 1);
  const count = last === '' ? Number.NaN : Number(last);
  return { command: tag.slice(0, space), rowCount: Number.isNaN(count) ? null : count };
}
