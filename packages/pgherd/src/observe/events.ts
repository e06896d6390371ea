import type { Health, Role, Standing } from '../model/names.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { ErrorKind } from '../retry/rules.ts';

/** Every event, by name, with the argument of its listeners. Names are `noun:verb`. */
export interface ClusterEvents {
  /** The picture changed in a way that can change the selection of nodes. */
  'topology:changed': { readonly before: TopologyDescription; readonly after: TopologyDescription };
  /** A node has another role, or its role is unknown now. */
  'node:role-changed': { readonly node: string; readonly before: Role; readonly after: Role };
  /** A node became `ok`, `suspect` or `offline`; `reason` says why it is not `ok`. */
  'node:health-changed': {
    readonly node: string;
    readonly before: Health;
    readonly after: Health;
    readonly reason: string | undefined;
  };
  /** A node is believed again, or no longer; `reason` says why it is not `current`. */
  'node:standing-changed': {
    readonly node: string;
    readonly before: Standing;
    readonly after: Standing;
    readonly reason: string | undefined;
  };
  /**
   * Reads avoid a node for so many milliseconds, since it fails or is slow where the others are not (option `eject`); `reason` says with
   * which figures.
   */
  'node:ejected': { readonly node: string; readonly reason: string; readonly forMs: number };
  /** The ejection of a node is over. */
  'node:readmitted': { readonly node: string };
  /**
   * New connections to the address of a node lead now to one server and now to another (`servers`, at least two), as behind a balancer; or
   * to one again (`servers` is 1). While there are several, the node gets no causal reads and none with a limit of lag, and if
   * `barsWrites` no writes.
   */
  'node:several-servers': {
    readonly node: string;
    readonly servers: number;
    readonly barsWrites: boolean;
  };
  /** Writes go to another node, or to none: then they wait. */
  'primary:changed': {
    readonly before: string | undefined;
    readonly after: string | undefined;
    readonly timeline: number | undefined;
  };
  /** Several servers claim to be the primary of one timeline. */
  'cluster:split-brain': { readonly nodes: readonly string[]; readonly timeline: number | undefined };
  /** Primaries of different clusters answer; writes are refused until one of them is pinned or removed. */
  'cluster:foreign': { readonly systemIdentifiers: readonly string[] };
  /**
   * A primary works, but a higher timeline was seen out of recovery (the floor), so that it gets no writes,
   * and no other node can take them. `missing` says what has to happen before the floor is withdrawn. At
   * once, and every 30 s while it lasts.
   */
  'cluster:writes-barred': {
    readonly floor: number;
    /** Nodes that showed the floor. */
    readonly witnesses: readonly string[];
    /** Primaries below the floor that could take writes. */
    readonly barred: readonly string[];
    readonly missing: readonly string[];
    readonly since: Date;
    /** Calls that wait for a node now. */
    readonly callsWaiting: number;
  };
  /** The nodes that showed the floor follow `primary` again: it gets writes, on the lower timeline `to`. */
  'cluster:floor-withdrawn': {
    readonly systemIdentifier: string;
    readonly from: number;
    readonly to: number;
    readonly primary: string;
    /** `authority`: a discovery that holds a lease has named that primary for 10 s; the nodes need not follow it. */
    readonly by: 'witnesses' | 'authority';
    readonly witnesses: readonly string[];
  };
  /**
   * Several nodes claim to be the primary, and a discovery that holds a lease was asked which of them leads: once
   * it has answered or failed to, whenever that changes, and every 30 s, then ever less often, while it lasts.
   */
  'cluster:contested': {
    readonly claimants: readonly string[];
    /** The node that leads; `undefined` if the discovery names none: then the highest timeline counts. */
    readonly holder: string | undefined;
    /** What was answered, by endpoint: the leader, or `nobody`. */
    readonly answers: Readonly<Record<string, string>>;
  };
  /** The claims do not compete any more. */
  'cluster:contest-ended': { readonly claimants: readonly string[] };
  /**
   * An epoch below the floor was accepted: by `db.acceptEpoch`, or because the operator wrote it into the
   * database of the primary (`pgherd.accept_epoch`).
   */
  'cluster:epoch-accepted': {
    readonly by: 'call' | 'database';
    /** Node whose database has it; `undefined` for a call. */
    readonly node: string | undefined;
    /** As it is written there; `undefined` for a call. */
    readonly value: string | undefined;
    /** The floor before; `undefined` if there was none. */
    readonly from: number | undefined;
    /** The accepted timeline. */
    readonly to: number;
  };
  /**
   * Commits on a primary wait for more than 1 s for a synchronous standby that does not confirm them (`SyncRep`), or do so no longer:
   * `sessions` is 0 then. Of the sessions of this role.
   */
  'node:commits-waiting': {
    readonly node: string;
    readonly sessions: number;
    /** How long the first of them had waited, milliseconds. */
    readonly waitedMs: number;
    /** `synchronous_standby_names` of the server; `undefined` once they do not wait any more. */
    readonly standbyNames: string | undefined;
  };
  /** A node was added to the list by discovery. */
  'node:added': { readonly node: string };
  /** A node is no longer on the list of discovery; its connections are drained within `drainMs`. */
  'node:removed': { readonly node: string };
  /**
   * Every node has been of another system for `identityGraceMs`; `adopted` says whether that one is believed
   * now.
   */
  'cluster:replaced': { readonly before: string; readonly after: string; readonly adopted: boolean };
  /** Discovery returned no list of nodes, or an invalid one; the last valid list stays in force. */
  'discovery:failed': { readonly discovery: string; readonly error: unknown };
  /**
   * Discovery named a node that `allowDiscovered` does not cover: it is never dialled. Once for each node, as
   * long as it stays on the list.
   */
  'discovery:refused': { readonly discovery: string; readonly node: string; readonly reason: string };
  /** A connection of a pool was opened, the login included. */
  'connection:opened': { readonly node: string; readonly durationMs: number };
  /** A connection of a pool could not be opened. */
  'connection:failed': { readonly node: string; readonly error: unknown };
  /** A connection of a pool was closed, by pgherd or by the other side. */
  'connection:closed': { readonly node: string; readonly reason: string };
  /**
   * A connection waited for an answer that cannot come, since its server waits for us: what was sent, or answered, was lost on the way.
   * Its backend was ended, and the work on it ends as after any loss of a connection.
   */
  'connection:condemned': {
    readonly node: string;
    /** Process ID of the backend. */
    readonly pid: number;
    /** State of the backend in `pg_stat_activity`; `gone` if there was none any more. */
    readonly state: 'idle' | 'idle in transaction' | 'idle in transaction (aborted)' | 'active' | 'gone';
    /** For how long the backend had been in that state, milliseconds. */
    readonly waitedMs: number;
  };
  /**
   * A call timed out or was aborted, and its statement was cancelled on the server. `ended` says whether it
   * ended there; if not, its connection was destroyed and the statement may go on.
   */
  'statement:cancelled': { readonly node: string; readonly ended: boolean; readonly durationMs: number };
  /** A statement took at least as long as the option `slowQueryMs` says. Times are milliseconds; values are never shown. */
  'statement:slow': {
    /** The SQL; of a batch its first statement. */
    readonly text: string;
    readonly verb: 'query' | 'batch' | 'stream' | 'copyFrom' | 'copyTo' | 'script';
    readonly scope: 'cluster' | 'transaction' | 'lease';
    /** The node that it ran on last; `undefined` if it reached none. */
    readonly node: string | undefined;
    readonly durationMs: number;
    /** Until it was first sent: for a node, a connection, its turn. */
    readonly waitedMs: number;
    /** From the first to the last attempt. */
    readonly retriedMs: number;
    /** From the last attempt to the end. */
    readonly ranMs: number;
    readonly attempts: number;
    /** Why it failed; `undefined` if it succeeded. */
    readonly error: unknown;
    /**
     * Asks the node for the plan, without running the statement. For reads only, else absent; with parameters it is the generic plan, which
     * needs PostgreSQL 16.
     */
    plan?: (() => Promise<string>) | undefined;
  };
  /** A session of the application's got a NOTICE, INFO, DEBUG or WARNING from its server. */
  'server:notice': {
    readonly node: string;
    readonly severity: string;
    readonly code: string;
    readonly message: string;
  };
  /**
   * The server is short of connection slots: it refused one to this process, or few were seen to be left. The pool, which holds `held`
   * and may have `max` for now, gives some back and opens new ones slowly. Once until 30 s have passed without a further sign.
   */
  'pool:scarce': {
    readonly node: string;
    readonly held: number;
    readonly max: number;
    readonly by: 'refused' | 'seen';
  };
  /**
   * A connection is held for longer than `pool.leakAfterMs`; `stack` is the place in your program that
   * acquired it.
   */
  'lease:leaked': {
    readonly node: string;
    /** The verb that acquired it: `acquire`, `use`, `begin` or `transaction`. */
    readonly verb: string;
    readonly heldMs: number;
    readonly stack: string;
  };
  /** A call is run again after a failed attempt. */
  'call:retried': {
    /** Node on which it failed; `undefined` if it had reached none. */
    readonly node: string | undefined;
    /** Number of the attempt that begins. */
    readonly attempt: number;
    readonly error: unknown;
    /** Kind of the error, which decides about the retry. */
    readonly kind: ErrorKind;
    /** Pause before the attempt, milliseconds. */
    readonly delayMs: number;
  };
  /**
   * A read took longer than usual and was sent to another node as well (option `hedge`). Emitted when one of the two has answered, or the
   * second has failed.
   */
  'call:hedged': {
    /** Where it was sent first; `undefined` if it still waited for a connection. */
    readonly node: string | undefined;
    readonly other: string;
    /** Time after which it was sent a second time, milliseconds. */
    readonly afterMs: number;
    /** The node that answered first; `undefined` if the second attempt failed, or the call ended before. */
    readonly winner: string | undefined;
  };
  /** A call was not run again although its error allows it: the cluster's `retry.budget` is used up. */
  'retry:exhausted': { readonly node: string | undefined; readonly error: unknown };
  /** The connection that listens for notifications is lost; another one is being opened. */
  'listen:lost': { readonly node: string; readonly reason: string };
  /**
   * A channel is listened to again; notifications sent from `from` to `to` may be lost. Once for each
   * channel.
   */
  'listen:gap': {
    readonly channel: string;
    readonly from: Date;
    readonly to: Date;
    readonly reason: string;
    readonly node: string;
  };
  /**
   * Nothing was asked of the cluster for `restAfterMs`: it closes its connections and watches no node until it is used again. What is known
   * of the nodes is forgotten; the events about that follow, and are not logged.
   */
  'cluster:rested': {
    /** How long nothing had gone on, milliseconds. */
    readonly idleMs: number;
  };
  /** A cluster that rested is used again: its nodes are asked as at the start. */
  'cluster:woken': { readonly restedMs: number };
  /** An accepted option has no effect, or deserves attention. */
  'cluster:warned': { readonly message: string };
  /** The last event of a cluster: after `close()`, or after `terminate()`. */
  'cluster:closed': { readonly terminated: boolean };
}

/** Name of an event. */
export type ClusterEventName = keyof ClusterEvents;
