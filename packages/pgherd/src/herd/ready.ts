import { assertLimits } from '../call/limits.ts';
import { invalidArgument } from '../model/errors.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import { deadlineAfter } from '../time/deadline.ts';
import type { Herd } from './herd.ts';

/** What `ready` waits for. */
export interface Ready {
  /** Primaries that can be written to, 0 or 1. Default 1, or 0 if only `standbys` is given. */
  readonly primaries?: number | undefined;
  /** Standbys that serve reads. Default 0. */
  readonly standbys?: number | undefined;
  /** Longest wait, milliseconds. Default: `waitTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const READY_OPTIONS = optionNames<Ready>({ primaries: true, standbys: true, timeoutMs: true, signal: true });

/**
 * Resolves when as many nodes as wanted serve.
 * @throws PgHerdError `PGHERD_NO_SUITABLE_NODE` after `timeoutMs`, with the state of each node;
 * `PGHERD_INVALID_ARGUMENT`, `PGHERD_CLOSED`, `PGHERD_ABORTED`; at once if every node has a lasting failure.
 */
export async function waitUntilReady(herd: Herd, wanted: Ready): Promise<void> {
  assertOptions('ready', wanted, READY_OPTIONS);
  const { clock, waitTimeoutMs } = herd.settings;
  const standbys = wanted.standbys ?? 0;
  const primaries = wanted.primaries ?? (wanted.standbys === undefined ? 1 : 0);
  assertCount('primaries', primaries);
  if (primaries > 1) throw invalidArgument('primaries', primaries, '0 or 1: a cluster has one primary');
  assertCount('standbys', standbys);
  assertLimits(wanted);
  const startedAt = clock.now();
  const deadline = deadlineAfter(startedAt, wanted.timeoutMs ?? waitTimeoutMs);
  const count = (target: 'read-write' | 'standby' | 'any') => herd.select({ target }).tiers.flat().length;
  for (;;) {
    herd.assertReachable();
    const anyIsEnough = primaries + standbys > 0 || count('any') > 0;
    if (anyIsEnough && count('read-write') >= primaries && count('standby') >= standbys) return;
    if (await herd.changed(deadline, wanted.signal)) continue;
    const target = count('read-write') < primaries ? 'read-write' : 'standby';
    throw herd.noNodeError({ target }, clock.now() - startedAt);
  }
}

function assertCount(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0) return;
  throw invalidArgument(name, value, 'a whole number, at least 0');
}
