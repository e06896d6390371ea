import type { Discovery } from '../discovery/port.ts';
import type { LeaderAnswer } from '../floors/contest.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { defaultPortOf } from './accepted-lists.ts';
import { ContestLoop, type ContestPorts } from './contest-loop.ts';
import { ContestWatch } from './contest-watch.ts';

/** The contests of a cluster whose discovery holds a lease; `undefined` for any other. */
export function contestsOf(
  settings: ClusterSettings,
  events: Emitter<ClusterEvents>,
  answered: ContestPorts['answered'],
): Contests | undefined {
  const { authority, clock, discovery, random } = settings;
  if (!authority || discovery === undefined) return undefined;
  const defaultPort = defaultPortOf(settings);
  return new Contests(discovery, { clock, random, defaultPort, events, answered });
}

/** What contests need from the cluster. */
export interface ContestsPorts extends Omit<ContestPorts, 'ask'> {
  readonly defaultPort: number;
  readonly events: Emitter<ClusterEvents>;
}

/** Asks a discovery that holds a lease about contests, and reports them. */
export class Contests {
  readonly #loop: ContestLoop;
  readonly #watch: ContestWatch;

  constructor(discovery: Discovery, ports: ContestsPorts) {
    const { clock, defaultPort, events, random } = ports;
    const ask = async (avoid: readonly string[], signal: AbortSignal): Promise<readonly LeaderAnswer[]> =>
      (await discovery.whoLeads?.({ clock, random, defaultPort, avoid, signal })) ?? [];
    this.#loop = new ContestLoop({ ...ports, ask });
    this.#watch = new ContestWatch(clock, events);
  }

  /** Follows the picture. */
  follow(picture: TopologyDescription): void {
    this.#loop.follow(picture);
    this.#watch.follow(picture.contest);
  }

  /** Ends questions and reports. */
  stop(): void {
    this.#loop.stop();
    this.#watch.stop();
  }
}
