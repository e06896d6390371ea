import type { DriverConnection } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import { answeredBy, type QueryResult, type Row } from '../model/statement.ts';

/** The node to which a connection is about to be opened. */
export interface ConnectionTarget {
  readonly node: string;
  readonly user: string;
  readonly database: string;
  /** Whether the connection may write when it is opened. */
  readonly access: Access;
}

/** A connection of the pool during a hook. The hook must not keep it. */
export interface HookConnection {
  readonly node: string;
  /** Runs a statement on this connection. Errors are those of the server and of the connection. */
  query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>>;
}

/** The result of a check: `false` closes the connection, and another one is taken. */
export type HookVerdict = boolean | undefined;

/**
 * Functions that run at steps of a connection's life. If one throws or takes longer than `connectTimeoutMs`,
 * its connection is closed. They do not run for the monitors' connections.
 */
export interface Hooks {
  /** Before a connection is opened. It can delay that, or refuse it by throwing. */
  readonly beforeConnect?: ((target: ConnectionTarget) => void | Promise<void>) | undefined;
  /**
   * After a connection was opened, before its first use; again after its session was reset, since a reset
   * undoes what the hook did. Changes to the session persist. Not behind a pooler (`PGHERD_UNSUPPORTED`).
   */
  readonly afterConnect?:
    | ((connection: HookConnection, reason: 'opened' | 'reset') => void | Promise<void>)
    | undefined;
  /** Before an idle connection is handed out, in addition to the validation if that is due. */
  readonly beforeAcquire?: ((connection: HookConnection) => HookVerdict | Promise<HookVerdict>) | undefined;
  /** After a connection came back and was cleaned up. */
  readonly afterRelease?: ((connection: HookConnection) => HookVerdict | Promise<HookVerdict>) | undefined;
  /** Before a connection is closed in an orderly way; not if it is destroyed or was lost. */
  readonly beforeClose?: ((connection: HookConnection, reason: string) => void | Promise<void>) | undefined;
}

/** The view of a connection that hooks get. */
export function hookConnection(node: string, connection: DriverConnection): HookConnection {
  const query = async (text: string, values?: readonly unknown[]) => {
    const result = await connection.query(values === undefined ? { text } : { text, values });
    return answeredBy(result, node);
  };
  // The caller states the row types: nothing at run time could prove them.
  return Object.freeze({ node, query }) as HookConnection;
}

/**
 * Refuses hooks that cannot work behind a pooler.
 * @throws PgHerdError `PGHERD_UNSUPPORTED`
 */
export function assertHooksBehindPooler(hooks: Hooks): void {
  if (hooks.afterConnect === undefined) return;
  throw new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'hooks.afterConnect prepares a session, but behind a pooler each transaction may run in another session. Use the ' +
      'option session for settings, or set up each transaction.',
  );
}
