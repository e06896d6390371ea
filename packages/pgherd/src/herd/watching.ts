import type { LiveNode } from '../node/live-node.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { ClusterSettings } from '../options/settings.ts';
import type { Timer } from '../time/port.ts';
import { startDelayMs } from '../topology/probe-plan.ts';
import { discoveryLoop } from './accepted-lists.ts';
import type { DiscoveryLoop } from './discovery-loop.ts';
import type { NodeList } from './node-list.ts';

/** What {@link Watching} needs from the herd. */
export interface WatchingPorts {
  readonly settings: ClusterSettings;
  readonly events: Emitter<ClusterEvents>;
  /** The nodes of the picture. */
  nodes(): Iterable<LiveNode>;
  accept(list: NodeList): void;
  /** Looks the names of the connection string up again; `undefined` if there is none to be looked up. */
  lookUpNames(): Promise<void> | undefined;
  /** The first write has waited long enough for nodes that do not answer. */
  openWrites(): void;
}

/**
 * Monitors and discovery while the nodes are watched: from the first use, or the one that ends a rest, to the next rest or the end. After a
 * rest the discovery is asked first, or the names of the connection string are looked up, since the nodes may be others by now; the monitors wait for that, at most
 * `firstWriteGraceMs`.
 */
export class Watching {
  readonly #ports: WatchingPorts;
  #discovery: DiscoveryLoop | undefined;
  #timer: Timer | undefined;
  #begin: (() => void) | undefined;
  #resolveBegun: (() => void) | undefined;
  /** Resolves when the monitors have begun, or will not begin. */
  begun: Promise<void> = Promise.resolve();

  constructor(ports: WatchingPorts) {
    this.#ports = ports;
  }

  start(isWaking: boolean): void {
    const { settings, events, accept } = this.#ports;
    const heard = () => this.#begin?.();
    this.#discovery = discoveryLoop(settings, events, { accept, heard });
    this.begun = new Promise((resolve) => {
      this.#resolveBegun = resolve;
    });
    this.#begin = () => this.#beginNow();
    const names = isWaking ? this.#ports.lookUpNames() : undefined;
    if (this.#discovery === undefined) void names?.then(heard);
    if (isWaking && (this.#discovery !== undefined || names !== undefined))
      this.#timer = settings.clock.schedule(settings.firstWriteGraceMs, heard, { ref: false });
    else heard();
    this.#discovery?.start();
  }

  /** The list of nodes is worth a look now. */
  hintDiscovery(): void {
    this.#discovery?.hint();
  }

  /** Ends discovery and what would begin; the monitors are the nodes' own. */
  stop(): void {
    this.#timer?.cancel();
    this.#discovery?.stop();
    this.#begin = undefined;
    this.#resolveBegun?.();
  }

  /** From now on the first write waits for nodes that have not answered yet. */
  beginGrace(): void {
    if (this.#begin !== undefined) return;
    const { clock, firstWriteGraceMs } = this.#ports.settings;
    this.#timer?.cancel();
    this.#timer = clock.schedule(firstWriteGraceMs, () => this.#ports.openWrites(), { ref: false });
  }

  #beginNow(): void {
    this.#begin = undefined;
    const { random } = this.#ports.settings;
    this.beginGrace();
    let index = 0;
    for (const node of this.#ports.nodes()) node.monitor.start(startDelayMs(index++, random.next()));
    this.#resolveBegun?.();
  }
}
