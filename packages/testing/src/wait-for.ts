import { inspect } from 'node:util';
import type { ClusterEventName, ClusterEvents } from 'pgherd';
import { TestClusterError } from './errors.ts';
import { PATIENCE_MS } from './wait.ts';

/** Anything that emits events by name: a cluster of pgherd, an `EventEmitter`. */
export interface EventSource<Name extends string, Event> {
  on(name: Name, listener: (event: Event) => void): unknown;
}

/** A cluster of pgherd, as far as its events go. */
export interface ClusterEventSource {
  on<Name extends ClusterEventName>(name: Name, listener: (event: ClusterEvents[Name]) => void): unknown;
}

/** Which event {@link waitFor} waits for, and how long. */
export interface WaitForOptions<Event> {
  /** Whether it is this event; others of the same name are passed over, and named in the error. Default: the first one counts. */
  readonly where?: ((event: Event) => boolean) | undefined;
  /** How long to wait, milliseconds. Default 60,000. */
  readonly timeoutMs?: number | undefined;
}

/** The events of a cluster of pgherd, to say what came instead. The compiler demands that none is missing. */
const CLUSTER_EVENTS: Readonly<Record<ClusterEventName, true>> = Object.freeze({
  'topology:changed': true,
  'node:role-changed': true,
  'node:health-changed': true,
  'node:standing-changed': true,
  'node:ejected': true,
  'node:readmitted': true,
  'node:several-servers': true,
  'primary:changed': true,
  'cluster:split-brain': true,
  'cluster:foreign': true,
  'cluster:writes-barred': true,
  'cluster:floor-withdrawn': true,
  'cluster:contested': true,
  'cluster:contest-ended': true,
  'cluster:epoch-accepted': true,
  'node:commits-waiting': true,
  'node:added': true,
  'node:removed': true,
  'cluster:replaced': true,
  'discovery:failed': true,
  'discovery:refused': true,
  'connection:opened': true,
  'connection:failed': true,
  'connection:closed': true,
  'connection:condemned': true,
  'statement:cancelled': true,
  'statement:slow': true,
  'server:notice': true,
  'pool:scarce': true,
  'lease:leaked': true,
  'call:retried': true,
  'call:hedged': true,
  'retry:exhausted': true,
  'listen:lost': true,
  'listen:gap': true,
  'cluster:rested': true,
  'cluster:woken': true,
  'cluster:warned': true,
  'cluster:closed': true,
});

/** So many of the events that came instead are shown. */
const MOST_SHOWN = 8;

/**
 * Waits for an event, and returns it. Call it before what leads to the event, and await it afterwards. For a condition instead of an event
 * take `waitUntil`.
 *
 * @throws {@link TestClusterError} when the time is up, with the events that came instead.
 * @example
 * const moved = waitFor(db, 'primary:changed', { where: ({ after }) => after !== undefined });
 * await cluster.failover();
 * const { after } = await moved;
 */
export function waitFor<Name extends ClusterEventName>(
  db: ClusterEventSource,
  name: Name,
  options?: WaitForOptions<ClusterEvents[Name]>,
): Promise<ClusterEvents[Name]>;
export function waitFor<Name extends string, Event>(
  source: EventSource<Name, Event>,
  name: Name,
  options?: WaitForOptions<Event>,
): Promise<Event>;
export function waitFor<Name extends string, Event>(
  source: EventSource<Name, Event>,
  name: Name,
  options: WaitForOptions<Event> = {},
): Promise<Event> {
  const { where, timeoutMs = PATIENCE_MS } = options;
  const instead: string[] = [];
  const subscriptions: (() => void)[] = [];
  const waiting = new Promise<Event>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new TestClusterError(tooLate(name, timeoutMs, instead))),
      timeoutMs,
    );
    subscriptions.push(() => clearTimeout(timer));
    const arrived = (event: Event): void => {
      try {
        if (where === undefined || where(event)) resolve(event);
        else instead.push(`${name} ${shown(event)}`);
      } catch (error) {
        reject(error);
      }
    };
    subscriptions.push(subscribe(source, name, arrived));
    for (const other of othersOf(source, name)) {
      subscriptions.push(subscribe(source, other, (event) => instead.push(`${other} ${shown(event)}`)));
    }
  }).finally(() => {
    for (const end of subscriptions) end();
  });
  // It is awaited only after what leads to the event, which may take longer.
  waiting.catch(() => {});
  return waiting;
}

/** Events besides the one that is waited for: those of a cluster of pgherd, which is known by its picture of the nodes. */
function othersOf<Name extends string>(source: object, name: Name): Name[] {
  if (!('topology' in source && 'explainTarget' in source)) return [];
  return (Object.keys(CLUSTER_EVENTS) as Name[]).filter((other) => other !== name);
}

function subscribe<Name extends string, Event>(
  source: EventSource<Name, Event>,
  name: Name,
  listener: (event: Event) => void,
): () => void {
  const end = source.on(name, listener);
  if (typeof end === 'function') return () => void end();
  if ('off' in source && typeof source.off === 'function') {
    const { off } = source;
    return () => void off.call(source, name, listener);
  }
  return () => {};
}

function shown(event: unknown): string {
  return inspect(event, { depth: 1, breakLength: Number.POSITIVE_INFINITY }).slice(0, 160);
}

function tooLate(name: string, timeoutMs: number, instead: readonly string[]): string {
  const waited = `Waited ${timeoutMs} ms for the event ${name}`;
  if (instead.length === 0) return `${waited}; no other event came.`;
  const left = instead.length - MOST_SHOWN;
  const before = left > 0 ? `${left} events before, then ` : '';
  return `${waited}; what came instead: ${before}${instead.slice(-MOST_SHOWN).join('; ')}.`;
}
