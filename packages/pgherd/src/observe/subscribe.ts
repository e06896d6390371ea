import { argumentError, invalidArgument } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { nearest } from '../model/nearest.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import type { ListenOptions } from './emitter.ts';
import type { ClusterEvents } from './events.ts';

const EVENTS = optionNames<ClusterEvents>({
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

const LISTEN_OPTIONS = optionNames<ListenOptions>({ once: true, signal: true });

/**
 * Refuses a subscription that would never hear anything.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function assertSubscription(name: unknown, fn: unknown, options: unknown): void {
  if (typeof name !== 'string' || !EVENTS.has(name)) throw unknownEvent(name);
  if (typeof fn !== 'function') throw invalidArgument('the listener', quoted(fn), 'a function');
  assertOptions('on', options, LISTEN_OPTIONS);
}

function unknownEvent(name: unknown) {
  const near = typeof name === 'string' ? nearest(name, [...EVENTS]) : undefined;
  const remedy = near === undefined ? `there are ${[...EVENTS].join(', ')}` : `did you mean ${near}?`;
  return argumentError(`${quoted(name)} is not an event of a cluster; ${remedy}`, { argument: 'name' });
}
