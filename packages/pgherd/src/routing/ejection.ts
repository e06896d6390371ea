/** Fewer answers or failures since the last look say nothing about a node. */
const FEWEST = 5;
/** Part of its calls that must have failed on a node for its failures to stand out; and so many times the part on the others. */
const FAILED_SHARE = 0.2;
const FAILED_FACTOR = 4;
/** How many times slower than the others a node must be to stand out, by how many milliseconds, and in how many looks in a row. */
const SLOW_FACTOR = 3;
const SLOW_MS = 20;
const SLOW_LOOKS = 3;
/** Of this many nodes, one may be ejected. */
const NODES_FOR_ONE = 3;

/** How long nodes are ejected, milliseconds. */
export interface EjectionSettings {
  /** The first time; each further time is longer by this. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/** What a node did since the last look. */
export interface NodeSample {
  readonly node: string;
  readonly answered: number;
  /** Failures that are the node's, such as lost connections and timeouts. */
  readonly failed: number;
  /** Smoothed duration of its statements, milliseconds. */
  readonly ewmaMs: number | undefined;
}

/** What is remembered of a node. */
export interface EjectionRecord {
  /** Looks in a row in which it was slow. */
  readonly slowLooks: number;
  /** Recent ejections: each one is longer. */
  readonly times: number;
  /** End of its ejection; `undefined` if it is not ejected. */
  readonly until: number | undefined;
  /** When its last ejection ended, or was last forgiven. */
  readonly goodSince: number;
  /** Why it was ejected, in plain words. */
  readonly reason: string;
}

/** What is remembered of all nodes, by name. */
export type EjectionRecords = ReadonlyMap<string, EjectionRecord>;

/** An ejection that begins, with its duration, or one that has ended. */
export type EjectionChange =
  | { readonly kind: 'ejected'; readonly node: string; readonly reason: string; readonly forMs: number }
  | { readonly kind: 'readmitted'; readonly node: string };

/** What a look led to. */
export interface Judgement {
  readonly records: EjectionRecords;
  readonly changes: readonly EjectionChange[];
}

/**
 * Decides which nodes are ejected: those that fail or take far more than the others, for a time that grows, and of `samples`, one for each
 * node on the list, never more than a third. Pure.
 */
export function judge(
  before: EjectionRecords,
  samples: readonly NodeSample[],
  now: number,
  settings: EjectionSettings,
): Judgement {
  const records = new Map<string, EjectionRecord>();
  const changes: EjectionChange[] = [];
  const standing: { readonly node: string; readonly reason: string; readonly weight: number }[] = [];
  for (const sample of samples) {
    const old = aged(before.get(sample.node) ?? UNSUSPECTED, now, settings);
    if (old.until !== undefined && old.until <= now) changes.push({ kind: 'readmitted', node: sample.node });
    const isOut = old.until !== undefined && old.until > now;
    const others = samples.filter(
      ({ node }) => node !== sample.node && !((before.get(node)?.until ?? 0) > now),
    );
    const slowLooks = isOut ? 0 : slowLooksAfter(old.slowLooks, sample, others);
    records.set(sample.node, { ...old, slowLooks, ...(isOut ? {} : { until: undefined }) });
    if (!isOut) standing.push(...outlier(sample, others, slowLooks));
  }
  let room = Math.floor(samples.length / NODES_FOR_ONE) - [...records.values()].filter(isEjected).length;
  for (const { node, reason } of standing.sort((one, other) => other.weight - one.weight)) {
    const record = records.get(node);
    if (record === undefined || room-- <= 0) break;
    const times = record.times + 1;
    const forMs = Math.min(settings.maxMs, settings.baseMs * times);
    const until = now + forMs;
    records.set(node, { slowLooks: 0, times, until, goodSince: until, reason });
    changes.push({ kind: 'ejected', node, reason, forMs });
  }
  return { records, changes };
}

/** The nodes that are ejected, each with its reason. */
export function ejectedNodes(records: EjectionRecords): ReadonlyMap<string, string> {
  return new Map(
    [...records].filter(([, record]) => isEjected(record)).map(([node, { reason }]) => [node, reason]),
  );
}

function isEjected({ until }: EjectionRecord): boolean {
  return until !== undefined;
}

/** For each `baseMs` without an ejection, one of the earlier ones is forgiven. */
function aged(record: EjectionRecord, now: number, { baseMs }: EjectionSettings): EjectionRecord {
  const { goodSince, times } = record;
  if (times === 0 || now - goodSince < baseMs) return record;
  return { ...record, times: times - 1, goodSince: goodSince + baseMs };
}

function slowLooksAfter(looks: number, sample: NodeSample, others: readonly NodeSample[]): number {
  // What has not been asked much is no faster for it.
  if (sample.answered < FEWEST) return looks;
  return slownessOf(sample, others) === undefined ? 0 : looks + 1;
}

/** The usual duration on the others, if this node is far slower. */
function slownessOf({ ewmaMs }: NodeSample, others: readonly NodeSample[]): number | undefined {
  const durations = others.flatMap((other) => (other.answered < FEWEST ? [] : (other.ewmaMs ?? [])));
  const usualMs = median(durations);
  if (usualMs === undefined || ewmaMs === undefined) return undefined;
  return ewmaMs >= Math.max(SLOW_FACTOR * usualMs, usualMs + SLOW_MS) ? usualMs : undefined;
}

function outlier(
  sample: NodeSample,
  others: readonly NodeSample[],
  slowLooks: number,
): { readonly node: string; readonly reason: string; readonly weight: number }[] {
  const { node, answered, failed, ewmaMs } = sample;
  const share = failed / Math.max(1, answered + failed);
  const elsewhere = shareOf(others);
  if (
    failed >= FEWEST &&
    share >= FAILED_SHARE &&
    elsewhere !== undefined &&
    share >= FAILED_FACTOR * elsewhere
  ) {
    const reason = `${failed} of its ${answered + failed} calls failed within a second`;
    return [{ node, reason, weight: 1 + share }];
  }
  if (slowLooks < SLOW_LOOKS || ewmaMs === undefined) return [];
  const usualMs = slownessOf(sample, others) ?? 0;
  const reason = `its statements take ${Math.round(ewmaMs)} ms, those of the others ${Math.round(usualMs)} ms`;
  return [{ node, reason, weight: 1 - 1 / ewmaMs }];
}

/** Part of the calls that failed on these nodes; `undefined` if they had too few to compare with. */
function shareOf(samples: readonly NodeSample[]): number | undefined {
  const failed = samples.reduce((sum, sample) => sum + sample.failed, 0);
  const all = failed + samples.reduce((sum, sample) => sum + sample.answered, 0);
  return all < FEWEST ? undefined : failed / all;
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

const UNSUSPECTED: EjectionRecord = Object.freeze({
  slowLooks: 0,
  times: 0,
  until: undefined,
  goodSince: Number.NEGATIVE_INFINITY,
  reason: '',
});
