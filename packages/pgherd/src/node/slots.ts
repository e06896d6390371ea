import type { DriverResult } from '../connection/port.ts';
import { messageOf } from '../model/errors.ts';
import type { Observation } from '../model/observation.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { Ask } from '../monitor/connection.ts';
import { PROBES, parseFacts, probeText } from '../monitor/probe.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { Pool } from '../pool/pool.ts';
import type { ScarcitySign } from '../pool/scarcity.ts';
import { classifyError, connectFailureOf } from '../retry/classify.ts';
import type { Clock } from '../time/port.ts';
import { withLimit } from '../time/wait.ts';
import { findNode } from '../topology/topology.ts';
import type { NodePortsOf } from './node-ports.ts';
import type { Session } from './session.ts';

/** So many of the probes after the monitor has connected are followed by a look: a restart is when slots run short. */
const LOOKS_AT_FIRST = 10;
/** Later every so many are. */
const LOOKS_EVERY = 10;
/** So long after a sign that slots are scarce every probe is followed by a look, milliseconds. */
const ALERT_MS = 30_000;
/** Slots are scarce from this share on. */
const SCARCE_SHARE = 0.95;
/** Sessions of the server, and how many slots there are for ordinary roles. As text: parsers of the application do not interfere. */
const SLOTS = `select (select pg_catalog.sum(numbackends) from pg_catalog.pg_stat_database)::text as backends,
  (pg_catalog.current_setting('max_connections')::int - pg_catalog.current_setting('superuser_reserved_connections')::int
  - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int)::text as slots`;

/** What is needed of the node. */
export interface SlotsPorts {
  readonly node: string;
  readonly clock: Clock;
  /** How long an answer may take, and after how long a silent node is dead, milliseconds. */
  readonly timeoutMs: number;
  readonly deadAfterMs: number;
  readonly pool: Pool<Session>;
  ask(): Ask | undefined;
  /** Whether a primary is looked for: then the monitor has no time for anything else. */
  isPrimaryLost(): boolean;
  describe(): NodeDescription | undefined;
  /** When the node last answered a statement. */
  answeredAt(): number | undefined;
  observe(observation: Observation): void;
  scarce(event: ClusterEvents['pool:scarce']): void;
  warned(message: string): void;
}

/** Finds out that a server is short of connection slots, and lets the monitor do with a connection of the pool if it has none. */
export class Slots {
  readonly #ports: SlotsPorts;
  #rounds = 0;
  #alertUntil = 0;
  #isForbidden = false;
  /** How often the monitor took a connection of the pool on loan. */
  loans = 0;

  constructor(ports: SlotsPorts) {
    this.#ports = ports;
  }

  /** A connection could not be opened. */
  refused(error: unknown): void {
    if (connectFailureOf(error) === 'too-many-connections') this.#note('refused');
  }

