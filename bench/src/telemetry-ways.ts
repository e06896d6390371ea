/** What observes the statements of a process. */
export type Way =
  | 'nothing'
  | 'prometheus'
  | 'metrics'
  | 'metrics by the producer'
  | 'metrics by the producer, and spans'
  | 'metrics and spans'
  | 'metrics by the producer, and 1 span in 10'
  | 'a context of the program';

/** The ways that are held against `nothing`, in the order of the table. */
export const OBSERVED_WAYS: readonly Way[] = Object.freeze([
  'prometheus',
  'metrics by the producer',
  'metrics',
  'metrics by the producer, and 1 span in 10',
  'metrics by the producer, and spans',
  'metrics and spans',
  'a context of the program',
] as const);

/** What a process is asked for. */
export interface SliceRequest {
  readonly url: string;
  readonly way: Way;
  readonly callers: number;
  readonly warmUpMs: number;
  readonly sliceMs: number;
}

/** What it measured. */
export interface Slice {
  readonly perSecond: number;
  /** Processor time of the process for each statement, microseconds. */
  readonly cpuMicros: number;
}

/** Processor time of what the libraries do for one statement in a loop of their own, microseconds. */
export interface Floor {
  readonly what: string;
  readonly micros: number;
}
