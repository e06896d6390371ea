import { type NodeRule, onServer } from './rule.ts';

/** Whether a server could not be asked because of a pooler in statement mode. */
export function isOfStatementMode(failure: string | undefined): boolean {
  return failure?.includes('pool_mode = statement') === true;
}

/** Rules for what stands between us and a server, by name. */
export const POOLER_RULES: Readonly<Record<string, NodeRule>> = Object.freeze({
  'pooler-in-statement-mode': ({ failure }) =>
    isOfStatementMode(failure)
      ? [
          {
            severity: 'error',
            evidence: 'A pooler in statement mode stands before the server: it refuses every transaction.',
            remedy: 'Set pool_mode = transaction in the pooler, or name the server itself.',
            page: 'poolers.md',
          },
        ]
      : [],
  'pooler-undeclared': onServer(({ sharesSessions }, _node, { pooler }) =>
    sharesSessions === true && pooler === undefined
      ? {
          severity: 'warning',
          evidence:
            'A pooler in transaction mode stands before the server, and the connection settings do not say so: each process finds it out anew.',
          remedy: 'Declare it: pooler: true in the options, or pgbouncer=true in the URL.',
          page: 'poolers.md#rules',
        }
      : undefined,
  ),
  'pooler-denied': onServer(({ sharesSessions }, _node, { pooler }) =>
    sharesSessions === true && pooler === false
      ? {
          severity: 'error',
          evidence:
            'pgbouncer=false, and a pooler in transaction mode stands before the server: settings of one session may hold for another.',
          remedy: 'Set pgbouncer=true, or name the server itself.',
          page: 'poolers.md#a-wrong-pooler-false',
        }
      : undefined,
  ),
  'pooler-keeps-sessions': onServer(({ sharesSessions }, { route }, { pooler }) =>
    route === 'pooler' && sharesSessions === false && pooler !== false
      ? {
          severity: 'warning',
          evidence:
            'The pooler before the server keeps sessions (session mode), and is treated as one in transaction mode: single statements may take three round trips.',
          remedy: 'Say that sessions are kept: pooler: false in the options, or pgbouncer=false in the URL.',
          page: 'poolers.md#rules',
        }
      : undefined,
  ),
  'pooler-with-session-settings': onServer(({ sharesSessions }, _node, { sessionSettings }) =>
    sharesSessions === true && sessionSettings.length > 0
      ? {
          severity: 'warning',
          evidence: `The connection settings set ${sessionSettings.join(', ')}, and a pooler in transaction mode keeps no session: every statement takes three round trips.`,
          remedy: 'Set them where they cost nothing: alter role … set … = …',
          page: 'poolers.md#what-is-different',
        }
      : undefined,
  ),
});
