import type { Acceptance, Epoch } from '../model/floors.ts';
import type { ProbeFacts } from '../model/observation.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { mayBePrimary } from './claims.ts';
import { givenUpClaim } from './given-up.ts';

/** Age from which on a value counts no more, milliseconds: processes sleep, but not longer. */
const MAX_AGE_MS = 86_400_000;
/** Values that are remembered as applied or refused; the oldest beyond that are forgotten. */
const MAX_SEEN = 32;

const FORM =
  /^(\d{1,20})\/(\d{1,10})\/(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(Z|[+-]\d\d(?::?\d\d)?)$/;
const EXAMPLE =
  '<system identifier>/<timeline>/<time with zone>, as in 7300000000000000001/3/2026-01-31T09:30:00Z';

/** An epoch that the operator wrote down, and when. */
export interface WrittenEpoch extends Epoch {
  /** Milliseconds since 1970, by the clock of the operator, which should be the server's. */
  readonly writtenAt: number;
}

/** Reads the value that the operator wrote; `undefined` if it has another form. */
export function parseEpoch(text: string): WrittenEpoch | undefined {
  const [, systemIdentifier, timeline, day, time, zone] = FORM.exec(text.trim()) ?? [];
  if (systemIdentifier === undefined || zone === undefined) return undefined;
  const writtenAt = Date.parse(`${day}T${time}${zone === 'Z' ? zone : withMinutes(zone)}`);
  const epoch = { systemIdentifier, timeline: Number(timeline), writtenAt };
  return Number.isFinite(writtenAt) && epoch.timeline > 0 ? epoch : undefined;
}

function withMinutes(zone: string): string {
  return `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
}

/** What the database of a barred primary, asked at `askedAt`, says of an epoch to accept; `undefined` if nothing new. */
export function acceptanceOf(
  picture: TopologyDescription,
  node: NodeDescription,
  facts: ProbeFacts,
  askedAt: number,
): Acceptance | undefined {
  const { acceptEpoch: written } = facts;
  const value = written?.value;
  if (written === undefined || value === undefined || picture.barred === undefined) return undefined;
  if (!picture.barred.barred.includes(node.name)) return undefined;
  const told = (reason: string | undefined, epoch?: Epoch) =>
    picture.acceptances.some((one) => one.node === node.name && one.value === value && one.reason === reason)
      ? undefined
      : Object.freeze({ node: node.name, value, epoch, from: picture.floor ?? 0, reason });
  const isApplied = picture.acceptances.some((one) => one.value === value && one.reason === undefined);
  if (isApplied) return undefined;
  const epoch = parseEpoch(value);
  if (epoch === undefined) return told(`it must have the form ${EXAMPLE}`);
  const { systemIdentifier, timeline } = epoch;
  const reason = refusal(picture, node, epoch, { ageMs: written.clockMs - epoch.writtenAt, askedAt });
  return reason === undefined ? told(undefined, Object.freeze({ systemIdentifier, timeline })) : told(reason);
}

interface Times {
  /** Age of the value by the clock of the server that has it. */
  readonly ageMs: number;
  /** When the server was asked: it read its clock then or later, so the value was written no earlier than `askedAt - ageMs`. */
  readonly askedAt: number;
}

function refusal(
  picture: TopologyDescription,
  node: NodeDescription,
  { systemIdentifier, timeline }: Epoch,
  { ageMs, askedAt }: Times,
): string | undefined {
  if (systemIdentifier !== node.systemIdentifier || timeline !== node.timeline) {
    return `the server is on timeline ${node.timeline} of system ${node.systemIdentifier}`;
  }
  if (ageMs < 0) return 'its time lies in the future by the clock of the server';
  if (ageMs > MAX_AGE_MS) return 'it is more than 24 hours old by the clock of the server';
  const above = nodeAbove(picture, { systemIdentifier, timeline });
  if (above !== undefined) {
    return `${above.name} is out of recovery on timeline ${above.timeline}: stop that server first`;
  }
  const shownSince = (picture.levels[systemIdentifier] ?? [])
    .filter((level) => level.timeline > timeline)
    .find((level) =>
      [level.acceptedAt, ...level.witnesses.map(({ shownAt }) => shownAt)].some(
        (at) => at !== undefined && askedAt - at <= ageMs,
      ),
    );
  if (shownSince === undefined) return undefined;
  return `timeline ${shownSince.timeline} was seen out of recovery after it was written`;
}

/**
 * A reachable node out of recovery above `epoch`: it would fence the epoch again at once, so it must be
 * stopped first.
 */
export function nodeAbove(
  { givenUp, nodes }: TopologyDescription,
  {
    systemIdentifier,
    timeline,
  }: { readonly systemIdentifier?: string | undefined; readonly timeline: number },
): NodeDescription | undefined {
  return nodes.find(
    (node) =>
      node.health === 'ok' &&
      mayBePrimary(node) &&
      node.systemIdentifier === systemIdentifier &&
      givenUpClaim(node, givenUp) === undefined &&
      (node.timeline ?? 0) > timeline,
  );
}

/** The acceptances with one more. */
export function withAcceptance(
  acceptances: readonly Acceptance[],
  acceptance: Acceptance,
): readonly Acceptance[] {
  return Object.freeze([...acceptances, acceptance].slice(-MAX_SEEN));
}
