import { type Command, Option } from 'commander';
import { wholeNumber } from '../shell/arguments.ts';
import { commandOf, timeoutOption, URL_ARGUMENT } from '../shell/define.ts';
import type { WatchOptions } from './command.ts';

/** The command `watch` with its options. */
export function defineWatch(run: (url: string, options: WatchOptions) => Promise<void>): Command {
  return commandOf(
    'watch',
    'Shows the cluster on the whole screen while it changes: nodes, roles, lag, round trips, and what happens.',
    'pgherd watch postgres://app@db1,db2,db3/shop',
  )
    .argument('[url]', URL_ARGUMENT)
    .addOption(timeoutOption())
    .addOption(
      new Option('--seconds <n>', 'end after so many seconds').argParser(
        wholeNumber({ min: 1, max: 2_000_000 }),
      ),
    )
    .action((url: string | undefined, options: WatchOptions) => run(url ?? '', options));
}
