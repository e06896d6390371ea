import type { ClusterEvents } from '../observe/events.ts';
import { readStatement } from '../sql/statement.ts';
import type { SlowStatement } from './watch.ts';

/** A parameter, such as `$1`. */
const PARAMETER = /\$\d/;

/** What is reported of a slow statement; `ask` runs SQL on a node and returns the rows as text. */
export function slowStatement(
  { statement, record, now, error }: SlowStatement,
  ask: (text: string, node: string) => Promise<readonly string[]>,
): ClusterEvents['statement:slow'] {
  const { text, verb, scope } = statement;
  const { node, attempts } = record;
  const reported = { text, verb, scope, node, attempts, ...record.times(now), error };
  if (node === undefined || !isRead(text)) return reported;
  const plan = async () => (await ask(planText(text), node)).join('\n');
  return { ...reported, plan };
}

function isRead(text: string): boolean {
  const { mayShare, writes } = readStatement(text);
  return mayShare && !writes;
}

function planText(text: string): string {
  return PARAMETER.test(text) ? `EXPLAIN (GENERIC_PLAN) ${text}` : `EXPLAIN ${text}`;
}
