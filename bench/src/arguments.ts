import { parseArgs } from 'node:util';

/** Arguments of the small benchmarks. */
export interface BenchArguments {
  readonly runs: number;
  readonly json: boolean;
}

/**
 * Reads `--runs` and `--json`; `undefined` for `--help`.
 * @throws Error naming the argument that cannot be used.
 */
export function parseBenchArguments(args: readonly string[], runs: number): BenchArguments | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: String(runs) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const count = Number(values.runs);
  if (!Number.isInteger(count) || count < 1) {
    throw new Error(`--runs is ${JSON.stringify(values.runs)}, but must be a whole number above 0.`);
  }
  return { runs: count, json: values.json };
}

/**
 * A command of the benchmarks: what cannot be understood ends with status 2, after saying why and how it is
 * used.
 */
export async function runBench<T>(
  usage: string,
  parse: (args: readonly string[]) => T | undefined,
  run: (options: T) => Promise<string>,
): Promise<void> {
  let options: T | undefined;
  try {
    options = parse(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  process.stdout.write(options === undefined ? usage : await run(options));
}

/** `--json` among arguments: alone it prints, with a name behind it the results go to that file. */
export interface JsonArgument {
  readonly json: boolean;
  readonly file: string | undefined;
  /** The other arguments. */
  readonly rest: readonly string[];
}

/** Takes `--json`, `--json FILE` or `--json=FILE` out of the arguments. */
export function takeJson(args: readonly string[]): JsonArgument {
  const at = args.findIndex((argument) => argument === '--json' || argument.startsWith('--json='));
  if (at === -1) return { json: false, file: undefined, rest: args };
  const [argument = '', next] = args.slice(at);
  if (argument !== '--json') {
    const file = argument.slice('--json='.length);
    return { json: file === '', file: file || undefined, rest: args.toSpliced(at, 1) };
  }
  const isNamed = next !== undefined && !next.startsWith('-');
  return { json: !isNamed, file: isNamed ? next : undefined, rest: args.toSpliced(at, isNamed ? 2 : 1) };
}

/** What `--json` prints, for programs. */
export function toJson(figures: unknown): string {
  return `${JSON.stringify(figures, undefined, 2)}\n`;
}
