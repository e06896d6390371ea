import type { PlantedBug } from './planted-bugs.ts';

/** A bug that one of the rules of addresses must find. */
export interface PlantedInAddresses extends PlantedBug {
  readonly rule: string;
}

const SEEDS = 20;

/** At least one for each rule of addresses that lead now to one server and now to another. */
export const PLANTED_IN_ADDRESSES: readonly PlantedInAddresses[] = Object.freeze([
  {
    name: 'two primaries at one address are written to',
    rule: 'two primaries',
    file: 'topology/several.ts',
    find: 'const barsWrites = areDividedOverWrites(shown);',
    replace: 'const barsWrites = areDividedOverWrites(shown.slice(0, 1));',
    seeds: SEEDS,
  },
  {
    name: 'that several servers bar the writes counts for nothing',
    rule: 'two primaries',
    file: 'topology/usable.ts',
    find: 'if (several?.barsWrites !== true) return undefined;',
    replace: 'if (several === undefined || several.barsWrites) return undefined;',
    seeds: SEEDS,
  },
  {
    name: 'several servers are not found out',
    rule: 'two primaries',
    file: 'topology/several.ts',
    find: 'const ALTERNATIONS = 2;',
    replace: 'const ALTERNATIONS = 200;',
    seeds: SEEDS,
  },
  {
    name: 'connections are not asked to which server they lead',
    rule: 'moves',
    file: 'node/session-factory.ts',
    find: 'if (canTell && first === undefined)',
    replace: 'if (canTell && first !== undefined)',
    seeds: SEEDS,
  },
  {
    name: 'the connections to the server before are kept',
    rule: 'moves',
    file: 'topology/disposition.ts',
    find: "if (after.generation !== before.generation && after.health === 'ok' && before.several === undefined)",
    replace:
      "if (after.generation < before.generation && after.health === 'ok' && before.several === undefined)",
    seeds: SEEDS,
  },
  {
    name: 'connections are not asked to which server they lead, when two addresses swap theirs',
    rule: 'swap',
    file: 'node/session-factory.ts',
    find: 'if (canTell && first === undefined)',
    replace: 'if (canTell && first !== undefined)',
    seeds: SEEDS,
  },
  {
    name: 'each restart is another server',
    rule: 'restarts',
    file: 'topology/several.ts',
    find: 'shown.slice(0, Math.max(0, index - 1)).some((earlier) => earlier.startedAt === startedAt),',
    replace: 'shown.slice(0, index).some((earlier) => earlier.startedAt !== startedAt),',
    seeds: SEEDS,
  },
  {
    name: 'copies that share their start are one server for ever',
    rule: 'copies',
    file: 'topology/aliases.ts',
    find: 'primary.seenAt === undefined || standby.lsnAt <= primary.seenAt;',
    replace: 'primary.seenAt === undefined || standby.lsnAt >= 0;',
    seeds: SEEDS,
  },
  {
    name: 'how long a backend has run is taken from its clock',
    rule: 'clock is set',
    file: 'trial/verdict.ts',
    find: "if (openedAtThere !== undefined && isLater(second.startedAt, openedAtThere)) return 'gone';",
    replace: "if (openedAtThere !== undefined && seemsYounger(second, openForMs)) return 'gone';",
    seeds: SEEDS,
  },
  {
    name: 'several servers never become one again',
    rule: 'becomes one',
    file: 'topology/several.ts',
    find: 'count >= AGREEING && at - agreeing.since >= WINDOW_MS) return',
    replace: 'count < AGREEING && at - agreeing.since >= WINDOW_MS) return',
    seeds: SEEDS,
  },
  {
    name: 'the connections to the other servers stay when there is one again',
    rule: 'becomes one',
    file: 'topology/disposition.ts',
    find: 'if (before.several !== undefined && after.several === undefined) {',
    replace:
      'if (before.several !== undefined && after.several === undefined && after.several !== undefined) {',
    seeds: SEEDS,
  },
]);
