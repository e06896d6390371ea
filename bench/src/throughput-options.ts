import { parseArgs } from 'node:util';
import { takeJson } from './arguments.ts';
import { PEERS, type PeerName, SUBJECTS, type SubjectName, USUAL_PEERS } from './throughput-contenders.ts';
import { WORKS, type Work } from './throughput-works.ts';

/** What a run of the benchmark does. */
export interface ThroughputOptions {
  readonly works: readonly Work[];
  readonly callers: readonly number[];
  readonly subjects: readonly SubjectName[];
  readonly peers: readonly PeerName[];
  readonly runs: number;
  readonly seconds: number;
  readonly standbys: number;
  readonly json: boolean;
  /** Where the results are written besides. */
  readonly file: string | undefined;
  /** The Python that is tried first for clients written in it. */
  readonly python: string;
  readonly markdown: boolean;
  /** Folder of another checkout, which has been built: only this build and that one are compared. */
  readonly against: string | undefined;
  /** Folder for processor profiles. */
  readonly profile: string | undefined;
}

const DEFAULT_CALLERS = '1,10,100,1000';
const DEFAULT_WORKS = 'select,update';
const MOST_CALLERS = 100_000;
const MOST_STANDBYS = 4;
const LONGEST_SECONDS = 60;

export const THROUGHPUT_USAGE = `Usage: npm run bench:throughput -- [options]

Statements per second of pgherd and its peers, in turn on the same server.

  --work NAMES      of ${WORKS.join(', ')}, or all (default ${DEFAULT_WORKS}); read needs --standbys
  --callers NUMBERS how many call at the same time (default ${DEFAULT_CALLERS})
  --subject NAMES   of ${SUBJECTS.join(', ')} (default all)
  --peer NAMES      of ${PEERS.join(', ')}, or all
                    (default ${USUAL_PEERS.join(', ')})
  --runs N          measurements of each pair, of which the median counts (default 5)
  --seconds N       of each measurement of each contender (default 1)
  --standbys N      beside the primary, 0 to ${MOST_STANDBYS} (default 0)
  --against DIR     compare this build with that of another checkout, such as a git worktree of an earlier
                    commit in which \`npm ci && npm run build\` was run: in turn, each round in fresh processes
  --profile DIR     write a processor profile of each contender there
  --python PATH     Python that is tried first for hasql and psycopg (default python3, then Debian's)
  --json            print an array for programs instead of a table
  --json FILE       print the table, and write the results to the file, for npm run bench:charts
  --markdown        print the tables of docs/performance.md
  --help            print this

A NAMES or NUMBERS takes several with commas.
`;

/**
 * The options that the arguments ask for; `undefined` for `--help`.
 * @throws Error naming the argument that cannot be used.
 */
export function parseThroughputOptions(args: readonly string[]): ThroughputOptions | undefined {
  const { json, file, rest } = takeJson(args);
  const { values } = parseArgs({
    args: [...rest],
    options: {
      work: { type: 'string', multiple: true, default: [DEFAULT_WORKS] },
      callers: { type: 'string', multiple: true, default: [DEFAULT_CALLERS] },
      subject: { type: 'string', multiple: true, default: [SUBJECTS.join(',')] },
      peer: { type: 'string', multiple: true, default: [USUAL_PEERS.join(',')] },
      runs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      standbys: { type: 'string', default: '0' },
      profile: { type: 'string' },
      against: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      python: { type: 'string', default: 'python3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const standbys = whole('standbys', values.standbys, 0, MOST_STANDBYS);
  const callers = listed(values.callers).map((text) => whole('callers', text, 1, MOST_CALLERS));
  const works = values.work.includes('all')
    ? WORKS.filter((work) => work !== 'read' || standbys > 0)
    : chosen('work', WORKS, values.work);
  if (works.includes('read') && standbys === 0) {
    throw new Error('--work read needs standbys to read from: set --standbys to 1 or more.');
  }
  return {
    works,
    callers: [...new Set(callers)],
    subjects: chosen('subject', SUBJECTS, values.subject),
    peers: values.peer.includes('all') ? [...PEERS] : chosen('peer', PEERS, values.peer),
    runs: whole('runs', values.runs, 1, 1_000),
    seconds: seconds(values.seconds),
    standbys,
    json,
    file,
    python: values.python,
    markdown: values.markdown,
    profile: values.profile,
    against: values.against,
  };
}

function listed(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(',')).map((text) => text.trim());
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`--${option} is ${JSON.stringify(text)}, but must be a whole number, ${least} to ${most}.`);
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= LONGEST_SECONDS) return value;
  throw new Error(
    `--seconds is ${JSON.stringify(text)}, but must be a number above 0, at most ${LONGEST_SECONDS}.`,
  );
}

function chosen<T extends string>(option: string, all: readonly T[], wanted: readonly string[]): T[] {
  const found = listed(wanted).map((name) => {
    const one = all.find((each) => each.toLowerCase() === name.toLowerCase());
    if (one !== undefined) return one;
    throw new Error(`--${option} is ${JSON.stringify(name)}, but must be of ${all.join(', ')}.`);
  });
  return [...new Set(found)];
}
