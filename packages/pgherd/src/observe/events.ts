import type { Health, Role, Standing } from '../model/names.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { ErrorKind } from '../retry/rules.ts';

/** Every event, by name, with what its listeners get. Names are `noun:verb`. */
export interface ClusterEvents {
  /** Something that routing depends on has changed. */
  'topology:changed': { readonly before: TopologyDescription; readonly after: TopologyDescription };
  'node:role-changed': { readonly node: string; readonly before: Role; readonly after: Role };
  'node:health-changed': {
    readonly node: string;
    readonly before: Health;
    readonly after: Health;
    readonly reason: string | undefined;
  };
  'node:standing-changed': {
    readonly node: string;
    readonly before: Standing;
    readonly after: Standing;
    readonly reason: string | undefined;
  };
  /** Writes go to another node, or to none for now. */
  'primary:changed': {
    readonly before: string | undefined;
    readonly after: string | undefined;
    readonly timeline: number | undefined;
  };
  /** Several servers claim to be the primary of one timeline. */
  'cluster:split-brain': { readonly nodes: readonly string[]; readonly timeline: number | undefined };
  /** Primaries of different clusters answer; writes are refused. */
  'cluster:foreign': { readonly systemIdentifiers: readonly string[] };
  /** A node was added to the list by discovery. */
  'node:added': { readonly node: string };
  /** A node is no longer on the list of discovery; its connections are drained. */
  'node:removed': { readonly node: string };
  /** Every node is of another system than this cluster was, for `identityGraceMs`; `adopted` says whether it is believed now. */
  'cluster:replaced': { readonly before: string; readonly after: string; readonly adopted: boolean };
  /** A list of nodes could not be had, or could not be used; the last good one stays. */
  'discovery:failed': { readonly discovery: string; readonly error: unknown };
  'connection:opened': { readonly node: string; readonly durationMs: number };
  'connection:failed': { readonly node: string; readonly error: unknown };
  'connection:closed': { readonly node: string; readonly reason: string };
  /**
   * A caller gave up, and its statement was to be cancelled on the server: `ended` says whether it ended; else its connection was
   * destroyed and it may go on there.
   */
  'statement:cancelled': { readonly node: string; readonly ended: boolean; readonly durationMs: number };
  /** A connection is held for longer than `pool.leakAfterMs`; `stack` is where in your program it was taken. */
  'lease:leaked': {
    readonly node: string;
    /** The verb that gave it: `acquire`, `use`, `begin` or `transaction`. */
    readonly verb: string;
    readonly heldMs: number;
    readonly stack: string;
  };
  /** A call is run again. */
  'call:retried': {
    /** Where it failed. */
    readonly node: string | undefined;
    /** Number of the attempt that begins. */
    readonly attempt: number;
    readonly error: unknown;
    /** What the error means. */
    readonly kind: ErrorKind;
    /** The pause before it, ms. */
    readonly delayMs: number;
  };
  /** A call was not run again although it might have been: the cluster's `retry.budget` is used up. */
  'retry:exhausted': { readonly node: string | undefined; readonly error: unknown };
  /** The connection that listens for notifications is lost; another one is looked for. */
  'listen:lost': { readonly node: string; readonly reason: string };
  /** A channel is listened to again; what was sent to it in between is lost. Once for each channel. */
  'listen:gap': {
    readonly channel: string;
    readonly from: Date;
    readonly to: Date;
    readonly reason: string;
    readonly node: string;
  };
  /** Something that was accepted has no effect, or is worth knowing. */
  'cluster:warned': { readonly message: string };
  'cluster:closed': { readonly terminated: boolean };
}

/** Name of an event. */
export type ClusterEventName = keyof ClusterEvents;
