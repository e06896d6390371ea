/** Commands that may have done something for good although they ended with an error: they commit on their way. */
const COMMITTING: ReadonlySet<string> = new Set(['CALL', 'DO', 'VACUUM', 'REINDEX', 'CLUSTER']);
const OUTSIDE_TRANSACTION = /^(CREATE|DROP|ALTER)\s+(DATABASE|TABLESPACE|SUBSCRIPTION|SYSTEM)\b/i;
const CONCURRENTLY = /^(CREATE|DROP|REFRESH|ALTER)\b[^;]*\bCONCURRENTLY\b/i;

/**
 * Whether an error reply proves that the statement did nothing. Nearly all statements are all or nothing; a procedure, an
 * anonymous block or a concurrent index build may have committed a part before it failed.
 */
export function isAtomic(text: string): boolean {
  const statement = withoutLeadingComments(text);
  const keyword = /^[a-z]+/i.exec(statement)?.[0]?.toUpperCase() ?? '';
  if (COMMITTING.has(keyword)) return false;
  return !OUTSIDE_TRANSACTION.test(statement) && !CONCURRENTLY.test(statement);
}

/** The text from its first word on. Block comments nest in PostgreSQL. */
export function withoutLeadingComments(text: string): string {
  let at = 0;
  for (;;) {
    while (at < text.length && /\s/.test(text.charAt(at))) at++;
    if (text.startsWith('--', at)) {
      const end = text.indexOf('\n', at);
      if (end < 0) return '';
      at = end + 1;
    } else if (text.startsWith('/*', at)) {
      at = endOfBlock(text, at);
    } else {
      return text.slice(at);
    }
  }
}

function endOfBlock(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const two = text.slice(at, at + 2);
    if (two === '/*') depth++;
    else if (two === '*/') depth--;
    else continue;
    at++;
    if (depth === 0) return at + 1;
  }
  return text.length;
}
