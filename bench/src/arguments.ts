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

/** What `--json` prints, for programs. */
export function toJson(figures: unknown): string {
  return `${JSON.stringify(figures, undefined, 2)}\n`;
}
