import { parseArgs } from 'node:util';
import { takeJson } from './arguments.ts';
import { CLIENTS, type ClientKind } from './clients.ts';
import type { LoadOptions } from './load.ts';
import { MODES, type Mode, SCENARIOS, type Scenario } from './scenarios.ts';

/** What a run of the benchmark does. */
export interface BenchOptions {
  readonly trials: number;
  readonly scenarios: readonly Scenario[];
  readonly clients: readonly ClientKind[];
  readonly modes: readonly Mode[];
  readonly load: LoadOptions;
  readonly json: boolean;
  /** Where the results are written besides. */
  readonly file: string | undefined;
  readonly steps: boolean;
  /** The Python that is tried first for clients written in it. */
  readonly python: string;
}

const ALL = 'all';
/** What a plain run does: about eight minutes. Everything takes an hour. */
const DEFAULT_SCENARIOS = 'killed,frozen';
const DEFAULT_MODES = 'async';
const DEFAULT_CLIENTS = 'pgherd,pg.Pool,postgres.js,hasql';
/** All but the floor, which is no client. */
const PEERS = 'peers';

export const USAGE = `Usage: npm run bench:failover -- [options]

Loses the primary of real clusters under load and measures how soon each client writes again.

  --trials N        trials of each scenario, mode and client (default 10)
  --scenario NAMES  of ${names(SCENARIOS)}, or all (default ${DEFAULT_SCENARIOS}; several with commas)
  --client NAMES    of ${names(CLIENTS)};
                    peers for all but the floor, or all (default ${DEFAULT_CLIENTS})
  --mode NAMES      of ${names(MODES)}, or all (default ${DEFAULT_MODES})
  --rate N          writes begun per second (default 200)
  --limit MS        a call that has not settled after this counts as failed (default 5000)
  --give-up MS      a trial ends this long after the promotion without a write (default 6000)
  --python PATH     Python that is tried first for hasql and psycopg (default python3, then Debian's)
  --steps           print where the time goes, for pgherd
  --json            print an array for programs instead of a table
  --json FILE       print the table, and write the results to the file, for npm run bench:charts
  --help            print this
`;

/**
 * The options that the arguments ask for; `undefined` for `--help`.
 * @throws Error naming the argument that cannot be used.
 */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { json, file, rest } = takeJson(args);
  const { values } = parseArgs({
    args: [...rest],
    options: {
      trials: { type: 'string', default: '10' },
      scenario: { type: 'string', multiple: true, default: [DEFAULT_SCENARIOS] },
      client: { type: 'string', multiple: true, default: [DEFAULT_CLIENTS] },
      mode: { type: 'string', multiple: true, default: [DEFAULT_MODES] },
      rate: { type: 'string', default: '200' },
      limit: { type: 'string', default: '5000' },
      'give-up': { type: 'string', default: '6000' },
      python: { type: 'string', default: 'python3' },
      steps: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    trials: count('trials', values.trials),
    scenarios: chosen('scenario', SCENARIOS, values.scenario),
    clients: values.client.includes(PEERS)
      ? CLIENTS.filter(({ name }) => name !== 'floor')
      : chosen('client', CLIENTS, values.client),
    modes: chosen('mode', MODES, values.mode),
    load: {
      rate: count('rate', values.rate),
      limitMs: count('limit', values.limit),
      giveUpMs: count('give-up', values['give-up']),
    },
    json,
    file,
    steps: values.steps,
    python: values.python,
  };
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${option} is ${text}, but must be a whole number above 0.`);
}

function chosen<T extends { readonly name: string }>(
  option: string,
  all: readonly T[],
  wanted: readonly string[],
): readonly T[] {
  if (wanted.includes(ALL)) return all;
  return wanted
    .flatMap((text) => text.split(','))
    .map((name) => {
      const found = all.find((one) => one.name.toLowerCase() === name.trim().toLowerCase());
      if (found !== undefined) return found;
      throw new Error(`--${option} is ${name}, but must be of ${names(all)}.`);
    });
}

function names(all: readonly { readonly name: string }[]): string {
  return all.map((one) => one.name).join(', ');
}
