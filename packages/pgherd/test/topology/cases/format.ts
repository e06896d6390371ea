import type { LeaderAnswers } from '../../../src/floors/contest.ts';
import type { AcceptedEpoch } from '../../../src/model/floors.ts';
import type { Target } from '../../../src/model/names.ts';
import type { Observation } from '../../../src/model/observation.ts';
import type { NodeLabels } from '../../../src/model/topology.ts';
import type { Disposition } from '../../../src/topology/disposition.ts';
import type { TopologySettings } from '../../../src/topology/topology.ts';

/** One line of `see`: something that happens to the picture. */
export type Step =
  /** Evidence; of the node's present life unless the line says of which. */
  | {
      readonly kind: 'observe';
      readonly line: string;
      readonly observation: Observation;
      readonly generation: number | undefined;
    }
  /** A write was handed to the node. */
  | { readonly kind: 'wrote'; readonly line: string; readonly at: number; readonly node: string }
  /** The user declared an epoch to be the one to go on with. */
  | { readonly kind: 'accepts'; readonly line: string; readonly at: number; readonly epoch: AcceptedEpoch }
  /** A discovery that holds a lease was asked who leads. */
  | { readonly kind: 'answers'; readonly line: string; readonly at: number; readonly said: LeaderAnswers }
  /** Discovery told which nodes there are. */
  | {
      readonly kind: 'lists';
      readonly line: string;
      readonly at: number;
      readonly letters: string;
      readonly leader: string | undefined;
      /** Letters of those that may become the primary; `undefined` where the case's labels say so. */
      readonly promotable: string | undefined;
    };

/** What a value of the picture must be: equal, or a text that matches. */
export type Expected =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'match'; readonly pattern: RegExp };

/** Fields of one node, or of the cluster, by name. */
export type ExpectedFields = Readonly<Record<string, Expected>>;

/** What a call asks for, as a key of `serves`: `standby`, `standby maxLagMs=50`. */
export interface AskedFor {
  readonly target: Target;
  readonly fallback: Target | undefined;
  readonly node: string | undefined;
  readonly maxLagMs: number | undefined;
  readonly maxLagBytes: number | undefined;
  readonly allowStale: boolean | undefined;
  readonly primaryReads: boolean | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
}

/** Which nodes serve a demand: tiers of letters, best first, `b a`; none is the empty string. */
export interface ExpectedService {
  readonly key: string;
  readonly asked: AskedFor;
  readonly tiers: string;
}

/** Why a node is not taken for a demand. */
export interface ExpectedRefusal {
  readonly key: string;
  readonly asked: AskedFor;
  readonly node: string;
  readonly reason: Expected;
}

/** What holds after a phase; what is left out is not looked at. */
export interface Expectation {
  readonly nodes: Readonly<Record<string, ExpectedFields>>;
  readonly cluster: ExpectedFields;
  /** Letter of the node that takes writes, `null` for none. */
  readonly writes: string | null | undefined;
  readonly serves: readonly ExpectedService[];
  readonly refused: readonly ExpectedRefusal[];
  /** Everything that listeners are told during the phase, in order. */
  readonly events: readonly string[] | undefined;
  /** By letter, in order, the same again counted once; nodes that are not named keep theirs. */
  readonly connections: Readonly<Record<string, readonly Disposition[]>> | undefined;
  /** Letters of the nodes that a connection is made ready for, because they may be written to soon. */
  readonly prepares: string | undefined;
}

/** Some evidence, and what is then known. */
export interface Phase {
  /** `phase 2`, or `phase 2 "the old primary comes back"`. */
  readonly title: string;
  readonly see: readonly Step[];
  /** Whether the evidence of the phase may come in any order. */
  readonly anyOrder: boolean;
  /** Whether the first write may go out: every node has answered or failed, or the grace period is over. */
  readonly writesOpen: boolean;
  readonly expect: Expectation;
}

/** One story of a cluster. */
export interface TransitionCase {
  readonly name: string;
  /** Letters of the nodes, in the order of the connection string. */
  readonly letters: string;
  /** What is said of the nodes, by letter. */
  readonly labels: Readonly<Record<string, Partial<NodeLabels>>>;
  readonly settings: TopologySettings;
  /** The client's zones, in order of preference. */
  readonly zones: readonly string[];
  /** Whether standbys beyond the limits of lag serve where no other node can. */
  readonly allowStale: boolean;
  /** Why evidence that is delivered twice may count twice here; `undefined` where it may not. */
  readonly once: string | undefined;
  readonly phases: readonly Phase[];
}

/** A file of cases. */
export interface CaseFile {
  readonly file: string;
  readonly about: string;
  readonly cases: readonly TransitionCase[];
}

/** What holds where a case sets nothing else: the product's defaults. */
export const DEFAULTS: TopologySettings = Object.freeze({
  fencing: 'strict',
  withdrawAfterMs: 10_000,
  authority: false,
  deadAfterMs: 5_000,
  expireAfterMs: 10_000,
  systemIdentifier: undefined,
  onClusterReplaced: 'refuse',
  identityGraceMs: 30_000,
  lag: Object.freeze({ maxMs: undefined, maxBytes: undefined }),
  probe: Object.freeze({ intervalMs: 1_000 }),
});

/** The systems that cases speak of, by the names they have there. */
export const SYSTEMS: Readonly<Record<string, string>> = Object.freeze({
  main: '7300000000000000001',
  other: '7300000000000000002',
  third: '7300000000000000003',
});
