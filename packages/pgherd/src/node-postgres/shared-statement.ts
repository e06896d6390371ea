import { ByText } from '../sql/memo.ts';
import { readStatement } from '../sql/statement.ts';
import { Tokens } from '../sql/tokens.ts';

/**
 * How a pool that shares connections runs a text. `shared`: by the cluster. `client`: by a client of its own. `transaction`: not at all,
 * since the next statement may run elsewhere.
 */
export type SharedVerdict = 'shared' | 'client' | 'transaction';

/** What works on a process of one server. */
const ENDS_OTHERS = /\bpg_(cancel|terminate)_backend\b/i;

const verdicts = new ByText(judge);

/** How a text is run; cached. */
export function sharedVerdict(text: string): SharedVerdict {
  return verdicts.of(text);
}

/** Pure: from the text alone. */
function judge(text: string): SharedVerdict {
  // The simple protocol takes them, and a transaction in one text is whole.
  if (hasSeveral(text, false) || hasSeveral(text, true)) return 'client';
  // A client knows which server the process is on.
  if (ENDS_OTHERS.test(text)) return 'client';
  const { keyword, mayShare, otherVerb } = readStatement(text);
  if (otherVerb === 'transaction' || keyword === 'PREPARE TRANSACTION') return 'transaction';
  return mayShare ? 'shared' : 'client';
}

/** Whether the text has more than one statement, with backslashes that escape in plain strings or do not. */
function hasSeveral(text: string, escapes: boolean): boolean {
  if (!text.includes(';')) return false;
  const tokens = new Tokens(text, escapes);
  let hasBegun = false;
  let hasEnded = false;
  for (;;) {
    const token = tokens.next();
    if (token === 'end') return false;
    if (token !== ';' && hasEnded) return true;
    if (token !== ';') hasBegun = true;
    else hasEnded ||= hasBegun;
  }
}
