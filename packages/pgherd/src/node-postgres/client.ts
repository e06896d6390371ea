import { guestPortOf } from '../cluster/guest-port.ts';
import type { Facade } from '../guests/facade.ts';
import { type Binding, type Bound, facadeFor } from './binding.ts';
import { plainCall } from './call.ts';
import { backendIn, mentionsBackend } from './control-statement.ts';
import { type Pg, unsupportedPg } from './module.ts';
import { runByCluster, settle } from './results.ts';

/** What belongs to a client: its own stream is no public member. */
interface Behind {
  readonly facade: Facade;
  readonly binding: Binding;
}

const BEHIND = new WeakMap<object, Behind>();

/** Whether the next statement of a client may go where it leads; `true` for a client that is no guest. */
export function suits(client: object): boolean {
  return BEHIND.get(client)?.facade.suits ?? true;
}

/** Resolves when it is known whether a client {@link suits}; `undefined` if it is known now. */
export function doubtAbout(client: object): Promise<void> | undefined {
  return BEHIND.get(client)?.facade.doubt;
}

/** Makes of what a program passed to `new Client` what `pg` gets. */
export type Bind = (given: unknown) => Bound;

/**
 * A class of clients over `Base`, which is `pg.Client` or a class of the program's that extends it. With `isPooled` an `error` without a
 * listener is dropped: the pool takes such a client away, and the next statement on it fails.
 */
export function clientClass(pg: Pg, Base: Pg['Client'], bind: Bind, isPooled: boolean): Pg['Client'] {
  return class Client extends Base {
    constructor(given?: unknown) {
      const bound = bind(given);
      let facade: Facade | undefined;
      const stream = () => {
        facade = facadeFor(bound);
        return facade;
      };
      super({ ...bound.config, password: bound.given['password'], stream });
      if (facade === undefined) throw unsupportedPg('does not take the option stream');
      BEHIND.set(this, { facade, binding: bound.binding });
    }

    override query(first?: unknown, second?: unknown, third?: unknown): unknown {
      const run = elsewhere(pg, this, first, second, third);
      return run === undefined ? super.query(first, second, third) : run();
    }

    override emit(name: string | symbol, ...args: unknown[]): boolean {
      if (isPooled && name === 'error' && this.listenerCount('error') === 0) return false;
      return super.emit(name, ...args);
    }
  };
}

/**
 * Libraries cancel a statement by `select pg_cancel_backend(…)` on another connection. The number means something on its own server
 * only: if that is another one than the client's, the statement runs there.
 */
function elsewhere(
  pg: Pg,
  client: object,
  first: unknown,
  second: unknown,
  third: unknown,
): (() => unknown) | undefined {
  if (!mentionsBackend(first)) return undefined;
  const call = plainCall(first, second, third);
  const backend = call === undefined ? undefined : backendIn(call.text, call.values);
  const behind = BEHIND.get(client);
  if (call === undefined || backend === undefined || behind === undefined) return undefined;
  const { facade } = behind;
  const { cluster } = behind.binding;
  const node = guestPortOf(cluster).nodeOf(backend, facade.node);
  if (node === undefined) return undefined;
  return () => settle(runByCluster(pg, cluster, call, { node, target: 'any' }), call.callback);
}
