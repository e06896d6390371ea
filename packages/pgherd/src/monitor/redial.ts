import type { Observation, ProbeFacts } from '../model/observation.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { Clock, Random } from '../time/port.ts';
import { watchdog } from '../time/watchdog.ts';
import { type RedialSettings, redialAt } from '../topology/redial-plan.ts';
import type { MonitorConnection } from './connection.ts';

/**
 * Where an address leads, by the connections that were just dialled:
 *
 * - `same`: to the server that is known, or to one that withholds its start;
 * - `dial-again`: to another server, as one connection says, while one to the known server is open;
 * - `moved`: to another server, as two connections say, or the only one that is open;
 * - `alternates`: to several servers.
 */
export type Whereabouts = 'same' | 'dial-again' | 'moved' | 'alternates';

/**
 * Decides by the start of the server that is known, whether a connection to it is still open, and the starts that the new connections
 * have shown, one or two of them.
 */
export function whereabouts(
  known: string | undefined,
  isOpen: boolean,
  shown: readonly (string | undefined)[],
): Whereabouts {
  const [first, second] = shown;
  if (known === undefined || first === undefined || first === known) return 'same';
  if (shown.length < 2) return isOpen ? 'dial-again' : 'moved';
  return first === second ? 'moved' : 'alternates';
}

/** What redialling needs from the prober around it. */
export interface RedialPorts {
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: RedialSettings & {
    /** How long an answer may take, milliseconds. */
    readonly timeoutMs: number;
  };
  description(): NodeDescription | undefined;
  /** Whether calls wait for something that the node is not. */
  callsWait(): boolean;
  /** How many nodes there are. */
  nodes(): number;
  /** Whether the monitor's connection is open. */
  isConnected(): boolean;
  /** Opens one more connection. */
  open(): Promise<MonitorConnection>;
  /** What the server at the other end says of itself. */
  facts(connection: MonitorConnection): Promise<ProbeFacts>;
  /** This is the monitor's connection from now on. */
  adopt(connection: MonitorConnection): void;
  observe(observation: Observation): void;
  /** It could not be found out where the address leads. */
  failed(error: unknown, askedAt: number): void;
}

/**
 * Dials a node anew beside the monitor's open connection, and finds out where its address leads now. One connection that leads to the
 * known server replaces the old one; it takes two to say that the address has moved.
 */
export class Redial {
  readonly #ports: RedialPorts;
  /** What was opened and not adopted yet. */
  #fresh: MonitorConnection | undefined;
  #dialledAt = Number.NEGATIVE_INFINITY;
  #dice = 0;
  #isRunning = false;
  #isStopped = false;

  constructor(ports: RedialPorts) {
    this.#ports = ports;
  }

  /** The node is dialled now. */
  noteDial(): void {
    this.#dialledAt = this.#ports.clock.now();
    this.#dice = this.#ports.random.next();
  }

  /** Begins if it is time, unless it is under way. */
  beginIfDue(): void {
    if (this.#isRunning || this.#isStopped || this.#ports.clock.now() < this.#dueAt()) return;
    this.noteDial();
    this.#isRunning = true;
    void this.#run().finally(() => {
      this.#isRunning = false;
    });
  }

  #dueAt(): number {
    const { callsWait, nodes, description, settings } = this.#ports;
    return redialAt({
      leadsElsewhere: description()?.leadsTo !== undefined,
      hasSeveral: description()?.several !== undefined,
      redialMs: settings.redialMs,
      callsWait: callsWait(),
      nodes: nodes(),
      dialledAt: this.#dialledAt,
      dice: this.#dice,
    });
  }

  /** No connection is left behind. */
  stop(): void {
    this.#isStopped = true;
    this.#fresh?.destroy();
  }

  async #run(): Promise<void> {
    const startedAt = this.#ports.clock.now();
    const shown: (string | undefined)[] = [];
    try {
      while (await this.#dialOnce(shown));
    } catch (error) {
      if (!this.#isStopped) this.#ports.failed(error, startedAt);
    } finally {
      this.#fresh?.destroy();
      this.#fresh = undefined;
    }
  }

  /** Whether one more connection is needed. */
  async #dialOnce(shown: (string | undefined)[]): Promise<boolean> {
    const { clock, node, settings } = this.#ports;
    const fresh = await this.#ports.open();
    this.#fresh = fresh;
    if (this.#isStopped) return false;
    const askedAt = clock.now();
    const timer = watchdog(clock, settings.timeoutMs, () => fresh.destroy(), { ref: false });
    const facts = await this.#ports.facts(fresh).finally(() => timer.cancel());
    const before = this.#ports.description();
    if (this.#isStopped || before === undefined) return false;
    const { generation, postmasterStartedAt: known } = before;
    const at = clock.now();
    const { postmasterStartedAt: startedAt, systemIdentifier, inRecovery } = facts;
    shown.push(startedAt);
    if (startedAt !== undefined) {
      const server = { startedAt, systemIdentifier, inRecovery };
      this.#ports.observe({ kind: 'start-shown', node, at, generation, ...server });
    }
    // Where several servers answer, the open connection is as good as any other.
    if (this.#ports.description()?.several !== undefined) return false;
    const found = whereabouts(known, this.#ports.isConnected(), shown);
    switch (found) {
      case 'dial-again':
        fresh.destroy();
        return true;
      case 'alternates':
        this.#ports.observe({ kind: 'address-alternates', node, at, generation });
        return false;
      case 'same':
      case 'moved':
        this.#fresh = undefined;
        this.#ports.adopt(fresh);
        this.#ports.observe({
          kind: 'probe-answered',
          node,
          at,
          generation,
          askedAt,
          facts,
          redialled: true,
        });
        fresh.generation = this.#ports.description()?.generation ?? generation;
        return false;
      default:
        return found satisfies never;
    }
  }
}
