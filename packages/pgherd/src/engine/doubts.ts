import type { Herd } from '../herd/herd.ts';
import type { LiveNode } from '../node/live-node.ts';
import { withLimit } from '../time/wait.ts';
import { findNode } from '../topology/topology.ts';
import { isWritable } from '../topology/writable.ts';

/** The parameter by which a session shows that its transactions are read-only. */
export const READ_ONLY_BY_DEFAULT = 'default_transaction_read_only';
/** How often a node is asked, at most every 50 ms: each process of the server takes up a changed configuration by itself. */
const LOOKS_BY_DEFAULT = 5;
/** After a doubt without reason the next one has to wait, ms; each time twice as long. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** A session that a guest may write on, as far as its refusals matter. */
export interface WritingSession {
  /** Whether its transactions are read-only by default now. */
  readonly readOnlyByDefault: boolean;
}

/** A pause after a doubt without reason. */
interface Pause {
  readonly until: number;
  readonly ms: number;
}

/**
 * Primaries that refused a write of a guest: until they have been asked, nothing begins on the guests that write there. Once asked, a
 * primary is in doubt no more, or the picture shows that it takes no writes. A program that makes its own transactions read-only must not
 * slow down the others: after a doubt without reason the next one waits.
 */
export class Doubts {
  readonly #herd: Herd;
  readonly #open = new Map<string, Promise<void>>();
  readonly #pauses = new Map<string, Pause>();

  constructor(herd: Herd) {
    this.#herd = herd;
  }

  /** Resolves when the node has been asked; `undefined` if there is no doubt about it. */
  about(node: string): Promise<void> | undefined {
    return this.#open.get(node);
  }

  /** The node refused a write, or showed that it would. */
  raise(node: LiveNode, session: WritingSession): void {
    const { clock } = this.#herd.settings;
    const until = this.#pauses.get(node.name)?.until ?? Number.NEGATIVE_INFINITY;
    if (this.#open.has(node.name)) return;
    if (clock.now() < until || !this.#takesWrites(node.name)) {
      node.monitor.hint();
      return;
    }
    node.guests.hold();
    const asked = this.#ask(node, session).finally(() => {
      this.#open.delete(node.name);
      node.guests.goOn();
    });
    this.#open.set(node.name, asked);
  }

  /** Never rejects. */
  async #ask(node: LiveNode, session: WritingSession): Promise<void> {
    const { clock, probe } = this.#herd.settings;
    for (let looks = 1; ; looks++) {
      await withLimit(clock, 2 * probe.timeoutMs, node.monitor.probeNow()).catch(() => undefined);
      if (!this.#takesWrites(node.name)) {
        this.#pauses.delete(node.name);
        return;
      }
      if (looks >= (session.readOnlyByDefault ? LOOKS_BY_DEFAULT : 1)) break;
    }
    const ms = Math.min(LONGEST_PAUSE_MS, 2 * (this.#pauses.get(node.name)?.ms ?? FIRST_PAUSE_MS / 2));
    this.#pauses.set(node.name, { until: clock.now() + ms, ms });
  }

  #takesWrites(name: string): boolean {
    const node = findNode(this.#herd.topology, name);
    return node !== undefined && isWritable(node, this.#herd.settings.fencing);
  }
}
