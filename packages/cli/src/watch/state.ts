import type { NodeDescription, NodeStats } from 'pgherd';
import type { StatusJson } from '../status/picture.ts';
import type { ServerLoad } from '../status/servers.ts';

/** How something that happened is to be taken. */
export type Level = 'info' | 'warn' | 'error';

/** Something that happened. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly level: Level;
  readonly text: string;
}

/** The cluster at one moment. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly status: StatusJson;
  readonly nodes: readonly NodeDescription[];
  /** Of this program's own connections, in the order of the nodes. */
  readonly stats: readonly NodeStats[];
  readonly loads: ReadonlyMap<string, ServerLoad>;
  /** When the loads were asked for, milliseconds since 1970. */
  readonly loadsAt: number;
}

/** What one node was like, each second, the newest last. `undefined`: not known. */
export interface History {
  readonly lagMs: readonly (number | undefined)[];
  readonly latencyMs: readonly (number | undefined)[];
}

/** What is shown besides the table and the log. */
export type Panel = 'none' | 'details' | 'help';

/** Everything that the screen shows; immutable. */
export interface WatchState {
  /** What is watched, such as `app@shop`. */
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** The newest sample; `undefined` before the first. */
  readonly sample: Sample | undefined;
  /** By the name of the node. */
  readonly history: ReadonlyMap<string, History>;
  /** Transactions a second, by the name of the node. */
  readonly perSecond: ReadonlyMap<string, number>;
  readonly log: readonly LogLine[];
  /** Name of the selected node. */
  readonly selected: string | undefined;
  readonly panel: Panel;
  /** The state that stays on the screen while it is paused. */
  readonly pausedOn: WatchState | undefined;
}

/** Seconds that the history goes back, and lines that the log keeps. */
export const HISTORY_SECONDS = 60;
export const LOG_LINES = 200;

/** The state before anything is known. */
export function initialState(title: string, startedAt: number): WatchState {
  return {
    title,
    startedAt,
    sample: undefined,
    history: new Map(),
    perSecond: new Map(),
    log: [],
    selected: undefined,
    panel: 'none',
    pausedOn: undefined,
  };
}

/** After a sample that came with the seconds (`isTick`), or between them since something has changed: that adds nothing to the history. Pure. */
export function sampled(state: WatchState, sample: Sample, isTick: boolean): WatchState {
  const history = isTick
    ? new Map(sample.nodes.map((node) => [node.name, longer(state.history.get(node.name), node)]))
    : state.history;
  const names = sample.nodes.map(({ name }) => name);
  const selected = state.selected !== undefined && names.includes(state.selected) ? state.selected : names[0];
  return { ...state, sample, history, selected, perSecond: perSecondOf(state, sample) };
}

/** After something has happened. Pure. */
export function logged(state: WatchState, line: LogLine): WatchState {
  return { ...state, log: [...state.log, line].slice(-LOG_LINES) };
}

const NO_HISTORY: History = { lagMs: [], latencyMs: [] };

function longer({ lagMs, latencyMs }: History = NO_HISTORY, node: NodeDescription): History {
  const isAnswering = node.health === 'ok';
  const lag = node.role === 'standby' && isAnswering ? node.lag.ms : undefined;
  return {
    lagMs: [...lagMs, lag].slice(-HISTORY_SECONDS),
    latencyMs: [...latencyMs, isAnswering ? node.rttMs : undefined].slice(-HISTORY_SECONDS),
  };
}

function perSecondOf(state: WatchState, { loads, loadsAt }: Sample): ReadonlyMap<string, number> {
  const before = state.sample;
  if (before === undefined || loadsAt === before.loadsAt) return state.perSecond;
  const seconds = (loadsAt - before.loadsAt) / 1_000;
  return new Map(
    [...loads].flatMap(([node, { transactions }]) => {
      const earlier = before.loads.get(node)?.transactions;
      // A restart begins the statistics anew.
      if (earlier === undefined || transactions < earlier) return [];
      return [[node, (transactions - earlier) / seconds] as const];
    }),
  );
}
