import type { SentStatement, Statement } from '../model/statement.ts';
import type { CommentTags } from './call.ts';

/**
 * The statement with its tags behind the SQL, as sqlcommenter writes them. Texts are part of the SQL. What functions return goes only with a
 * Parse without a name: it changes from one statement to the next, and none would be prepared.
 */
export function commented(statement: Statement, tags: CommentTags | undefined): SentStatement {
  if (tags === undefined) return statement;
  const fixed: string[] = [];
  const changing: string[] = [];
  for (const name of Object.keys(tags).sort()) {
    const tag = tags[name];
    if (typeof tag === 'string') fixed.push(pair(name, tag));
    else if (tag !== undefined) {
      const value = asked(tag);
      if (value !== undefined) changing.push(pair(name, value));
    }
  }
  const text = fixed.length === 0 ? statement.text : behind(statement.text, fixed);
  const isSame = text === statement.text;
  if (changing.length === 0 && isSame) return statement;
  // A name of the program's stands for one text, and its tags may be others next time.
  const sent =
    isSame || statement.name === undefined ? { ...statement, text } : { ...statement, text, name: undefined };
  return changing.length === 0 ? sent : { ...sent, behind: comment(text, changing) };
}

/** What a function of the program's returns for this statement; one that throws adds nothing. */
function asked(tag: () => string | undefined): string | undefined {
  try {
    const value: unknown = tag();
    return value === undefined ? undefined : String(value);
  } catch {
    return undefined;
  }
}

/** The tags of a call, added to those that it inherits. */
export function joinedTags(
  inherited: CommentTags | undefined,
  own: CommentTags | undefined,
): CommentTags | undefined {
  if (inherited === undefined || own === undefined) return own ?? inherited;
  return { ...inherited, ...own };
}

function behind(text: string, pairs: readonly string[]): string {
  return text + comment(text, pairs);
}

/** A comment to the end of the line, if the SQL ends with one, must not swallow it. */
function comment(text: string, pairs: readonly string[]): string {
  return `${text.includes('--') ? '\n' : ' '}/*${pairs.join(',')}*/`;
}

/** Nothing in it ends the comment or a text: what has a meaning there is written as `%2F`. */
function pair(name: string, value: string): string {
  return `${escaped(name)}='${escaped(value)}'`;
}

function escaped(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\uFFFD')).replace(
    /['*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