  /** A round of the monitor has ended, with an error or with its answers. */
  async probed(error: unknown): Promise<void> {
    if (error === undefined) {
      this.#rounds++;
      const { pool, clock, isPrimaryLost } = this.#ports;
      const isAlert = this.#rounds <= LOOKS_AT_FIRST || clock.now() < this.#alertUntil;
      const isDue = isAlert || this.#rounds % LOOKS_EVERY === 0;
      if (isDue && !this.#isForbidden && !isPrimaryLost() && pool.max > 1 && pool.stats().size > 1)
        await this.#look();
      return;
    }
    this.#rounds = 0;
    this.refused(error);
  }

  /**
   * Whether the node is known to be well although it refused the monitor a connection with this error: a connection of the pool answers
   * the probe, between two uses, or all are in use.
   */
  async answersOnLoan(error: unknown): Promise<boolean> {
    if (connectFailureOf(error) !== 'too-many-connections') return false;
    const { pool, clock, timeoutMs } = this.#ports;
    const session = pool.tryAcquire();
    if (session === undefined) return this.#isBusyAndWell();
    this.loans++;
    const askedAt = clock.now();
    try {
      const { rows } = await withLimit(clock, timeoutMs, this.#probeOn(session));
      const facts = parseFacts(rows[0]);
      const { generation } = session;
      if (facts === undefined) return false;
      const node = this.#ports.node;
      this.#ports.observe({ kind: 'probe-answered', node, at: clock.now(), askedAt, generation, facts });
      pool.release(session);
      return true;
    } catch {
      pool.destroyWhere((one) => one === session, 'did not answer the probe of the monitor');
      return false;
    }
  }

  async #probeOn({ connection }: Session): Promise<DriverResult> {
    let last: unknown;
    for (let level = 0; level < PROBES.length; level++) {
      try {
        return await connection.simple(probeText(level, []));
      } catch (error) {
        if (classifyError(error).severity !== 'ERROR') throw error;
        last = error;
      }
    }
    throw last;
  }

  #isBusyAndWell(): boolean {
    const { clock, pool, describe, observe, node, answeredAt, deadAfterMs } = this.#ports;
    const description = describe();
    if (description === undefined || description.role === 'unknown') return false;
    const { generation, role } = description;
    const isOpen = (session: Session) => !session.connection.closed && session.generation === generation;
    if (!pool.inUse().some(isOpen)) return false;
    // It lives, since it refuses, and sessions report a change of its role with each answer. However long they take: as long as they are open
    // a primary stays one.
    const now = clock.now();
    observe({ kind: 'parameters', node, at: now, generation, inHotStandby: role === 'standby' });
    // While the pool could use more connections, and nothing was heard for long, the node is no good for new work.
    const heardAt = answeredAt();
    return pool.stats().size >= pool.max || (heardAt !== undefined && now - heardAt < deadAfterMs);
  }

  async #look(): Promise<void> {
    const { ask, clock, timeoutMs, node, warned } = this.#ports;
    const asking = ask();
    if (asking === undefined) return;
    try {
      const { rows } = await withLimit(clock, timeoutMs, asking(SLOTS));
      const [backends, slots] = [Number(rows[0]?.['backends']), Number(rows[0]?.['slots'])];
      if (slots > 0 && backends >= SCARCE_SHARE * slots) this.#note('seen');
    } catch (error) {
      if (classifyError(error).severity !== 'ERROR') return;
      this.#isForbidden = true;
      warned(
        `${node} does not say how many connections it has (${messageOf(error)}): it is not seen that they run short.`,
      );
    }
  }

  #note(by: ScarcitySign): void {
    const { node, pool, scarce, clock } = this.#ports;
    this.#alertUntil = clock.now() + ALERT_MS;
    const max = pool.noteScarce(by);
    if (max !== undefined) scarce(Object.freeze({ node, held: pool.stats().size, max, by }));
  }
}

/** The part of a live node that {@link slotsOf} is about. */
export interface SlottedNode {
  readonly name: string;
  readonly pool: Pool<Session>;
  readonly monitor: { readonly ask: Ask | undefined };
  readonly inFlight: { readonly answeredAt: number | undefined };
}

/** The slots of a live node. */
export function slotsOf<N extends SlottedNode>(node: N, ports: NodePortsOf<N>): Slots {
  const { settings } = ports;
  return new Slots({
    node: node.name,
    clock: settings.clock,
    timeoutMs: settings.probe.timeoutMs,
    deadAfterMs: settings.deadAfterMs,
    pool: node.pool,
    ask: () => node.monitor.ask,
    isPrimaryLost: () => ports.topology().primaryLostAt !== undefined,
    describe: () => findNode(ports.topology(), node.name),
    answeredAt: () => node.inFlight.answeredAt,
    observe: (observation) => ports.observe(node, observation),
    scarce: (event) => ports.scarce(event),
    warned: (message) => ports.warned(message),
  });
}
