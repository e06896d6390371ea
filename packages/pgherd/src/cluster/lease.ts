import { PgHerdError } from '../model/errors.ts';
import type { QueryResult, Row } from '../model/statement.ts';
import { mayCancel } from '../retry/cancellable.ts';
import { classifyError, phaseOf } from '../retry/classify.ts';
import type { Call, CallOptions } from './call.ts';
import type { Engine } from './engine.ts';
import { unacknowledged, withNode } from './failures.ts';
import { type Querier, querierOver } from './querier.ts';
import { runScript } from './script.ts';
import type { Session } from './session.ts';
import { type Place, startOnSession } from './started.ts';

/** Exclusive use of one connection until it is released. */
export interface Lease<C = unknown> extends Querier, AsyncDisposable {
  /** The driver's own object, for whatever the driver can do. */
  readonly client: C;
  readonly node: string;
  /** Whether the connection is still its own. */
  readonly isHeld: boolean;
  /**
   * Runs many statements, one text, by the simple protocol. What it changes of the session stays for as long as the lease: the
   * connection is not used again afterwards. Gives the result of the last statement.
   * @throws PgHerdError as of {@link Querier.query}.
   */
  script(text: string, options?: CallOptions): Promise<QueryResult<Row>>;
  /** Gives the connection back; harmless when called again. `destroy` closes it instead. */
  release(options?: { readonly destroy?: boolean | undefined }): void;
}

/**
 * A write that was refused as read-only: the node is asked what it is, and the connection is not used again. The error is the
 * caller's, who knows what else ran on the lease; the node stays where it is unless it says itself that it is no primary.
 */
function noteRefusal<C>(engine: Engine<C>, session: Session<C>, error: unknown): void {
  if (classifyError(error).kind !== 'read-only') return;
  session.retired = 'refused a write as read-only';
  engine.herd.nodes.get(session.node)?.monitor.hint();
}

/** A lease on a session that was acquired for `call`. */
export function leaseOf<C>(engine: Engine<C>, session: Session<C>, call: Call): Lease<C> {
  let released = false;
  const assertHeld = () => {
    if (!released) return;
    throw new PgHerdError(
      'PGHERD_LEASE_RELEASED',
      'The lease was released: its connection belongs to others now.',
    );
  };
  const release = (options?: { readonly destroy?: boolean | undefined }) => {
    if (released) return;
    released = true;
    if (options?.destroy === true) engine.discard(session, 'its lease asked for it');
    else engine.release(session);
  };
  const { node } = session;
  const narrowed = ({ timeoutMs, signal }: CallOptions): Call => {
    const now = engine.herd.settings.clock.now();
    const deadline = timeoutMs === undefined ? Number.POSITIVE_INFINITY : now + timeoutMs;
    return { ...call, deadline, signal, startedAt: now };
  };
  /** Whether what was handed over last is undone when the connection ends: it is inside a transaction and does not end it. */
  let undone = false;
  const handing = (text: string) => {
    const inTransaction = session.connection.status !== 'idle';
    undone = inTransaction && mayCancel({ text, inTransaction, couldNotWrite: false }) === 'cancel';
  };
  const told = (error: unknown) => {
    if (call.access === 'read-write') noteRefusal(engine, session, error);
    return undone ? withNode(error, node) : engine.recovery.failure(error, phaseOf(error), session, call);
  };
  return Object.freeze({
    ...querierOver({
      driver: engine.herd.settings.driver.name,
      run: async (statement, options) => {
        assertHeld();
        handing(statement.text);
        try {
          const result = await engine.send(session, statement, narrowed(options));
          if (session.committedLocallyOnly && call.access === 'read-write') {
            session.committedLocallyOnly = false;
            throw unacknowledged('statement');
          }
          return { ...result, node };
        } catch (error) {
          throw told(error);
        }
      },
      start: async (work, options) => {
        const own = narrowed(options);
        handing(work.statement.text);
        const place: Place = {
          session,
          call: own,
          clock: engine.herd.settings.clock,
          perform: (answer, text) => engine.perform(session, answer, own, text),
          told,
          assertHeld,
          release: () => undefined,
          abandon: (reason) => engine.discard(session, reason),
        };
        return startOnSession(place, work);
      },
    }),
    script: async (text: string, options: CallOptions = {}) => {
      assertHeld();
      handing(text);
      return runScript({ engine, session, call: narrowed(options), told }, text);
    },
    get client() {
      assertHeld();
      return session.connection.client;
    },
    node,
    get isHeld() {
      return !released;
    },
    release,
    [Symbol.asyncDispose]: async () => release(),
  });
}
