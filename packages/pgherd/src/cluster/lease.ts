import { PgHerdError } from '../model/errors.ts';
import { classifyError } from '../retry/classify.ts';
import type { Call } from './call.ts';
import type { Engine } from './engine.ts';
import { unacknowledged, withNode } from './failures.ts';
import { type Querier, querierOver } from './querier.ts';
import type { Session } from './session.ts';

/** Exclusive use of one connection until it is released. */
export interface Lease<C = unknown> extends Querier, AsyncDisposable {
  /** The driver's own object, for whatever the driver can do. */
  readonly client: C;
  readonly node: string;
  /** Whether the connection is still its own. */
  readonly isHeld: boolean;
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
  return Object.freeze({
    ...querierOver(async (statement, options) => {
      assertHeld();
      const { clock } = engine.herd.settings;
      const deadline =
        options.timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.now() + options.timeoutMs;
      try {
        const result = await engine.send(session, statement, { ...call, deadline, signal: options.signal });
        if (session.committedLocallyOnly && call.access === 'read-write') {
          session.committedLocallyOnly = false;
          throw unacknowledged('statement');
        }
        return { ...result, node };
      } catch (error) {
        if (call.access === 'read-write') noteRefusal(engine, session, error);
        throw withNode(error, node);
      }
    }),
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
