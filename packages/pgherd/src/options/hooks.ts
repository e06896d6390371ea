import type { DriverConnection } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import { answeredBy, type QueryResult, type Row } from '../model/statement.ts';

/** Where a connection is about to be opened to. */
export interface ConnectionTarget {
  readonly node: string;
  readonly user: string;
  readonly database: string;
  /** Whether the connection may write when it is opened. */
  readonly access: Access;
}

/** A connection of the pool while a hook has it. It must not be kept. */
export interface HookConnection<C = unknown> {
  readonly node: string;
  /** The driver's own object. */
  readonly client: C;
  /** Runs a statement on this very connection. Errors are the server's and the driver's. */
  query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>>;
}

/** What a check says: `false` closes the connection, and another one is taken. */
export type HookVerdict = boolean | undefined;

/**
 * Steps of a connection's life. A hook that throws, or takes longer than `connectTimeoutMs`, costs the connection and not the
 * process. The monitor's connections are not among them.
 */
export interface Hooks<C = unknown> {
  /** Before one is opened, which it can delay, or refuse by throwing. */
  readonly beforeConnect?: ((target: ConnectionTarget) => void | Promise<void>) | undefined;
  /**
   * After one was opened and before anybody gets it; again after its session was reset, since that undoes what was done
   * here. What it does to the session belongs to it from then on. Not behind a pooler (`PGHERD_UNSUPPORTED`).
   */
  readonly afterConnect?:
    | ((connection: HookConnection<C>, reason: 'opened' | 'reset') => void | Promise<void>)
    | undefined;
  /** Before an idle one is handed out; in its place validation is then asked for as well where it is due. */
  readonly beforeAcquire?:
    | ((connection: HookConnection<C>) => HookVerdict | Promise<HookVerdict>)
    | undefined;
  /** After one came back and was cleaned up. */
  readonly afterRelease?: ((connection: HookConnection<C>) => HookVerdict | Promise<HookVerdict>) | undefined;
  /** Before one is closed in good order; not where it is destroyed or was lost. */
  readonly beforeClose?:
    | ((connection: HookConnection<C>, reason: string) => void | Promise<void>)
    | undefined;
}

/** A connection as hooks get it. */
export function hookConnection<C>(node: string, connection: DriverConnection<C>): HookConnection<C> {
  const query = async (text: string, values?: readonly unknown[]) => {
    const result = await connection.query(values === undefined ? { text } : { text, values });
    return answeredBy(result, node);
  };
  // Row types are the caller's word: nothing at run time could prove them.
  return Object.freeze({ node, client: connection.client, query }) as HookConnection<C>;
}

/**
 * Refuses hooks that promise what a pooler cannot keep.
 * @throws PgHerdError `PGHERD_UNSUPPORTED`
 */
export function assertHooksBehindPooler<C>(hooks: Hooks<C>): void {
  if (hooks.afterConnect === undefined) return;
  throw new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'hooks.afterConnect prepares a session, and behind a pooler each transaction may run in another one. Use the option ' +
      'session for settings, or set up each transaction.',
  );
}
