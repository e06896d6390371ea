import type { Level, Levels, Witness } from '../model/floors.ts';

/** Key of the levels of nodes that return no system identifier. */
export const NO_SYSTEM = '';

/** More promotions than a cluster has in its life; the lowest levels beyond that are forgotten. */
const MAX_LEVELS = 64;
/** More systems than ever answer at the addresses of one list; the oldest beyond that are forgotten. */
const MAX_SYSTEMS = 64;
/** Starts that are remembered of one witness; the oldest beyond that are forgotten. */
const MAX_STARTS = 8;

/** No level has been seen yet. */
export const NO_LEVELS: Levels = Object.freeze({});

/** That a node returned a timeline as its own. */
export interface Showing {
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly node: string;
  /** Start of its server; `undefined` if it returns none. */
  readonly start: string | undefined;
  /** Whether a discovery that holds a lease names the node. Default: as it was. */
  readonly confirmed?: boolean | undefined;
  /** When it was asked, milliseconds of the cluster's clock. */
  readonly askedAt: number;
  /** When the answer came. */
  readonly at: number;
}

/** The levels once the node has shown its timeline. */
export function withShown(levels: Levels, showing: Showing): Levels {
  const before = levels[showing.systemIdentifier] ?? [];
  const known = before.find(({ timeline }) => timeline === showing.timeline);
  const witnesses = withWitness(known?.witnesses ?? [], showing);
  const level = Object.freeze({
    timeline: showing.timeline,
    witnesses,
    confirmed: showing.confirmed ?? known?.confirmed ?? false,
    acceptedAt: known?.acceptedAt,
  });
  return withSystem(levels, showing.systemIdentifier, [...before.filter((one) => one !== known), level]);
}

/** Whether the node with this start is known to have shown the level, confirmed as it is now. */
export function hasShown(
  levels: Levels,
  {
    systemIdentifier,
    timeline,
    node,
    start,
    confirmed,
  }: Pick<Showing, 'systemIdentifier' | 'timeline' | 'node' | 'start' | 'confirmed'>,
): boolean {
  const level = levels[systemIdentifier]?.find((one) => one.timeline === timeline);
  const witness = level?.witnesses.find((one) => one.node === node);
  if (confirmed === true && level?.confirmed !== true) return false;
  return witness !== undefined && (start === undefined || witness.starts.includes(start));
}

function withWitness(
  witnesses: readonly Witness[],
  { node, start, askedAt, at }: Showing,
): readonly Witness[] {
  const known = witnesses.find((one) => one.node === node);
  const starts = [...(known?.starts ?? [])];
  if (start !== undefined && !starts.includes(start)) starts.push(start);
  const witness = Object.freeze({
    node,
    starts: Object.freeze(starts.slice(-MAX_STARTS)),
    askedAt: Math.max(askedAt, known?.askedAt ?? askedAt),
    shownAt: Math.max(at, known?.shownAt ?? at),
  });
  return Object.freeze([...witnesses.filter((one) => one !== known), witness]);
}

/** The levels with one level less. */
export function withoutLevel(levels: Levels, systemIdentifier: string, timeline: number): Levels {
  const before = levels[systemIdentifier] ?? [];
  const after = before.filter((level) => level.timeline !== timeline);
  return withSystem(levels, systemIdentifier, after);
}

/** The levels without those above `timeline`. */
export function withoutLevelsOver(levels: Levels, systemIdentifier: string, timeline: number): Levels {
  const before = levels[systemIdentifier] ?? [];
  return withSystem(
    levels,
    systemIdentifier,
    before.filter((level) => level.timeline <= timeline),
  );
}

/** The levels once `timeline` was accepted as the floor, whether a node showed it or not. */
export function withFloorAt(levels: Levels, systemIdentifier: string, timeline: number, now: number): Levels {
  const before = levels[systemIdentifier] ?? [];
  const known = before.find((level) => level.timeline === timeline);
  const witnesses = known?.witnesses ?? Object.freeze([]);
  const accepted = Object.freeze({ timeline, witnesses, confirmed: true, acceptedAt: now });
  return withSystem(levels, systemIdentifier, [...before.filter((one) => one.timeline < timeline), accepted]);
}

function withSystem(levels: Levels, systemIdentifier: string, unsorted: readonly Level[]): Levels {
  const sorted = unsorted.toSorted((one, other) => other.timeline - one.timeline).slice(0, MAX_LEVELS);
  const others = Object.entries(levels).filter(([system]) => system !== systemIdentifier);
  const entries = [...others.slice(1 - MAX_SYSTEMS), [systemIdentifier, Object.freeze(sorted)] as const];
  return Object.freeze(Object.fromEntries(entries));
}

/** The floor of a system; of a known one also by what nodes without a system identifier showed. */
export function floorOf(levels: Levels, systemIdentifier: string | undefined): number | undefined {
  const floor = Math.max(topOf(levels, systemIdentifier ?? NO_SYSTEM), topOf(levels, NO_SYSTEM));
  return floor > 0 ? floor : undefined;
}

function topOf(levels: Levels, systemIdentifier: string): number {
  return levels[systemIdentifier]?.[0]?.timeline ?? 0;
}

/** The floor of each system. */
export function floorsOf(levels: Levels): Readonly<Record<string, number>> {
  const floors = Object.keys(levels).map((system) => [system, topOf(levels, system)] as const);
  return Object.freeze(Object.fromEntries(floors));
}
