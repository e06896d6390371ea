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

/** What a connection to a pooler needs from its node. */
export interface PoolerConnectionPorts {
  /** Whether the node is a standby in the current picture. */
  isStandby(): boolean;
  /** Statement that applies the settings to one transaction; empty for none. */
  readonly settings: string;
  /** Called for each error of the pooler itself. */
  onPoolerError(): void;
}

/**
 * A connection to a pooler in transaction mode. Each transaction may run in another session of the server, so
 * a session keeps nothing: every transaction applies the settings, statements have no names, and the
 * connection of a changed session is closed.
 *
 * Reads are the delicate part. A read that was lost is run again, which is right only if it cannot have
 * written. On a direct connection a setting of the session ensures that; here a standby does, and on other
 * nodes `SET TRANSACTION READ ONLY`.
 */
export class PoolerConnection implements DriverConnection, PerTransaction {
  readonly #inner: DriverConnection;
  readonly #ports: PoolerConnectionPorts;
  /** Whether what runs on it for now must not write. */
  #readOnly = false;
  #guarded = false;
  #begunOnStandby = false;
  /** Each statement begins after the one before it has ended: it must see the status that it left. */
  readonly #serial = new Serial();

  readonly batch: DriverConnection['batch'];
  readonly cursor: DriverConnection['cursor'];
  readonly copyIn: DriverConnection['copyIn'];
  readonly copyOut: DriverConnection['copyOut'];

  constructor(inner: DriverConnection, ports: PoolerConnectionPorts) {
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

  /** A standby that was promoted meanwhile proves nothing. */
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

  /** In a transaction of its own, as every statement here. */
  script(text: string): Promise<DriverResult> {
    return this.#run(() => this.#inner.script(text));
  }

  /** The changed session is somewhere behind the pooler: only a new connection is certainly clean. */
  async reset(): Promise<void> {
    throw new PgHerdError(
      'PGHERD_UNSUPPORTED',
      'A session behind a pooler cannot be reset. Its connection is closed instead.',
    );
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

  /**
   * Runs after what was handed over before, in a transaction of its own if one has to begin with settings.
   */
  #run<T>(work: () => Promise<T>): Promise<T> {
    return this.#serial.run(async () => {
      const around = this.#bracket();
      const result = await started(around, () => this.#sent(work()));
      await around.commit();
      return result;
    });
  }

  /** Statements at the beginning of a transaction that starts now; empty for none. */
  #opening(): string {
    const standby = this.#ports.isStandby();
    this.#begunOnStandby = standby;
    this.#guarded = this.#readOnly && !standby;
    const parts = [this.#guarded ? 'SET TRANSACTION READ ONLY' : '', this.#ports.settings];
    return parts.filter((part) => part !== '').join('; ');
  }

  #bracket(): Bracket {
    const translate = (error: unknown) => this.#translate(error);
    const opening = this.#inner.status === 'idle' ? this.#opening() : '';
    if (opening === '') return { ...SETTLED, translate };
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
      translate,
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
      throw this.#translate(error);
    }
  }

  #translate(error: unknown): unknown {
    const translated = fromPooler(error);
    if (translated !== error) this.#ports.onPoolerError();
    return translated;
  }
}

function withoutName(statement: Statement): Statement {
  if (statement.name === undefined) return statement;
  const { name: _name, ...anonymous } = statement;
  return anonymous;
}

function lostBefore(cause: unknown): PgHerdError {
  const refused = fromPooler(cause);
  if (refused instanceof PgHerdError && refused.code === 'PGHERD_UNSUPPORTED') return refused;
  return new PgHerdError(
    'PGHERD_CONNECTION_LOST',
    'The connection was lost before the statement was sent, at the BEGIN around it.',
    { cause, details: { phase: 'not-handed' } },
  );
}
