import type { DriverConnection, DriverResult, TransactionStatus } from '../../src/connection/port.ts';
import type { Statement } from '../../src/model/statement.ts';

/** What a scripted connection is from the start. */
export interface ScriptedFacts {
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  readonly backendPid?: number | undefined;
  readonly remoteAddress?: string | undefined;
}

/** A connection whose answers the test gives; it follows BEGIN, COMMIT and ROLLBACK by itself. */
export class ScriptedConnection implements DriverConnection {
  readonly parameters: ReadonlyMap<string, string>;
  readonly backendPid: number | undefined;
  readonly remoteAddress: string | undefined;
  /** Everything that was sent, in order. */
  readonly sent: string[] = [];
  status: TransactionStatus = 'idle';
  dirty = false;
  closed = false;
  /** Gives the answer to a text; what it leaves open is empty. */
  answer: (text: string) => Partial<DriverResult> | Promise<Partial<DriverResult>> = () => ({});

  constructor({ parameters, backendPid, remoteAddress }: ScriptedFacts = {}) {
    this.parameters = new Map(Object.entries(parameters ?? {}));
    this.backendPid = backendPid;
    this.remoteAddress = remoteAddress;
  }

  query(statement: Statement): Promise<DriverResult> {
    return this.#run(statement.name === undefined ? statement.text : `${statement.name}: ${statement.text}`);
  }

  simple(text: string): Promise<DriverResult> {
    return this.#run(text);
  }

  script(text: string): Promise<DriverResult> {
    return this.#run(text);
  }

  async reset(): Promise<void> {
    await this.#run('DISCARD ALL');
  }

  setRef(): void {
    // A connection without a socket keeps nothing alive.
  }

  async end(): Promise<void> {
    this.closed = true;
  }

  destroy(): void {
    this.closed = true;
  }

  async #run(text: string): Promise<DriverResult> {
    this.sent.push(text);
    try {
      const answer = await this.answer(text);
      if (text.startsWith('BEGIN')) this.status = 'in-transaction';
      if (text === 'COMMIT' || text === 'ROLLBACK') this.status = 'idle';
      return { rows: [], rowCount: 0, fields: [], command: text.split(' ')[0] ?? '', ...answer };
    } catch (error) {
      if (this.status === 'in-transaction') this.status = 'failed';
      throw error;
    }
  }
}

/** An error as `pg` makes it of an ErrorResponse. */
export function serverError(message: string, code: string, severity: string): Error {
  return Object.assign(new Error(message), { code, severity });
}
