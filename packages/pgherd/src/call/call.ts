import { invalidArgument, type PgHerdError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { type Access, type Role, TARGETS, type Target } from '../model/names.ts';
import type { Demand } from '../routing/select.ts';
import { type Deadline, deadlineAfter } from '../time/deadline.ts';
import type { Random } from '../time/port.ts';
import type { CausalScope } from './causal-scope.ts';
import { assertLimits } from './limits.ts';

/** The nodes that a call may use. */
export interface RoutingOptions {
  /** Default: the cluster's `target`, `read-write` unless set. */
  readonly target?: Target | undefined;
  /** Target to fall back to if no node suits. Default: none. */
  readonly fallback?: Target | undefined;
  /** Only this node, by name (`host:port`). */
  readonly node?: string | undefined;
  /** Only nodes that have all of these tags. Default: any. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /**
   * Largest lag of a standby, ms; unknown lag does not pass; `Infinity` for none. Default: the cluster's
   * `lag.maxMs`.
   */
  readonly maxLagMs?: number | undefined;
  /**
   * Largest lag of a standby, bytes; unknown lag does not pass; `Infinity` for none. Default: the cluster's
   * `lag.maxBytes`.
   */
  readonly maxLagBytes?: number | undefined;
  /**
   * Whether a standby beyond the limits serves if no other node can. Default: the cluster's `lag.allowStale`.
   */
  readonly allowStale?: boolean | undefined;
  /** Probability, 0 to 1, that the primary counts as a standby; with 1 it always does. Default 0. */
  readonly primaryReadWeight?: number | undefined;
}

/** Tags of a comment by their names; a function is asked for each statement. */
export type CommentTags = Readonly<Record<string, string | (() => string | undefined)>>;

/** Options of a single call. */
export interface CallOptions extends RoutingOptions {
  /** Longest duration of the call, all waits and attempts included, ms. Default: the cluster's. */
  readonly timeoutMs?: number | undefined;
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Token of `db.token()`: reads that may use a standby see the writes before it. Default: inside
   * `db.causal(fn)` its own writes, else none.
   */
  readonly after?: string | undefined;
  /**
   * Settings for this statement only, such as `{ 'app.user_id': '7' }` for row-level security: sent with it in
   * one flight. For single statements, batches and transactions; other verbs refuse them. Those of a call are
   * added to those of `with`. Default: none.
   */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined;
  /**
   * Whether a single read is sent to a second node as well if its answer takes longer than usual; the first answer counts. Has no effect
   * on writes, on texts that call functions of which nothing is known, and where only one node suits. Default: the cluster's `hedge`.
   */
  readonly hedge?: boolean | undefined;
  /**
   * Tags for a comment behind the SQL, in the form of sqlcommenter, such as `{ route: '/orders' }`; those of a call are added to those of `with`.
   * A function is asked for each statement and may return `undefined`; what it returns is not sent with prepared statements, which it
   * would cost. Default: none.
   */
  readonly comment?: CommentTags | undefined;
  /** Running it twice does no harm: it is run again even if its outcome is unknown. Default `false`. */
  readonly idempotent?: boolean | undefined;
}

/** One call in progress: what it needs and how long it may take. */
export interface Call {
  readonly demand: Demand;
  /** Whether its connections may write; where {@link writesOnPrimary} is set, on a standby. See {@link accessOn}. */
  readonly access: Access;
  /** Whether its connections may write wherever the node is no standby. Default `false`. */
  readonly writesOnPrimary?: boolean | undefined;
  readonly deadline: Deadline;
  readonly signal: AbortSignal | undefined;
  readonly idempotent: boolean;
  readonly startedAt: number;
  /** Token of the writes that it must see, as the caller passed it. */
  readonly after: string | undefined;
  /** Whether it was narrowed to nodes that show these writes. */
  readonly routed?: boolean | undefined;
  /** Whether it is hedged. Default: the cluster's. */
  readonly hedge?: boolean | undefined;
  /** Scope whose reads must see its writes. */
  readonly scope?: CausalScope | undefined;
  /** Tags for a comment behind its statements. */
  readonly comment?: CommentTags | undefined;
  /** Notes where and when it is sent. Absent unless something watches it. */
  readonly record?: CallRecord | undefined;
}

/** Notes of a call that is watched. */
export interface CallRecord {
  /** It was sent, or has its connection for that; `shared`: with others. */
  sent(node: string, now: number, shared: boolean): void;
}

/** What a call has found while it looks for a session. */
export interface Search {
  /** When it began, and when it times out, milliseconds of the cluster's clock. */
  readonly startedAt: number;
  readonly deadline: number;
  /** Nodes whose pool has just failed to connect. */
  readonly avoid: Set<string>;
  /** Why a node gave no connection, by its name. */
  readonly refusals: Map<string, string>;
  /** Set if the caller itself holds all connections of a node. */
  deadlock?: PgHerdError | undefined;
}

/** Defaults that a call inherits from its cluster. */
export interface CallDefaults {
  readonly target: Target;
  readonly timeoutMs: number | undefined;
}

/** The options of calls, checked, and what follows from them; it serves any number of calls. */
export interface PreparedCall {
  /** Frozen, so that it is recognised by its identity. */
  readonly demand: Demand;
  /** The same for calls in which the primary counts as a standby. */
  readonly demandWithPrimary: Demand;
  readonly primaryReadWeight: number;
  readonly access: Access;
  readonly writesOnPrimary: boolean;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly idempotent: boolean;
  readonly after: string | undefined;
  readonly hedge: boolean | undefined;
  readonly comment: CommentTags | undefined;
}

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an invalid option. */
export function prepareCall(options: CallOptions, defaults: CallDefaults): PreparedCall {
  const target = options.target ?? defaults.target;
  assertLimits(options);
  assertRouting(options);
  const writes = target === 'read-write' || target === 'primary';
  const {
    fallback,
    node,
    maxLagMs,
    maxLagBytes,
    allowStale,
    signal,
    idempotent = false,
    after,
    hedge,
  } = options;
  assertComment(options.comment);
  if (hedge !== undefined && typeof hedge !== 'boolean')
    throw invalidArgument('hedge', hedge, 'true or false');
  // The caller's own may change later.
  const tags = options.tags === undefined ? undefined : Object.freeze({ ...options.tags });
  const demand = Object.freeze({
    target,
    fallback,
    node,
    tags,
    maxLagMs,
    maxLagBytes,
    allowStale,
    primaryReads: false,
  });
  return {
    demand,
    demandWithPrimary: Object.freeze({ ...demand, primaryReads: true }),
    primaryReadWeight: options.primaryReadWeight ?? 0,
    access: writes ? 'read-write' : 'read-only',
    // As libpq reads the word in a connection string: any node, and what it can do. A call that asks for it is a read.
    writesOnPrimary: options.target === undefined && target === 'any',
    timeoutMs: options.timeoutMs ?? defaults.timeoutMs,
    signal,
    idempotent,
    after,
    hedge,
    comment: options.comment,
  };
}

/** Starts the clock of a call, of which `record` takes notes if it is watched. */
export function beginCall(prepared: PreparedCall, now: number, random: Random, record?: CallRecord): Call {
  const { demand, demandWithPrimary, primaryReadWeight: weight, access, timeoutMs } = prepared;
  const call: Call = {
    demand: weight > 0 && random.next() < weight ? demandWithPrimary : demand,
    access,
    writesOnPrimary: prepared.writesOnPrimary,
    deadline: deadlineAfter(now, timeoutMs),
    signal: prepared.signal,
    idempotent: prepared.idempotent,
    startedAt: now,
    after: prepared.after,
    // Always there: calls of two forms would slow down everything that reads them.
    record,
  };
  // Nearly no call says so, and each property of a call costs.
  const { hedge, comment } = prepared;
  return hedge === undefined && comment === undefined ? call : { ...call, hedge, comment };
}

/** Whether the connections of a call may write on a node of this role; `undefined` for one that has left. */
export function accessOn(role: Role | undefined, call: Pick<Call, 'access' | 'writesOnPrimary'>): Access {
  const isPrimary = role === 'primary' || role === 'primary-read-only';
  return call.writesOnPrimary === true && isPrimary ? 'read-write' : call.access;
}

/** Whether the call may write on some node. */
export function mayWrite({ access, writesOnPrimary }: Pick<Call, 'access' | 'writesOnPrimary'>): boolean {
  return access === 'read-write' || writesOnPrimary === true;
}

/** Of a call without options of its own. */
export const NO_OPTIONS: CallOptions = Object.freeze({});

/** Whether any option of a call is given; an object may have other properties, such as the text of a statement. */
export function hasCallOptions(options: CallOptions): boolean {
  // Nearly every call; and by name each property is found faster than in a loop.
  if (options === NO_OPTIONS) return false;
  const { target, fallback, node, tags, maxLagMs, maxLagBytes, allowStale } = options;
  if (target !== undefined || fallback !== undefined || node !== undefined || tags !== undefined) return true;
  if (maxLagMs !== undefined || maxLagBytes !== undefined || allowStale !== undefined) return true;
  const { primaryReadWeight, timeoutMs, signal, after, settings, idempotent } = options;
  if (primaryReadWeight !== undefined || timeoutMs !== undefined || signal !== undefined) return true;
  if (options.hedge !== undefined || options.comment !== undefined) return true;
  return after !== undefined || settings !== undefined || idempotent !== undefined;
}

/** An unknown target must not mean "any", nor an invalid limit "none". */
function assertRouting(options: RoutingOptions): void {
  const { target, fallback, node, tags, maxLagMs, maxLagBytes, allowStale, primaryReadWeight } = options;
  assertTarget('target', target);
  assertTarget('fallback', fallback);
  if (node !== undefined && (typeof node !== 'string' || node === ''))
    throw invalidArgument('node', node, 'the name of a node, host:port');
  assertLimit('maxLagMs', maxLagMs);
  assertLimit('maxLagBytes', maxLagBytes);
  if (allowStale !== undefined && typeof allowStale !== 'boolean')
    throw invalidArgument('allowStale', allowStale, 'true or false');
  if (primaryReadWeight !== undefined && !(isNumber(primaryReadWeight) && primaryReadWeight <= 1))
    throw invalidArgument('primaryReadWeight', primaryReadWeight, 'between 0 and 1');
  if (tags !== undefined) assertTags(tags);
}

function assertTarget(name: string, value: Target | undefined): void {
  if (value !== undefined && !TARGETS.includes(value))
    throw invalidArgument(name, value, `one of ${TARGETS.join(', ')}`);
}

function assertLimit(name: string, value: unknown): void {
  if (value !== undefined && !isNumber(value)) throw invalidArgument(name, value, 'a number, at least 0');
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

function assertTags(tags: unknown): void {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags))
    throw invalidArgument('tags', tags, 'an object of strings, as in { disk: "fast" }');
  for (const [name, value] of Object.entries(tags)) {
    if (typeof value !== 'string') throw invalidArgument(`tags.${name}`, value, 'a string');
  }
}

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` */
export function assertComment(tags: unknown): void {
  if (tags === undefined) return;
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags))
    throw invalidArgument('comment', quoted(tags), "an object of tags, as in { route: '/orders' }");
  for (const [name, tag] of Object.entries(tags)) {
    if (typeof tag !== 'string' && typeof tag !== 'function')
      throw invalidArgument(`comment.${name}`, quoted(tag), 'a string, or a function that returns one');
  }
}
