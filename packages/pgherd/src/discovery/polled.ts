import { listViolations } from './node-list.ts';
import type { DiscoveredNode, Discovery } from './port.ts';
import { limited, refreshed } from './refresh.ts';
import { checkSettings, isText, REFRESH_MS, TIMEOUT_MS } from './settings.ts';

/** What {@link polledDiscovery} takes. */
export interface PolledDiscoveryOptions {
  /** Shown in events and errors. */
  readonly name: string;
  /** Gives all nodes there are now. The signal aborts after `timeoutMs` and when the cluster is closed. */
  readonly load: (signal: AbortSignal) => Promise<readonly DiscoveredNode[]>;
  /** Time between two questions, milliseconds, of which up to a quarter is taken off at random. Default 10,000. */
  readonly refreshMs?: number | undefined;
  /** Time after which an answer is no longer waited for, milliseconds. Default 5,000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Node lists from a function of yours: a query of a managed service, a file, an API.
 *
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS`
 * @example
 * polledDiscovery({ name: 'our file', load: async () => JSON.parse(await readFile('/etc/shop/nodes.json', 'utf8')) });
 */
export function polledDiscovery(options: PolledDiscoveryOptions): Discovery {
  checkSettings('polledDiscovery', options, {
    name: { holds: isText, must: 'a name to show in events', required: true },
    load: {
      holds: (value) => typeof value === 'function',
      must: 'a function that gives the nodes',
      required: true,
    },
    refreshMs: REFRESH_MS,
    timeoutMs: TIMEOUT_MS,
  });
  const { name, load, refreshMs = 10_000, timeoutMs = 5_000 } = options;
  return Object.freeze({
    name,
    watch: (context) =>
      refreshed(context, refreshMs, async () => {
        const nodes = await limited(context, timeoutMs, `The function of ${name}`, load);
        const violations = listViolations(nodes, context.defaultPort);
        if (violations.length > 0)
          throw new Error(`${name} gave a list that cannot be used: ${violations.join('; ')}`);
        return { nodes };
      }),
  } satisfies Discovery);
}
