import type {
  DriverConnection,
  DriverResult,
  PerTransaction,
  TransactionStatus,
} from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import type { Statement } from '../model/statement.ts';
import { readStatement } from '../sql/statement.ts';
import { Serial } from '../time/serial.ts';
import { fromPooler } from './errors.ts';
import {
  type Bracket,
  PoolerCursor,
  poolerCopyIn,
  poolerCopyOut,
  SETTLED,
  started,
} from './pooler-transaction.ts';

/** What a pooled connection needs to know of its node. */
export interface PoolerConnectionPorts {
  /** Whether the node is a standby on the picture of now. */
  isStandby(): boolean;
  /** Statement that makes the session's settings for one transaction; empty for none. */
  readonly settings: string;
  /** Told about each error that the pooler itself gave. */
  onPoolerError(): void;
}

/**
 * A connection to a pooler in transaction mode. Behind it each transaction may run in another session of the server, so that
 * nothing is kept in one: settings are made for each transaction, statements have no names, and a changed session is given up.
 *
 * Reads are the delicate part. A read that was lost is run again, which is right only if it cannot have written. On a
 * direct connection a setting of the session sees to that; here a standby does, and elsewhere `BEGIN READ ONLY`.
 */
export class PoolerConnection<C> implements DriverConnection<C>, PerTransaction {
  readonly #inner: DriverConnection<C>;
  readonly #ports: PoolerConnectionPorts;
  /** Whether what runs on it for now must not write. */
  #readOnly = false;
  #guarded = false;
  #begunOnStandby = false;
  /** Each statement begins when the one before it is over: it must see what that left behind. */
  readonly #serial = new Serial();

  readonly batch: DriverConnection['batch'];
  readonly cursor: DriverConnection['cursor'];
  readonly copyIn: DriverConnection['copyIn'];
  readonly copyOut: DriverConnection['copyOut'];

  constructor(inner: DriverConnection<C>, ports: PoolerConnectionPorts) {
    this.#inner = inner;
    this.#ports = ports;
    const { batch, cursor, copyIn, copyOut } = inner;
    if (batch !== undefined) {
      this.batch = (statements) => this.#run(() => batch.call(inner, statements.map(withoutName)));
    }
    if (cursor !== undefined) {
      this.cursor = (statement) =>
        new PoolerCursor(
          () => cursor.call(inner, withoutName(statement)),
          () => this.#bracket(),
        );
    }
    if (copyIn !== undefined) {
      this.copyIn = async (text) => {
        const around = this.#bracket();
        return poolerCopyIn(await started(around, () => copyIn.call(inner, text)), around);
      };
    }
    if (copyOut !== undefined) {
      this.copyOut = async (text) => {
        const around = this.#bracket();
        return poolerCopyOut(await started(around, () => copyOut.call(inner, text)), around);
      };
    }
  }

  get client(): C {
    return this.#inner.client;
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#inner.parameters;
  }

  get status(): TransactionStatus {
    return this.#inner.status;
  }

  get dirty(): boolean {
    return this.#inner.dirty;
  }

  get closed(): boolean {
    return this.#inner.closed;
  }

  get remoteAddress(): string | undefined {
    return this.#inner.remoteAddress;
  }

  get perTransaction(): PerTransaction {
    return this;
  }

  useFor(access: Access): void {
    this.#readOnly = access === 'read-only';
  }

  /** Whether what was sent last cannot have written: a standby that was promoted meanwhile proves nothing. */
  get couldNotWrite(): boolean {
    return this.#guarded || (this.#begunOnStandby && this.#ports.isStandby());
  }

  query(statement: Statement): Promise<DriverResult> {
    const anonymous = withoutName(statement);
    return this.#run(() => this.#inner.query(anonymous));
  }

  simple(text: string): Promise<DriverResult> {
    return this.#serial.run(() => {
      const opening =
        this.#inner.status === 'idle' && readStatement(text).keyword === 'BEGIN' ? this.#opening() : '';
      return this.#sent(this.#inner.simple(opening === '' ? text : `${text}; ${opening}`));
    });
  }

  /** The session that was changed is somewhere behind the pooler: only a new connection is clean for sure. */
  async reset(): Promise<void> {
    throw new PgHerdError('PGHERD_UNSUPPORTED', 'a session behind a pooler is not reset but given up');
  }

  setRef(ref: boolean): void {
    this.#inner.setRef(ref);
  }

  end(): Promise<void> {
    return this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }

  /** In its turn, and in a transaction of its own where something has to be said at its beginning. */
  #run<T>(work: () => Promise<T>): Promise<T> {
    return this.#serial.run(async () => {
      const around = this.#bracket();
      const result = await started(around, () => this.#sent(work()));
      await around.commit();
      return result;
    });
  }

  /** What has to be said at the beginning of a transaction that starts now. */
  #opening(): string {
    const standby = this.#ports.isStandby();
    this.#begunOnStandby = standby;
    this.#guarded = this.#readOnly && !standby;
    const parts = [this.#guarded ? 'SET TRANSACTION READ ONLY' : '', this.#ports.settings];
    return parts.filter((part) => part !== '').join('; ');
  }

  #bracket(): Bracket {
    const told = (error: unknown) => this.#told(error);
    const opening = this.#inner.status === 'idle' ? this.#opening() : '';
    if (opening === '') return { ...SETTLED, told };
    return {
      begin: async () => {
        try {
          await this.#sent(this.#inner.simple(`BEGIN; ${opening}`));
        } catch (error) {
          await this.#rollBack();
          throw this.#inner.closed ? lostBefore(error) : error;
        }
      },
      commit: async () => {
        await this.#sent(this.#inner.simple('COMMIT'));
      },
      rollBack: () => this.#rollBack(),
      told,
    };
  }

  async #rollBack(): Promise<void> {
    if (this.#inner.closed || this.#inner.status === 'idle') return;
    await this.#inner.simple('ROLLBACK').catch(() => this.#inner.destroy());
  }

  async #sent<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#told(error);
    }
  }

  #told(error: unknown): unknown {
    const told = fromPooler(error);
    if (told !== error) this.#ports.onPoolerError();
    return told;
  }
}

function withoutName(statement: Statement): Statement {
  if (statement.name === undefined) return statement;
  const { name: _name, ...anonymous } = statement;
  return anonymous;
}

function lostBefore(cause: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_CONNECTION_LOST',
    'The connection was lost before the statement was sent, at the BEGIN around it.',
    { cause, details: { phase: 'not-handed' } },
  );
}
