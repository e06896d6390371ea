import type { LedgerEntry } from './ledger.ts';
import { WAKING_MS } from './observer.ts';
import { type CallRecord, codeOf } from './workload.ts';
import type { World } from './world.ts';

/** How late a call may be told that its time is over, milliseconds. */
const TOLERANCE_MS = 50;
/** How much later a write may be, whose answer is awaited to learn whether it was executed, milliseconds. */
const CONFIRM_MS = 1_000;

/** Codes that do not say whether it was done. */
const SAYS_NOTHING: ReadonlySet<string> = new Set([
  'PGHERD_OUTCOME_UNKNOWN',
  'PGHERD_TIMEOUT',
  'PGHERD_ABORTED',
]);

/** The latest moment at which a call with this deadline must have settled; our own stalls are not its fault. */
export function latestEnd(deadline: number, world: World): number {
  let latest = deadline + TOLERANCE_MS;
  for (const { from, until } of world.stalls)
    if (from <= latest) latest = Math.max(latest, until + TOLERANCE_MS);
  return latest;
}

/** What is wrong with how a call ended, if anything. */
export function judgeEnd(
  call: CallRecord,
  world: World,
  writableSince: number | undefined,
): string | undefined {
  const now = world.loop.now;
  const confirms = CONFIRMED.has(call.kind) ? CONFIRM_MS : 0;
  if (call.deadline !== undefined && now > latestEnd(call.deadline + confirms, world)) {
    return `call ${call.name} ends ${Math.round(now - call.deadline)} ms after its deadline`;
  }
  const code = codeOf(call.error);
  const stalled = world.stalls.some(({ until }) => now - until < WAKING_MS);
  const waiting = code === 'PGHERD_NO_SUITABLE_NODE' && WRITING.has(call.kind) && !stalled;
  if (waiting && writableSince !== undefined && now - writableSince > WAKING_MS) {
    const gaveNone = call.error instanceof Error && call.error.message.includes('gave no connection');
    if (!gaveNone) return `call ${call.name} found no node, though one has been there since ${writableSince}`;
  }
  if (code === '42601') return `call ${call.name} used a text that no server of the simulation knows`;
  return undefined;
}

const WRITING: ReadonlySet<string> = new Set([
  'write',
  'idempotent-write',
  'transaction',
  'begin-commit',
  'lease',
]);

/** What may have written when its time is over: also a `select` by a verb that may write, since it may call any function. */
const CONFIRMED: ReadonlySet<string> = new Set(['write', 'lease', 'read-primary']);

/** What the books say at the end, when nothing is on its way any more. */
export function audit(
  calls: readonly CallRecord[],
  world: World,
  truth: { has(write: string): boolean },
): string[] {
  const wrong: string[] = [];
  const durable = world.scenario.mode === 'careful-sync' || world.scenario.mode === 'calm';
  for (const call of calls) {
    for (const write of call.writes) {
      if (write.executed.length > 1 && !write.idempotent) wrong.push(executedTwice(write));
      if (write.acknowledgedAt !== undefined && write.executed.length === 0) {
        wrong.push(`write ${write.id} was acknowledged and never executed`);
      }
      if (durable && write.acknowledgedAt !== undefined && !truth.has(write.id)) {
        wrong.push(`write ${write.id} was acknowledged and is lost`);
      }
    }
    const done = call.writes.filter((write) => write.executed.length > 0);
    if (done.length > 0 && done.length < call.writes.length) wrong.push(`call ${call.name} is done by half`);
    if (done.length > 0 && deniesExecution(call)) {
      wrong.push(`call ${call.name} failed with "${codeOf(call.error)}", which denies what was executed`);
    }
    const own = call.refusals.filter((code) => code === '25006').length;
    // Each run may have met a server that could not be written to any more at that very moment.
    if (own > Math.max(2, 1 + call.losses))
      wrong.push(`call ${call.name} was refused by its own doing and run ${own} times`);
  }
  return wrong;
}

function executedTwice(write: LedgerEntry): string {
  const where = write.executed
    .map(({ server, timeline }) => `${server} on timeline ${timeline}`)
    .join(' and ');
  return `write ${write.id} was executed ${write.executed.length} times: ${where}`;
}

/** Whether the caller was told that nothing was done. */
function deniesExecution(call: CallRecord): boolean {
  if (call.error === undefined) return false;
  const code = codeOf(call.error);
  if (SAYS_NOTHING.has(code)) return false;
  // On a lease the driver's error is passed on as it is; only a server's answer says that nothing was done.
  if (call.kind === 'lease') return /^[0-9A-Z]{5}$/.test(code) || code.startsWith('PGHERD_');
  return call.kind !== 'idempotent-write';
}
