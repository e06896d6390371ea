import type { Lsn } from './lsn.ts';

/**
 * One history of a cluster; every promotion starts a higher timeline. Not unique: two standbys may be
 * promoted independently.
 */
export interface Epoch {
  /** `system_identifier` of the cluster, decimal. */
  readonly systemIdentifier: string;
  /** Timeline; 1 until the first promotion. */
  readonly timeline: number;
}

/** An epoch that the user declares valid although a higher one was seen. */
export interface AcceptedEpoch {
  /**
   * `system_identifier` of the cluster, decimal. Leave it out if no node returns one, for lack of a right to
   * the control file.
   */
  readonly systemIdentifier?: string | undefined;
  /** Timeline; 1 until the first promotion. */
  readonly timeline: number;
}

/** A node that returned a level as its own timeline. */
export interface Witness {
  readonly node: string;
  /** Starts of its server while it showed the level, oldest first; empty if the server returns none. */
  readonly starts: readonly string[];
  /** When it was asked the last time that it showed the level, milliseconds of the cluster's clock. */
  readonly askedAt: number;
  /** When that answer came. */
  readonly shownAt: number;
}

/** A timeline that was seen out of recovery. */
export interface Level {
  readonly timeline: number;
  /** The nodes that showed it; none if the user accepted it before any node did. */
  readonly witnesses: readonly Witness[];
  /** Whether a discovery that holds a lease has named a node on it. */
  readonly confirmed: boolean;
  /** When the user accepted it as the floor, milliseconds of the cluster's clock; `undefined` if not. */
  readonly acceptedAt: number | undefined;
}

/**
 * The levels of each system that was seen, highest first; under `''` those of nodes that return no system
 * identifier. The first one is the floor of its system.
 */
export type Levels = Readonly<Record<string, readonly Level[]>>;

/**
 * A node that showed a level above an epoch that was accepted since. Its claims between the two are void, until
 * its data are of no later timeline than the accepted one.
 */
export interface GivenUp {
  readonly node: string;
  readonly systemIdentifier: string;
  /** The accepted timeline. */
  readonly accepted: number;
  /** The floor before. */
  readonly floor: number;
}

/** An epoch that the operator wrote into the database of a primary, and what became of it. */
export interface Acceptance {
  /** Name of the node that has it. */
  readonly node: string;
  /** As it is written there. */
  readonly value: string;
  /** The epoch that was accepted; `undefined` if it was refused. */
  readonly epoch: Epoch | undefined;
  /** The floor before. */
  readonly from: number;
  /** Why it was refused, in plain words; `undefined` if it was not. */
  readonly reason: string | undefined;
}

/** A primary works, but the floor keeps writes from it, and no other node can take them. */
export interface BarredWrites {
  readonly systemIdentifier: string | undefined;
  /** The floor. */
  readonly floor: number;
  /** Names of the nodes that showed the floor. */
  readonly witnesses: readonly string[];
  /** Names of the primaries below the floor that could take writes. */
  readonly barred: readonly string[];
  /** What has to happen before the floor is withdrawn, in plain words, one sentence each. */
  readonly missing: readonly string[];
  /**
   * The primary that a discovery with a lease names, and since when it has named no other, although the floor is
   * above it; `undefined` if it names none of them.
   */
  readonly named: { readonly primary: string; readonly since: number } | undefined;
  /** How far the withdrawal has come; `undefined` while no primary qualifies. */
  readonly progress: Progress | undefined;
}

/** How far the withdrawal of the floor has come. */
export interface Progress {
  /** Name of the primary that would get the writes. */
  readonly primary: string;
  /** Generation of that node: a new life begins anew. */
  readonly generation: number;
  /** Where the log of the primary stood, oldest first. */
  readonly positions: readonly { readonly at: number; readonly lsn: Lsn }[];
  /** How each witness follows the primary, by name. */
  readonly streams: Readonly<Record<string, Stream>>;
  /** Since when nothing has been missing but time, milliseconds of the cluster's clock. */
  readonly heldSince: number | undefined;
}

/** How one witness follows the primary. */
export interface Stream {
  /** Comparisons in a row, each at least a second after the one before, in which it kept step. */
  readonly rounds: number;
  readonly roundAt: number | undefined;
  /** A position of the witness that a later position of the primary has to be compared with. */
  readonly sample: { readonly askedAt: number; readonly seenAt: number; readonly lsn: Lsn } | undefined;
}

/** A floor that fell because all its witnesses have come back. */
export interface WithdrawnFloor {
  readonly systemIdentifier: string;
  readonly from: number;
  /** The floor since then. */
  readonly to: number;
  /** Name of the primary that may be written to now. */
  readonly primary: string;
  /** What made it fall: its witnesses have come back, or a discovery with a lease names the primary. */
  readonly by: 'witnesses' | 'authority';
  /** Names of the nodes that had shown the level. */
  readonly witnesses: readonly string[];
}

/**
 * Several nodes of one system are out of recovery, or one is above the others while the node that was written to
 * is not known to have left; and a discovery that holds a lease says which of them leads.
 */
export interface Contest {
  /** The claims, as node, start of its server and timeline: another set is another contest. */
  readonly claims: readonly string[];
  /** Names of the nodes that claim. */
  readonly claimants: readonly string[];
  /** When the last of the claims was seen: earlier questions do not count. Milliseconds of the cluster's clock. */
  readonly since: number;
  /**
   * `open` until the first answer: none of the nodes is written to. `decided`: only `holder` may be.
   * `unanswered`: nothing came, or it said nothing; the highest timeline counts, as without a discovery.
   */
  readonly state: 'open' | 'decided' | 'unanswered';
  /** Name of the node that leads, according to the discovery. */
  readonly holder: string | undefined;
  /** What was answered last, by endpoint: the name of the leader, or `nobody`. */
  readonly answers: Readonly<Record<string, string>>;
}
