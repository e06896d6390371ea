import { prepareCall } from '../call/call.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { type Binding, type Bound, bind, binding, bindingIn, boundTo } from './binding.ts';
import { clientClass } from './client.ts';
import { configOf, routingOf, wishesOf } from './config.ts';
import { sharesQueries } from './guests.ts';
import { type HeldCluster, hold, implicitCluster } from './implicit-cluster.ts';
import { loadedPg, type Pg } from './module.ts';
import { checkPoolOptions } from './option-check.ts';
import { type PoolParts, poolClass } from './pool.ts';

/** What a call inherits that says nothing of the nodes. */
const DEFAULTS = Object.freeze({ target: 'read-write', timeoutMs: undefined } as const);

/**
 * `Pool` and `Client` of the `pg` that `load` gives, whose options describe the cluster too. If it gives none, the error comes with the
 * first object that is made of them: programs that pass their own `pg` need neither.
 */
export function swappedClasses(load: () => unknown): Pick<Pg, 'Pool' | 'Client'> {
  let pg: Pg;
  try {
    pg = loadedPg(load);
  } catch {
    return { Pool: unmade(load), Client: unmade(load) };
  }
  return { Pool: swappedPool(pg), Client: swappedClient(pg) };
}

/** A class of which there is no object without `pg`. */
function unmade(load: () => unknown): new () => never {
  return class {
    constructor() {
      loadedPg(load);
    }
  } as new () => never;
}

function swappedPool(pg: Pg): Pg['Pool'] {
  return poolClass(pg, (given): PoolParts => {
    // Programs have options that pg ignored; the swap must not end them.
    checkPoolOptions(configOf(given), 'none');
    const { bound, held } = boundAlone(given);
    // The pool's own clients find it here; with the pool's end it is given up.
    return {
      ...bound,
      shares: sharesQueries(given),
      started: () => void held?.cluster,
      ended: held?.release,
    };
  });
}

function swappedClient(pg: Pg): Pg['Client'] {
  return clientClass(
    pg,
    pg.Client,
    (given) => {
      const { bound, held } = boundAlone(given);
      return held === undefined ? bound : { ...bound, binding: leaving(bound.binding, held) };
    },
    false,
  );
}

/** Gives the cluster up when the client's connection has closed. */
function leaving({ routing }: Binding, held: HeldCluster): Binding {
  return binding({
    get cluster(): Cluster {
      return held.cluster;
    },
    routing,
    left: () => void held.release().catch(() => undefined),
  });
}

/** Options for a cluster of their own, which is taken into use with the first look at it; or those that were copied from a pool. */
function boundAlone(given: unknown): { readonly bound: Bound; readonly held: HeldCluster | undefined } {
  const config = configOf(given);
  const inherited = bindingIn(config);
  if (inherited !== undefined)
    return { bound: bind(given, inherited.cluster, inherited.routing), held: undefined };
  const wishes = wishesOf(config);
  const implicit = implicitCluster(wishes);
  const routing = Object.freeze(routingOf(config, wishes, {}));
  prepareCall(routing, DEFAULTS);
  const held = lazily(() => hold(implicit));
  const to = binding({
    get cluster(): Cluster {
      return held.cluster;
    },
    routing,
    ssl: wishes.ssl,
  });
  return { bound: boundTo(config, wishes, implicit.facts, to), held };
}

function lazily(make: () => HeldCluster): HeldCluster {
  let made: HeldCluster | undefined;
  return {
    get cluster(): Cluster {
      made ??= make();
      return made.cluster;
    },
    release: async () => made?.release(),
  };
}
