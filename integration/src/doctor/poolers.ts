import type { PgBouncerSettings } from '../pgbouncer.ts';

/** What the doctor is to say of one PgBouncer before each server. */
interface PoolerCase {
  readonly as: string;
  readonly settings: PgBouncerSettings;
  /** Of the connection string. */
  readonly parameters?: string;
  readonly rules: readonly string[];
}

const ACCEPTING = { ignore_startup_parameters: 'default_transaction_read_only,search_path,options' };
const IN_SESSION_MODE = { pool_mode: 'session' } as const;

/** Poolers for every rule about them, and some about which there is nothing to be said. */
export const POOLER_CASES: readonly PoolerCase[] = Object.freeze([
  { as: 'in transaction mode, undeclared', settings: {}, rules: ['pooler-undeclared'] },
  {
    as: 'in transaction mode, handing out its sessions by turns',
    settings: { server_round_robin: 1 },
    rules: ['pooler-undeclared'],
  },
  { as: 'in transaction mode, declared', settings: {}, parameters: '?pgbouncer=true', rules: [] },
  {
    as: 'in transaction mode, denied',
    settings: ACCEPTING,
    parameters: '?pgbouncer=false',
    rules: ['pooler-denied'],
  },
  { as: 'in session mode, undeclared', settings: IN_SESSION_MODE, rules: ['pooler-keeps-sessions'] },
  {
    as: 'in session mode, declared as none',
    settings: { ...IN_SESSION_MODE, ...ACCEPTING },
    parameters: '?pgbouncer=false',
    rules: [],
  },
  {
    as: 'with settings of the session',
    settings: {},
    parameters: '?pgbouncer=true&schema=shop',
    rules: ['pooler-with-session-settings'],
  },
  {
    as: 'in statement mode',
    settings: { pool_mode: 'statement' },
    parameters: '?pgbouncer=true',
    rules: ['pooler-in-statement-mode'],
  },
]);
