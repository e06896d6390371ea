import type { Herd } from '../herd/herd.ts';
import { parseLsn } from '../model/lsn.ts';
import type { Row } from '../model/statement.ts';
import { hasReplayed, type Replayed, type ReplayFacts } from '../routing/causal.ts';
import type { Deadline } from '../time/deadline.ts';
import { sleep, withLimit } from '../time/wait.ts';
import { findNode } from '../topology/topology.ts';

/** Shortest time between two questions to one standby, for all waiting calls together, milliseconds. */
const PAUSE_MS = 3;

const REPLAYED = `pg_catalog.pg_last_wal_replay_lsn()::pg_catalog.text as lsn,
  pg_catalog.pg_is_in_recovery()::pg_catalog.text as in_recovery`;

/** Asks what a standby has replayed. */
const QUESTION = `select ${REPLAYED}`;
/**
 * The timeline shows late in the control file; at once in the WAL receiver, but only with the right to read
 * all statistics.
 */
const QUESTION_WITH_TIMELINE = `select ${REPLAYED}, greatest(
  (select timeline_id from pg_catalog.pg_control_checkpoint()),
  (select min_recovery_end_timeline from pg_catalog.pg_control_recovery()),
  (select received_tli from pg_catalog.pg_stat_wal_receiver))::pg_catalog.text as timeline`;

interface Known extends ReplayFacts {
  /** The life of the server that this was true of. */
  readonly generation: number;
}

/**
 * What standbys have replayed, asked over the monitors' connections: those are open already, queue behind no
 * call and take nothing from the pools. One question is in flight for each standby.
 */
export class ReplayWatch {
  readonly #herd: Herd;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<void>>();
  readonly #askedAt = new Map<string, number>();

  constructor(herd: Herd) {
    this.#herd = herd;
  }

  /** Whether the standby is known to have replayed `position`, by its probes or by what it was asked here. */
  has(name: string, position: Replayed): boolean {
    const node = findNode(this.#herd.topology, name);
    if (node === undefined || node.role !== 'standby') return false;
    const known = this.#known.get(name);
    const asked = known?.generation === node.generation ? known : undefined;
    const timelineAtLeast = Math.max(node.timelineAtLeast ?? 0, asked?.timelineAtLeast ?? 0);
    return [node.lsn, asked?.lsn].some((lsn) => hasReplayed({ lsn, timelineAtLeast }, position));
  }

  /**
   * Resolves to `true` once the standby is known to have replayed `position`, to `false` at the deadline or
   * if not needed.
   */
  async until(
    name: string,
    position: Replayed,
    deadline: Deadline,
    isNeeded: () => boolean,
  ): Promise<boolean> {
    const { clock } = this.#herd.settings;
    while (!this.#herd.isClosed && isNeeded()) {
      if (this.has(name, position)) return true;
      const left = deadline - clock.now();
      if (left <= 0) return false;
      await withLimit(clock, left, this.#ask(name, position.timeline > 1)).catch(() => undefined);
    }
    return false;
  }

  /** The answer that is awaited already, or the next one. Never rejects. */
  #ask(name: string, withTimeline: boolean): Promise<void> {
    const key = withTimeline ? `${name} timeline` : name;
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    const answer = this.#answer(name, withTimeline).finally(() => this.#asking.delete(key));
    this.#asking.set(key, answer);
    return answer;
  }

  async #answer(name: string, withTimeline: boolean): Promise<void> {
    const { clock, probe } = this.#herd.settings;
    const pauseMs = (this.#askedAt.get(name) ?? Number.NEGATIVE_INFINITY) + PAUSE_MS - clock.now();
    if (pauseMs > 0) await sleep(clock, pauseMs);
    this.#askedAt.set(name, clock.now());
    const question = this.#herd.nodes.get(name)?.monitor.askSoon;
    const generation = findNode(this.#herd.topology, name)?.generation;
    if (question === undefined || generation === undefined) return;
    const ask = async (text: string) => (await withLimit(clock, probe.timeoutMs, question(text))).rows[0];
    let row: Row | undefined;
    try {
      row = await ask(withTimeline ? QUESTION_WITH_TIMELINE : QUESTION);
    } catch {
      // Without the right to read the control file only the position is asked for; the probes find other
      // failures.
      row = withTimeline ? await ask(QUESTION).catch(() => undefined) : undefined;
    }
    if (row?.['in_recovery'] === 'true') this.#note(name, row, generation);
  }

  #note(name: string, row: Row, generation: number): void {
    const before = this.#known.get(name);
    const same = before?.generation === generation ? before : undefined;
    const timeline = Number(row['timeline'] ?? Number.NaN);
    this.#known.set(name, {
      lsn: parseLsn(typeof row['lsn'] === 'string' ? row['lsn'] : undefined) ?? same?.lsn,
      timelineAtLeast: timeline > 0 ? timeline : same?.timelineAtLeast,
      generation,
    });
  }
}
