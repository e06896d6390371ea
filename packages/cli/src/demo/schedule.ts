/**
 * What happens in a demo, in this order. `undisturbed` is the time before the first fault, to compare with.
 */
export const EVENT_NAMES = Object.freeze([
  'undisturbed',
  'standby-lost',
  'standby-back',
  'switchover',
  'primary-killed',
  'old-primary-rejoined',
  'primary-frozen',
  'thawed-and-rejoined',
] as const);
/** One of {@link EVENT_NAMES}. */
export type EventName = (typeof EVENT_NAMES)[number];

/** The words for an event in the output. */
export interface EventWords {
  /** Fits into a table. */
  readonly title: string;
  /** One sentence of what is done to the servers. */
  readonly sentence: string;
}

/** Title and sentence of every event. */
export const EVENT_WORDS: Readonly<Record<EventName, EventWords>> = Object.freeze({
  undisturbed: { title: 'undisturbed', sentence: 'Nothing happens yet.' },
  'standby-lost': { title: 'standby lost', sentence: 'A standby is killed (SIGKILL).' },
  'standby-back': { title: 'standby back', sentence: 'The standby is started again.' },
  switchover: { title: 'switchover', sentence: 'The primary hands its role to a standby, as planned.' },
  'primary-killed': {
    title: 'primary killed',
    sentence: 'The primary is killed (SIGKILL); a standby is promoted.',
  },
  'old-primary-rejoined': {
    title: 'old primary rejoined',
    sentence: 'The killed primary comes back as a standby.',
  },
  'primary-frozen': {
    title: 'primary frozen',
    sentence: 'The primary is frozen (SIGSTOP), its sockets stay open; a standby is promoted.',
  },
  'thawed-and-rejoined': {
    title: 'thawed and rejoined',
    sentence: 'The frozen primary wakes up, believes to be primary, and rejoins as a standby.',
  },
});

/** An event and when it is due, milliseconds since the workload began. */
export interface PlannedEvent {
  readonly name: EventName;
  readonly atMs: number;
}

/** What is to happen when. */
export interface Schedule {
  /** In the order of time; the first one is `undisturbed` at 0. */
  readonly events: readonly PlannedEvent[];
  /** When the workload ends, milliseconds since it began. */
  readonly durationMs: number;
  /** How long after its loss a primary is replaced, milliseconds. */
  readonly promoteAfterMs: number;
  /** How long the thawed primary is left alone before it rejoins, milliseconds. */
  readonly strayMs: number;
}

/**
 * Shortest and longest demo, seconds. A rejoin copies a whole server: below 20 s the events would run into
 * each other.
 */
export const SECONDS = Object.freeze({ min: 20, max: 3_600, usual: 60 });

/** Where each event stands, as a part of the whole duration. */
const SHARES: Readonly<Record<EventName, number>> = Object.freeze({
  undisturbed: 0,
  'standby-lost': 0.09,
  'standby-back': 0.2,
  switchover: 0.32,
  'primary-killed': 0.45,
  'old-primary-rejoined': 0.59,
  'primary-frozen': 0.73,
  'thawed-and-rejoined': 0.87,
});

/**
 * Spreads the events over so many seconds. Faults last the same share of any demo; a promotion comes after 1
 * s at most.
 */
export function planSchedule(seconds: number): Schedule {
  const durationMs = seconds * 1_000;
  return Object.freeze({
    events: Object.freeze(
      EVENT_NAMES.map((name) => Object.freeze({ name, atMs: Math.round(SHARES[name] * durationMs) })),
    ),
    durationMs,
    promoteAfterMs: Math.min(1_000, Math.round(durationMs / 40)),
    strayMs: Math.min(2_000, Math.round(durationMs / 40)),
  });
}
