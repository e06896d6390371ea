import { type Clock, PgHerdError } from 'pgherd';
import { systemClock } from './clock.ts';

/** How a dashboard looks at its cluster, and which requests it answers. */
export interface DashboardOptions {
  /** What a page shows as its title. Default: the name of the database. */
  readonly title?: string | undefined;
  /**
   * What every request for data has to bring as `Authorization: Bearer …`, which the page takes from its address (`#token=…`) or asks for: at
   * least 16 characters. Default, if it is left out: none, so that the application has to keep out strangers. `undefined` is refused, as it
   * is what a variable of the environment gives that is not set.
   */
  readonly token?: string | undefined;
  /** Where the dashboard is mounted, such as `/pgherd`. Default: where Express has mounted it, else `/`. */
  readonly basePath?: string | undefined;
  /** How often the cluster is looked at, milliseconds, 250 to 60,000. Default 1,000. */
  readonly sampleMs?: number | undefined;
  /** How far back plots go, milliseconds, at most 3,600 samples. Default 900,000. */
  readonly historyMs?: number | undefined;
  /**
   * Whether the servers are asked for their statistics while a page is open: transactions and connections of all clients, and where a
   * standby receives from. One small statement for each node and sample. Default `false`.
   */
  readonly serverFigures?: boolean | undefined;
  /** Most pages that are open at once; a further one gets 503. Default 1,000. */
  readonly maxViewers?: number | undefined;
  /** Default: that of the machine. For tests. */
  readonly clock?: Clock | undefined;
}

/** {@link DashboardOptions}, complete. */
export interface DashboardSettings {
  readonly title: string | undefined;
  readonly token: string | undefined;
  readonly basePath: string | undefined;
  readonly sampleMs: number;
  readonly historyMs: number;
  readonly serverFigures: boolean;
  readonly maxViewers: number;
  readonly clock: Clock;
}

type Rule = readonly [test: (value: unknown) => boolean, words: string];

/** Most points of a plot. */
const MOST_SAMPLES = 3_600;

const RULES: Readonly<Record<keyof DashboardOptions, Rule>> = {
  title: [(value) => typeof value === 'string' && value.length <= 200, 'a text of at most 200 characters'],
  token: [
    (value) => typeof value === 'string' && /^[\x21-\x7e]{16,512}$/.test(value),
    'a text of 16 to 512 printable ASCII characters without blanks',
  ],
  basePath: [
    (value) => typeof value === 'string' && /^(\/[\w.~-]{1,100}){0,10}\/?$/.test(value),
    'a path such as /pgherd',
  ],
  sampleMs: numberFrom(250, 60_000),
  historyMs: numberFrom(1_000, 86_400_000),
  serverFigures: [(value) => typeof value === 'boolean', 'true or false'],
  maxViewers: numberFrom(1, 100_000),
  clock: [(value) => typeof value === 'object' && value !== null, 'a clock'],
};

/**
 * Checks the options of a dashboard and adds the defaults.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function settingsOf(options: DashboardOptions): DashboardSettings {
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof DashboardOptions] : undefined;
    if (rule === undefined)
      throw invalid(
        name,
        `There is no option ${JSON.stringify(name)}; there are ${Object.keys(RULES).join(', ')}.`,
      );
    const [test, words] = rule;
    if (value !== undefined && !test(value))
      throw invalid(name, `${name} is ${shown(name, value)}, but must be ${words}.`);
  }
  if (Object.hasOwn(options, 'token') && options.token === undefined)
    throw invalid(
      'token',
      'token is undefined, so that anyone could read the data: give it a text, or leave it out if strangers are kept out otherwise.',
    );
  const { title, token, basePath, sampleMs = 1_000, historyMs = 900_000 } = options;
  if (historyMs < sampleMs || historyMs > sampleMs * MOST_SAMPLES)
    throw invalid(
      'historyMs',
      `historyMs is ${historyMs}, but must be 1 to ${MOST_SAMPLES} times sampleMs, which is ${sampleMs}: change one of the two.`,
    );
  const { serverFigures = false, maxViewers = 1_000, clock = systemClock } = options;
  return {
    title,
    token,
    basePath: basePath?.replace(/\/$/, ''),
    sampleMs,
    historyMs,
    serverFigures,
    maxViewers,
    clock,
  };
}

function numberFrom(min: number, max: number): Rule {
  return [
    (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
    `a whole number from ${min} to ${max}`,
  ];
}

/** A token is a secret, also one that is too short. */
function shown(name: string, value: unknown): string {
  if (name === 'token')
    return typeof value === 'string' ? `a text of ${value.length} characters` : `a ${typeof value}`;
  return typeof value === 'object' ? 'an object' : (JSON.stringify(value) ?? String(value));
}

function invalid(argument: string, message: string): PgHerdError {
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', message, { details: { argument } });
}
