import { Dice } from './dice.ts';
import type { Traits } from './surroundings.ts';

/** How the cluster is run: by a manager that fences, by one that does not, or with nothing going wrong at all. */
export const MODES = Object.freeze(['calm', 'careful-sync', 'careful-async', 'careless'] as const);
/** One of {@link MODES}. */
export type Mode = (typeof MODES)[number];

/** Everything about a simulation that is fixed from its beginning. */
export interface Scenario {
  readonly seed: number;
  readonly mode: Mode;
  readonly nodes: number;
  readonly traits: Traits;
  /** One way through the network to each node, milliseconds. */
  readonly delayMs: number;
  /** Largest further delay of a packet, milliseconds: connections overtake each other. */
  readonly jitterMs: number;
  /** When the last fault may begin, milliseconds. */
  readonly troubleMs: number;
  /** Faults. */
  readonly faults: number;
  /** Mean pause between two calls, milliseconds. */
  readonly callEveryMs: number;
  /** Whether the first call comes when two servers claim to be the primary already. */
  readonly splitFromTheStart: boolean;
  /** Whether the discovery holds a lease, and is asked who leads. */
  readonly authority: boolean;
  /** How often a standby is promoted by mistake and made a standby again. */
  readonly takenBack: number;
  /** Whether a primary of another cluster stands at one of the addresses. */
  readonly stranger: boolean;
  /** Whether the client knows the first server by two addresses. */
  readonly alias: boolean;
  /** Whether the last server must never be written to. */
  readonly lastNotPromotable: boolean;
  /** How often the network forgets the connections to a server. */
  readonly forgets: number;
  /** Whether the list of nodes comes from a discovery, which now and then leaves one out. */
  readonly discovery: boolean;
  /** Time without use after which the client rests, milliseconds; 0 for never. There are pauses in which nothing is asked of it then. */
  readonly restAfterMs: number;
  /** When the client closes, in the midst of it all; `undefined` to close when everything is whole again. */
  readonly closesEarlyAtMs: number | undefined;
  readonly options: {
    readonly poolMax: number;
    readonly waitTimeoutMs: number;
    readonly deadAfterMs: number;
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly longPoll: boolean;
    readonly policy: 'p2c' | 'round-robin' | 'random' | 'most-idle';
    readonly withdrawAfterMs: number;
    readonly validate: 'always' | 'if-idle' | 'never';
  };
}

/** What strangers bring about shows only when memories have faded. */
const STRANGER_FACTOR = 3;

/** The scenario of a seed; `seconds` is how long faults go on. */
export function scenarioOf(seed: number, seconds: number): Scenario {
  const dice = new Dice(seed, 'scenario');
  const fencing = new Dice(seed, 'fencing');
  const logins = new Dice(seed, 'logins');
  const rest = new Dice(seed, 'rest');
  const mode = dice.weighted<Mode>({ calm: 8, 'careful-sync': 45, 'careful-async': 15, careless: 32 });
  const stranger = mode === 'careless' && dice.chance(0.1);
  const authority = !stranger && mode !== 'calm' && fencing.chance(0.25);
  const troubleMs = (stranger ? STRANGER_FACTOR : 1) * seconds * 1_000;
  return Object.freeze({
    seed,
    mode,
    nodes: Number(dice.weighted({ 2: 10, 3: 75, 4: 15 })),
    traits: {
      reportsRole: !dice.chance(0.1),
      plpgsql: !dice.chance(0.05),
      controlFile: !dice.chance(0.06),
      checkpointDelayMs: dice.between(100, 8_000),
      loginMs: mode === 'calm' && logins.chance(0.2) ? logins.between(1_100, 2_500) : undefined,
    },
    delayMs: dice.chance(0.2) ? dice.between(3, 15) : dice.between(0.05, 1),
    jitterMs: dice.chance(0.25) ? dice.between(5, 60) : dice.between(0.05, 2),
    troubleMs,
    faults: mode === 'calm' ? 0 : dice.whole(1, 4),
    callEveryMs: dice.between(40, 160) * (stranger ? STRANGER_FACTOR : 1),
    stranger,
    authority,
    takenBack: mode === 'careless' && !stranger && fencing.chance(0.4) ? fencing.whole(1, 2) : 0,
    forgets: mode !== 'calm' && logins.chance(0.15) ? logins.whole(1, 2) : 0,
    alias: dice.chance(0.07),
    lastNotPromotable: (mode === 'careless' || mode === 'calm') && dice.chance(0.08),
    discovery: dice.chance(0.12) || authority,
    restAfterMs: rest.chance(0.15) ? rest.between(80, 400) : 0,
    splitFromTheStart: mode === 'careless' && dice.chance(0.15),
    closesEarlyAtMs: dice.chance(0.06) ? dice.between(200, troubleMs) : undefined,
    options: {
      poolMax: dice.whole(2, 6),
      waitTimeoutMs: dice.chance(0.7) ? 10_000 : dice.between(1_000, 4_000),
      deadAfterMs: dice.chance(0.7) ? 5_000 : 2_500,
      intervalMs: dice.chance(0.7) ? 1_000 : 400,
      timeoutMs: dice.chance(0.7) ? 1_000 : 500,
      longPoll: !dice.chance(0.15),
      policy: dice.pick(['p2c', 'round-robin', 'random', 'most-idle'] as const),
      withdrawAfterMs: fencing.chance(0.5) ? 2_000 : 500,
      validate: dice.weighted({ always: 1, 'if-idle': 8, never: 1 }),
    },
  });
}
