import { printable } from '../model/foreign.ts';
import type { ConnectFailure } from '../model/names.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { Clock, Timer } from '../time/port.ts';

/** For so long a call waits before it is said that no server answers, milliseconds. */
const SILENT_MS = 1_000;
/** Most nodes that the warning names. */
const MAX_NAMED = 10;

/** Failures of a connection in which no byte came from a server. */
const WITHOUT_A_BYTE: ReadonlySet<ConnectFailure> = new Set([
  'refused',
  'unreachable',
  'name-not-found',
  'timeout',
]);

/** Whether nothing at all has come from the node since the start. */
export function isSilent({
  connectFailure,
  seenAt,
}: Pick<NodeDescription, 'connectFailure' | 'seenAt'>): boolean {
  return seenAt === undefined && (connectFailure === undefined || WITHOUT_A_BYTE.has(connectFailure));
}

/** What the watch needs from the herd. */
export interface SilencePorts {
  readonly clock: Clock;
  nodes(): readonly NodeDescription[];
  callsWait(): boolean;
  warn(message: string): void;
}

/**
 * Says once, with the reason of each node, that calls wait while no server has answered at all: the program waits for a wrong host name as
 * long as for a failover, and until then nothing would show why.
 */
export class SilenceWatch {
  readonly #ports: SilencePorts;
  #timer: Timer | undefined;
  #isSaid = false;

  constructor(ports: SilencePorts) {
    this.#ports = ports;
  }

  /** A call begins to wait. */
  callWaits(): void {
    if (this.#isSaid || this.#timer !== undefined || !this.#isSilence()) return;
    this.#timer = this.#ports.clock.schedule(SILENT_MS, () => this.#look(), { ref: false });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    const { callsWait, nodes, warn } = this.#ports;
    if (!callsWait() || !this.#isSilence()) return;
    this.#isSaid = true;
    const all = nodes();
    const reasons = all
      .slice(0, MAX_NAMED)
      .map(({ healthReason, name }) => `${name}: ${healthReason ?? 'silent'}`);
    const more = all.length > MAX_NAMED ? `; and ${all.length - MAX_NAMED} more` : '';
    warn(
      printable(`calls wait, and no server has answered for ${SILENT_MS} ms: ${reasons.join('; ')}${more}`),
    );
  }

  #isSilence(): boolean {
    return this.#ports.nodes().every(isSilent);
  }
}
