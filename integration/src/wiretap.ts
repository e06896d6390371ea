import type { Statement } from 'pgherd';
import type {
  ConnectRequest,
  Driver,
  DriverConnection,
  DriverResult,
  PipelinedStatement,
} from 'pgherd/connection';
import { wireDriver } from 'pgherd/connection';
import { codeOf } from './support.ts';

/** Codes by which a driver says that it did not send a statement. */
const NOT_SENT: ReadonlySet<unknown> = new Set(['PGHERD_CONNECTION_LOST', 'PGHERD_INVALID_ARGUMENT']);

/** One statement as it was handed to a connection. */
export interface Sent {
  /** Counts everything that was sent, in order. */
  readonly order: number;
  /** `host:port` of the connection. */
  readonly node: string;
  readonly text: string;
  readonly values: readonly unknown[];
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
  /** Whether an answer or an error has come. */
  settled: boolean;
}

/** A connection that was destroyed by us while a statement on it had no answer yet. */
export interface Torn {
  readonly node: string;
  readonly at: number;
  readonly unanswered: readonly Sent[];
}

/**
 * The wire with a tap on it: it remembers which statement was handed to which connection and when, and which
 * connections were destroyed before they had answered. Only that can tell a write that was under way from one that was
 * sent too late.
 */
export class Wiretap {
  readonly driver: Driver;
  readonly torn: Torn[] = [];
  #sent: Sent[] = [];
  #count = 0;
  readonly #isKept: (text: string) => boolean;

  /** Keeps the statements that `isKept` names. Default: inserts. */
  constructor(isKept: (text: string) => boolean = (text) => text.startsWith('insert')) {
    this.#isKept = isKept;
    const inner = wireDriver();
    this.driver = {
      name: inner.name,
      capabilities: inner.capabilities,
      connect: async (request, listener, signal) =>
        this.#tap(request, await inner.connect(request, listener, signal)),
    };
  }

  /** What was sent so far. */
  get sent(): readonly Sent[] {
    return this.#sent;
  }

  /** How many statements were handed over so far. */
  get count(): number {
    return this.#count;
  }

  /** Forgets what was sent; in a long run nobody could keep it all. */
  forget(): void {
    this.#sent = this.#sent.filter((one) => !one.settled);
    this.torn.length = 0;
  }

  /** What was sent to a node after the first `count` statements of all. */
  sentAfter(count: number, node: string): Sent[] {
    return this.#sent.filter((one) => one.order > count && one.node === node);
  }

  #tap(request: ConnectRequest, inner: DriverConnection): DriverConnection {
    const node = `${request.address.host}:${request.address.port}`;
    const open = new Set<Sent>();
    const watch = async (text: string, values: readonly unknown[], run: () => Promise<DriverResult>) => {
      this.#count += 1;
      if (!this.#isKept(text)) return run();
      const sent: Sent = { order: this.#count, node, text, values, at: performance.now(), settled: false };
      this.#sent.push(sent);
      open.add(sent);
      try {
        return await run();
      } catch (error) {
        if (NOT_SENT.has(codeOf(error))) this.#sent.splice(this.#sent.lastIndexOf(sent), 1);
        throw error;
      } finally {
        sent.settled = true;
        open.delete(sent);
      }
    };
    return {
      get parameters() {
        return inner.parameters;
      },
      get status() {
        return inner.status;
      },
      get dirty() {
        return inner.dirty;
      },
      get closed() {
        return inner.closed;
      },
      query: (statement: Statement) =>
        watch(statement.text, statement.values ?? [], () => inner.query(statement)),
      pipeline: inner.pipeline === undefined ? undefined : (one) => this.#ride(inner, one, watch),
      simple: (text) => watch(text, [], () => inner.simple(text)),
      script: (text) => watch(text, [], () => inner.script(text)),
      reset: () => inner.reset(),
      setRef: (ref) => inner.setRef(ref),
      end: () => inner.end(),
      destroy: () => {
        if (open.size > 0 && !inner.closed)
          this.torn.push({ node, at: performance.now(), unanswered: [...open] });
        inner.destroy();
      },
    };
  }

  #ride(inner: DriverConnection, one: PipelinedStatement, watch: Watch): void {
    const { text, values } = one.statement;
    const run = () =>
      new Promise<DriverResult>((resolve, reject) => {
        const failed = (error: unknown) => {
          one.failed(error);
          reject(error);
        };
        try {
          inner.pipeline?.({
            statement: one.statement,
            prepare: one.prepare,
            answered: (rows, rowCount, fields, command) => {
              one.answered(rows, rowCount, fields, command);
              resolve({ rows, rowCount, fields, command });
            },
            failed,
          });
        } catch (error) {
          failed(error);
        }
      });
    watch(text, values ?? [], run).catch(() => undefined);
  }
}

type Watch = (
  text: string,
  values: readonly unknown[],
  run: () => Promise<DriverResult>,
) => Promise<DriverResult>;
