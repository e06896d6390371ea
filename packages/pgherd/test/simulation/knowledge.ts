import type { Row } from '../../src/model/statement.ts';
import type { SimConnection } from './sim-driver.ts';

/** What a node last said of itself in answer to a probe. */
export interface Told {
  readonly askedAt: number;
  readonly inRecovery: boolean;
  readonly readOnly: boolean;
  /** `''` where the server does not tell. */
  readonly systemIdentifier: string;
  readonly timeline: number | undefined;
  /** Start of the server; `undefined` where it does not tell. */
  readonly started: string | undefined;
}

/** The freshest word about a role, by whatever way it came. */
export interface RoleEvidence {
  /** It was true at this moment or later. */
  readonly validFrom: number;
  readonly inRecovery: boolean;
  /** Generation of the node, in the client's counting, when the connection was opened that brought it. */
  readonly generation: number;
}

/** A server has said, out of recovery, which timeline it is on. */
interface Shown {
  readonly node: string;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly askedAt: number;
}

/**
 * What the client can know, kept apart from what it makes of it: only what has reached it counts, and nothing of the
 * product's own judgement goes in.
 */
export class Knowledge {
  readonly told = new Map<string, Told>();
  readonly roles = new Map<string, RoleEvidence>();
  /** What the client may believe, and need not. */
  readonly hints = new Map<string, RoleEvidence>();
  /** When each of these levels was last shown. */
  readonly shownAt = new Map<string, number>();
  readonly #shown: Shown[] = [];
  readonly #givenUp = new Map<
    string,
    { readonly systemIdentifier: string; readonly from: number; readonly to: number }
  >();
  /** Nodes that told of a timeline of their own, by system identifier and timeline. */
  readonly witnesses = new Map<string, Set<string>>();
  /** Highest timeline that a node told of itself out of recovery, by system identifier. */
  readonly floors = new Map<string, number>();

  /** The answer to a probe has arrived; of a node that is not promotable no timeline counts. */
  probeAnswered(connection: SimConnection, generation: number, row: Row, promotable: boolean): void {
    const { node } = connection;
    const timeline = typeof row['timeline'] === 'string' ? Number.parseInt(row['timeline'], 16) : undefined;
    const inRecovery = row['in_recovery'] === 'true';
    const systemIdentifier = typeof row['system_identifier'] === 'string' ? row['system_identifier'] : '';
    const { askedAt } = connection;
    const before = this.told.get(node);
    if (before === undefined || before.askedAt <= askedAt) {
      const readOnly = row['read_only'] === 'on';
      const started = typeof row['started'] === 'string' ? row['started'] : before?.started;
      this.told.set(node, { askedAt, inRecovery, readOnly, systemIdentifier, timeline, started });
    }
    this.roleSeen(node, { validFrom: askedAt, inRecovery, generation });
    if (inRecovery) this.#noteData(node, systemIdentifier, row);
    else if (timeline !== undefined && promotable)
      this.#shown.push({ node, systemIdentifier, timeline, askedAt });
  }

  /** The client has looked at the answers that have arrived: the levels in them count from now on. */
  looked(): void {
    for (const one of this.#shown.splice(0)) this.#noteLevel(one);
  }

  #noteLevel({ node, systemIdentifier, timeline, askedAt }: Shown): void {
    const given = this.#givenUp.get(node);
    if (given?.systemIdentifier === systemIdentifier && timeline > given.to && timeline <= given.from) return;
    this.floors.set(systemIdentifier, Math.max(timeline, this.floors.get(systemIdentifier) ?? 0));
    const level = levelName(systemIdentifier, timeline);
    this.witnesses.set(level, (this.witnesses.get(level) ?? new Set()).add(node));
    const shownAt = Math.max(askedAt, this.shownAt.get(level) ?? 0);
    this.shownAt.set(level, shownAt);
  }

  /** The client has withdrawn a floor: the nodes that it had been seen at. */
  withdrawn(systemIdentifier: string, from: number, to: number): readonly string[] {
    const level = levelName(systemIdentifier, from);
    const witnesses = [...(this.witnesses.get(level) ?? [])];
    this.witnesses.delete(level);
    this.floors.set(systemIdentifier, to);
    return witnesses;
  }

  roleHinted(node: string, evidence: RoleEvidence): void {
    this.hints.set(node, evidence);
  }

  roleSeen(node: string, evidence: RoleEvidence): void {
    const before = this.roles.get(node);
    if (before === undefined || before.validFrom <= evidence.validFrom) this.roles.set(node, evidence);
  }

  /** The user has declared this timeline to be the one to go on with; what is known of the ones above is given up. */
  accepted(systemIdentifier: string, timeline: number): void {
    const from = this.floors.get(systemIdentifier) ?? timeline;
    this.floors.set(systemIdentifier, timeline);
    for (let above = timeline + 1; above <= from; above++) {
      const level = levelName(systemIdentifier, above);
      for (const node of this.witnesses.get(level) ?? []) {
        if (systemIdentifier !== '') this.#givenUp.set(node, { systemIdentifier, from, to: timeline });
      }
      this.witnesses.delete(level);
    }
  }

  /** When a timeline above this one was last seen to be shown, by the time of the question. */
  lastShownAbove(systemIdentifier: string, timeline: number): number {
    const floor = this.floors.get(systemIdentifier) ?? 0;
    let last = Number.NEGATIVE_INFINITY;
    for (let above = timeline + 1; above <= floor; above++) {
      last = Math.max(last, this.shownAt.get(levelName(systemIdentifier, above)) ?? last);
    }
    return last;
  }

  #noteData(node: string, systemIdentifier: string, row: Row): void {
    const given = this.#givenUp.get(node);
    const data = Math.max(Number(row['checkpoint_timeline']), Number(row['recovery_timeline']));
    if (given?.systemIdentifier === systemIdentifier && data <= given.to) this.#givenUp.delete(node);
  }

  /** The node is no longer one of the cluster's. */
  forget(node: string): void {
    this.told.delete(node);
    this.roles.delete(node);
    this.hints.delete(node);
  }

  /** Nodes that claim the same epoch as `node`, as far as the client was told. */
  rivalsOf(node: string): string[] {
    const mine = this.told.get(node);
    if (mine === undefined || mine.inRecovery || mine.timeline === undefined) return [];
    return [...this.told].flatMap(([name, told]) => {
      const rival =
        name !== node &&
        !told.inRecovery &&
        // One that refuses writes keeps no other from them.
        !told.readOnly &&
        told.timeline === mine.timeline &&
        told.systemIdentifier === mine.systemIdentifier;
      return rival ? [name] : [];
    });
  }
}

function levelName(systemIdentifier: string, timeline: number): string {
  return `${systemIdentifier}/${timeline}`;
}
