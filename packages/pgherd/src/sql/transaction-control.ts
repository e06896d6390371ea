import { readStatement } from './statement.ts';
import { Tokens } from './tokens.ts';

/** How the names of pgherd's own savepoints begin. */
export const SAVEPOINT_PREFIX = 'pgherd_';

/**
 * Why a statement cannot be run inside a transaction of pgherd's. `ends`: it begins or ends a transaction.
 * `own-savepoint`: it may set, release or roll back to a savepoint of pgherd's own.
 */
export type ControlVerdict = 'ends' | 'own-savepoint';

/**
 * Whether a statement would take the control of a transaction out of pgherd's hands. Savepoints of the
 * application are its own affair.
 */
export function transactionControl(text: string): ControlVerdict | undefined {
  const { keyword } = readStatement(text);
  switch (keyword) {
    case 'BEGIN':
    case 'START':
    case 'COMMIT':
    case 'END':
    case 'ABORT':
    case 'PREPARE TRANSACTION':
      return 'ends';
    case 'ROLLBACK':
    case 'SAVEPOINT':
    case 'RELEASE':
      return ofSavepoint(keyword, wordsOf(text));
    default:
      return undefined;
  }
}

interface Word {
  /** Whether it is quoted. */
  readonly quoted: boolean;
  /** As the server reads it, in lower case unless it is quoted. */
  readonly value: string;
}

/** `ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name`, `SAVEPOINT name`, `RELEASE [SAVEPOINT] name`. */
function ofSavepoint(keyword: string, words: readonly Word[]): ControlVerdict | undefined {
  const rest = words.slice(1);
  if (keyword === 'ROLLBACK') {
    if (isWord(rest[0], 'work') || isWord(rest[0], 'transaction')) rest.shift();
    if (!isWord(rest[0], 'to')) return 'ends';
    rest.shift();
  }
  if (keyword !== 'SAVEPOINT' && rest.length > 1 && isWord(rest[0], 'savepoint')) rest.shift();
  const [name] = rest;
  // A name in a form that is not understood, such as U&"…", might be one of ours.
  return rest.length === 1 && name?.value.startsWith(SAVEPOINT_PREFIX) === false
    ? undefined
    : 'own-savepoint';
}

function isWord(word: Word | undefined, value: string): boolean {
  return word?.quoted === false && word.value === value;
}

/** The words and names of the first statement that is not empty. */
function wordsOf(text: string): Word[] {
  const tokens = new Tokens(text, false);
  const words: Word[] = [];
  for (;;) {
    const token = tokens.next();
    if (token === 'word') words.push({ quoted: false, value: tokens.text.toLowerCase() });
    else if (token === 'name') words.push({ quoted: true, value: tokens.text.replaceAll('""', '"') });
    else if (token === 'end' || (token === ';' && words.length > 0)) return words;
  }
}
