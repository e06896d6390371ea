import { type ErrorCode, markStaleName, PgHerdError } from '../../src/model/errors.ts';
import { type Classification, classifyError } from '../../src/retry/classify.ts';
import {
  type Decision,
  decideStatement,
  decideTransaction,
  type FailedAttempt,
} from '../../src/retry/decide.ts';
import type { Phase } from '../../src/retry/rules.ts';

/** One line of the table: its name there, and the errors of that kind. */
export interface Case {
  readonly name: string;
  readonly errors: readonly unknown[];
}

function server(code: string, severity: string, what: string): Case {
  return {
    name: `\`${code}\` ${severity}: ${what}`,
    errors: [Object.assign(new Error(what), { code, severity })],
  };
}

function named(codes: readonly string[], what: string, make: (code: string) => unknown): Case {
  const shown = codes.map((code) => `\`${code}\``).join(', ');
  return { name: what === '' ? shown : `${shown}: ${what}`, errors: codes.map(make) };
}

function system(codes: readonly string[], what: string): Case {
  return named(codes, what, (code) => Object.assign(new Error(what), { code }));
}

function ours(codes: readonly ErrorCode[], what: string): Case {
  return named(codes, what, (code) => new PgHerdError(code as ErrorCode, what));
}

function staleName(): Case {
  const made = server(
    '0A000',
    'ERROR',
    'by a statement with a `name` of yours that the schema has outlived; likewise `26000` and errors of its old types',
  );
  for (const error of made.errors) markStaleName(error as object);
  return made;
}

/** The errors, in the order of the page; a test ensures that every kind is among them. */
export const CASES: readonly Case[] = [
  server('40001', 'ERROR', 'serialization failure; on a standby a conflict with replay'),
  staleName(),
  server('40P01', 'ERROR', 'deadlock'),
  server('57P01', 'FATAL', 'the server was shut down, or the session was terminated'),
  server('57P01', 'WARNING', 'terminated while waiting for a synchronous standby'),
  server('57P02', 'FATAL', 'another process of the server crashed'),
  server('57P03', 'FATAL', 'the server is starting up or shutting down'),
  server('57P05', 'FATAL', 'idle for longer than `idle_session_timeout`'),
  server('25P03', 'FATAL', 'idle for longer than `idle_in_transaction_session_timeout`'),
  server('25P04', 'FATAL', 'the transaction took longer than `transaction_timeout`'),
  server('53300', 'FATAL', 'too many connections'),
  server('25006', 'ERROR', 'read-only, and a probe confirms that the node accepts no writes'),
  server('55P03', 'ERROR', 'a lock was not available (`NOWAIT`, `lock_timeout`)'),
  server('57014', 'ERROR', 'cancelled, or took longer than `statement_timeout`'),
  server('23505', 'ERROR', 'constraint violation; likewise all of class 23'),
  server('42601', 'ERROR', 'any other error of a statement; likewise all other classes'),
  server('XX000', 'FATAL', 'any other error that ends the session'),
  server('08006', 'FATAL', 'the connection failed; likewise all of class 08 except `08P01` and `08007`'),
  server('08006', 'ERROR', 'the connection to a foreign server failed'),
  server('08P01', 'FATAL', 'protocol violation'),
  server('08007', 'ERROR', 'outcome unknown; likewise `40002`, `40003`'),
  server('28P01', 'FATAL', 'password rejected; likewise all of class 28'),
  server('3D000', 'FATAL', 'the database does not exist'),
  {
    name: 'the connection closed without an error message',
    errors: [new Error('Connection terminated unexpectedly')],
  },
  system(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED', 'ENOTCONN'], 'the socket failed'),
  system(
    ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENOTFOUND', 'EAI_AGAIN'],
    'no connection was established',
  ),
  ours(['PGHERD_CONNECT_TIMEOUT', 'PGHERD_TLS_FAILED'], 'no connection was established'),
  ours(['PGHERD_AUTHENTICATION_FAILED'], 'the login to the server or to a pooler failed'),
  ours(['PGHERD_TIMEOUT', 'PGHERD_ABORTED'], ''),
  named(
    ['PGHERD_TIMEOUT', 'PGHERD_ABORTED'],
    'and the server confirmed that it cancelled the statement',
    (code) => new PgHerdError(code as ErrorCode, 'late', { details: { cancelled: true } }),
  ),
  ours(['PGHERD_NO_SUITABLE_NODE', 'PGHERD_WAIT_TIMEOUT', 'PGHERD_POOL_FULL'], ''),
  ours(
    [
      'PGHERD_INVALID_ARGUMENT',
      'PGHERD_CONNECTION_BUSY',
      'PGHERD_UNSUPPORTED',
      'PGHERD_STATEMENT_NOT_ALLOWED',
      'PGHERD_SELF_DEADLOCK',
      'PGHERD_CLOSED',
    ],
    'refused before it was sent; or, if the message says so, executed',
  ),
  { name: 'anything else', errors: [new Error('something else')] },
];

const FIRST: Omit<FailedAttempt, 'phase' | 'classification'> = {
  readOnlyConnection: false,
  idempotent: false,
  atomic: true,
  attempts: 1,
  maxAttempts: 3,
  movedBefore: false,
  refusalConfirmed: true,
};

interface Column {
  readonly title: string;
  decide(classification: Classification): Decision;
}

function statement(title: string, phase: Phase, change: Partial<FailedAttempt> = {}): Column {
  return {
    title,
    decide: (classification) => decideStatement({ ...FIRST, phase, classification, ...change }),
  };
}

function transaction(title: string, phase: Phase): Column {
  return { title, decide: (classification) => decideTransaction({ ...FIRST, phase, classification }) };
}

const COLUMNS: readonly Column[] = [
  statement('not sent', 'not-handed'),
  statement('behind a FATAL', 'behind-fatal'),
  statement('read, sent', 'sent', { readOnlyConnection: true }),
  statement('write, sent', 'sent'),
  transaction('in a transaction', 'in-transaction'),
  transaction('COMMIT sent', 'commit-sent'),
];

function word(decision: Decision): string {
  switch (decision.next) {
    case 'move-free':
    case 'move':
      return 'elsewhere';
    case 'back-off':
      return 'again';
    case 'end':
      return decision.ending === 'unknown' ? '**unknown**' : 'error';
    default:
      return decision.next satisfies never;
  }
}

/** The table of `docs/retries.md`, line by line, as the code decides. */
export function retryTable(): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const head = ['error', 'kind', ...COLUMNS.map(({ title }) => title)];
  const rows = CASES.flatMap(({ name, errors }) => {
    const cells = errors.map((error) => {
      const classification = classifyError(error);
      const decided = COLUMNS.map(({ decide }) => word(decide(classification)));
      return line([name, classification.kind, ...decided]);
    });
    // Errors that stand in one row must be decided alike: else the table has a row too many.
    return [...new Set(cells)];
  });
  return [line(head), line(head.map(() => '---')), ...rows];
}
