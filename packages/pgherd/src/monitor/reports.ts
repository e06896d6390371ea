import { messageOf, PgHerdError } from '../model/errors.ts';
import type { ConnectFailure } from '../model/names.ts';
import type { Observation } from '../model/observation.ts';
import type { Clock } from '../time/port.ts';

/** Where reports go, and by which clock they are dated. */
export interface ReportPorts {
  readonly clock: Clock;
  observe(observation: Observation): void;
}

/** What a monitor reports of its own failures; each is dated now. `askedAt` is when the question was sent, or the attempt began. */
export class Reports {
  readonly #node: string;
  readonly #ports: ReportPorts;

  constructor(node: string, ports: ReportPorts) {
    this.#node = node;
    this.#ports = ports;
  }

  /** The answer was an error, or held no facts. */
  probeFailed(generation: number, askedAt: number): void {
    this.#ports.observe({ kind: 'probe-failed', node: this.#node, at: this.#now, generation, askedAt });
  }

  /** No answer came in time. */
  probeMissed(generation: number, askedAt: number): void {
    this.#ports.observe({ kind: 'probe-missed', node: this.#node, at: this.#now, generation, askedAt });
  }

  /** No connection could be opened. */
  connectFailed(error: unknown, failure: ConnectFailure, generation: number, askedAt: number): void {
    this.#ports.observe({
      kind: 'connect-failed',
      node: this.#node,
      at: this.#now,
      askedAt,
      generation,
      failure,
      reason: messageOf(error),
      serverVersion: serverVersionIn(error),
    });
  }

  get #now(): number {
    return this.#ports.clock.now();
  }
}

/** A server that is too old says so before it accepts the connection. */
function serverVersionIn(error: unknown): number | undefined {
  const version = error instanceof PgHerdError ? error.details['serverVersion'] : undefined;
  return typeof version === 'number' ? version : undefined;
}

/** The error of a round whose probe stayed unanswered. */
export function replaced(): PgHerdError {
  return new PgHerdError('PGHERD_TIMEOUT', 'the probe was not answered in time; a new connection was opened');
}

/** The error of an attempt to connect that took too long. */
export function connectTimeout(waitedMs: number): PgHerdError {
  return new PgHerdError('PGHERD_CONNECT_TIMEOUT', `no connection within ${Math.round(waitedMs)} ms`);
}
