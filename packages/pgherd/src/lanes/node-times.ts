import type { Surprises } from './service-time.ts';

/** The quickest answer grows by this factor with each slower one, so that it follows a lasting change. */
const FLOOR_GROWTH = 1.005;

/** The ports of {@link NodeTimes}. */
export interface NodeTimesPorts {
  /** Current time, read once per turn of the event loop. */
  now(): number;
  /** Round-trip time of a probe, milliseconds; `undefined` if unknown. */
  rttMs(): number | undefined;
  /** Approximate duration of a turn of our event loop, milliseconds. */
  turnMs(): number;
  /** Surprises of texts that ran for the first time. */
  readonly newTexts: Surprises;
}

/** What the lanes of a node need to know to tell the server's time from ours and the network's. */
export class NodeTimes {
  readonly #ports: NodeTimesPorts;
  #floorMs = Number.POSITIVE_INFINITY;
  readonly now: () => number;
  readonly newTexts: Surprises;

  constructor(ports: NodeTimesPorts) {
    this.#ports = ports;
    this.now = ports.now;
    this.newTexts = ports.newTexts;
  }

  /** The quickest recent answer to a statement that was alone, milliseconds; `aloneMs` is the newest. */
  floorMs(aloneMs: number): number {
    this.#floorMs = Math.min(aloneMs, this.#floorMs * FLOOR_GROWTH);
    return Math.min(this.#floorMs, this.#ports.rttMs() ?? this.#floorMs);
  }

  /** Delay that is not the server's: the round trip and a turn of our event loop, milliseconds. */
  get slackMs(): number {
    return (this.#floorMs === Number.POSITIVE_INFINITY ? 0 : 2 * this.#floorMs) + this.#ports.turnMs();
  }
}
