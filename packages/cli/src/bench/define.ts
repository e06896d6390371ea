import { type Command, Option } from 'commander';
import { TARGETS } from 'pgherd';
import { wholeNumber } from '../shell/arguments.ts';
import { commandOf, URL_ARGUMENT } from '../shell/define.ts';
import { type BenchOptions, USUAL_QUERY } from './command.ts';

/** The command `bench` with its options. */
export function defineBench(run: (url: string, options: BenchOptions) => Promise<void>): Command {
  return commandOf(
    'bench',
    'Puts load on a cluster for some seconds and reports calls a second, percentiles, and errors; reads unless told to write.',
    'pgherd bench postgres://app@db1,db2,db3/shop --callers 100 --seconds 10',
  )
    .argument('[url]', URL_ARGUMENT)
    .addOption(
      new Option('--callers <n>', 'callers, each with one call at a time')
        .default(10)
        .argParser(wholeNumber({ min: 1, max: 10_000 })),
    )
    .addOption(
      new Option('--seconds <n>', 'how long it runs')
        .default(10)
        .argParser(wholeNumber({ min: 1, max: 3_600 })),
    )
    .addOption(
      new Option('--target <target>', 'what the calls ask for').choices(TARGETS).default('prefer-standby'),
    )
    .addOption(new Option('--query <sql>', 'the statement that is sent').default(USUAL_QUERY))
    .addOption(
      new Option('--write', 'update rows of a table of its own, which it makes and drops')
        .default(false)
        .conflicts(['query', 'target']),
    )
    .option('--yes', 'do not ask before other machines are written to', false)
    .addOption(new Option('--compare <client>', 'measure another client beside').choices(['pg']))
    .action((url: string | undefined, options: BenchOptions) => run(url ?? '', options));
}
