import { listViolations, nameOf } from './node-list.ts';
import type { DiscoveredNode, Discovery, LeaderQuestion } from './port.ts';
import { limited, refreshed } from './refresh.ts';
import { checkSettings, isText, REFRESH_MS, TIMEOUT_MS } from './settings.ts';

/** Options of {@link polledDiscovery}. */
export interface PolledDiscoveryOptions {
  /** Shown in events and errors. */
  readonly name: string;
  /** Returns all nodes. The signal aborts after `timeoutMs` and when the cluster is closed. */
  readonly load: (signal: AbortSignal) => Promise<readonly DiscoveredNode[]>;
  /** Time between two calls, milliseconds, shortened by up to a quarter at random. Default 10,000. */
  readonly refreshMs?: number | undefined;
  /** Longest wait for an answer, milliseconds. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * `lease`: the node that your function calls `leader` holds a lease, so that it can refute another server that says
   * that it is the primary. Only if the function asks the source each time. Default: it only settles equal claims.
   */
  readonly authority?: 'lease' | undefined;
}

/**
 * Node lists from a function of yours: a query of a managed service, a file, an API.
 *
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS`
 * @example
 * const load = async () => JSON.parse(await readFile('/etc/shop/nodes.json', 'utf8'));
 * polledDiscovery({ name: 'our file', load });
 */
export function polledDiscovery(options: PolledDiscoveryOptions): Discovery {
  checkSettings('polledDiscovery', options, {
    name: { holds: isText, must: 'a name to show in events', required: true },
    load: {
      holds: (value) => typeof value === 'function',
      must: 'a function that returns the nodes',
      required: true,
    },
    refreshMs: REFRESH_MS,
    timeoutMs: TIMEOUT_MS,
    authority: { holds: (value) => value === 'lease', must: "'lease'" },
  });
  const { name, load, refreshMs = 10_000, timeoutMs = 5_000, authority } = options;
  const checked = (nodes: readonly DiscoveredNode[], defaultPort: number) => {
    const violations = listViolations(nodes, defaultPort);
    if (violations.length === 0) return nodes;
    throw new Error(`${name} gave a list that cannot be used: ${violations.join('; ')}`);
  };
  const whoLeads = async ({ defaultPort, signal }: LeaderQuestion) => {
    const leader = checked(await load(signal), defaultPort).find((node) => node.leader === true);
    return [{ leader: leader === undefined ? undefined : nameOf(leader, defaultPort), from: name }];
  };
  return Object.freeze({
    name,
    watch: (context) =>
      refreshed(context, refreshMs, async () => {
        const nodes = await limited(context, timeoutMs, `The function of ${name}`, load);
        return { nodes: checked(nodes, context.defaultPort) };
      }),
    ...(authority === 'lease' && { authority, whoLeads }),
  } satisfies Discovery);
}
