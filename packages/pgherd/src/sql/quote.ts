/**
 * A string as an SQL literal, for either value of `standard_conforming_strings`. The string must not contain
 * NUL.
 */
export function quoteLiteral(text: string): string {
  const doubled = text.replaceAll("'", "''");
  return text.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

/** A name as an SQL identifier. The name must not contain NUL. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
