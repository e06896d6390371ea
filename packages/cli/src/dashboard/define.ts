import { type Command, Option } from 'commander';
import { wholeNumber } from '../shell/arguments.ts';
import { commandOf, URL_ARGUMENT } from '../shell/define.ts';
import type { DashboardCommandOptions } from './command.ts';

/** The command `dashboard` with its options. */
export function defineDashboard(
  run: (url: string, options: DashboardCommandOptions) => Promise<void>,
): Command {
  return commandOf(
    'dashboard',
    'Serves a page that shows the cluster live: nodes, replication, figures over time, events. On this machine only, unless --host says otherwise.',
    'pgherd dashboard postgres://app@db1,db2,db3/shop --port 9187',
  )
    .argument('[url]', URL_ARGUMENT)
    .option('--host <address>', 'where it listens; beyond this machine a token is made', '127.0.0.1')
    .addOption(
      new Option('--port <n>', 'port that it listens on; 0: a free one')
        .default(0)
        .argParser(wholeNumber({ min: 0, max: 65_535 })),
    )
    .option('--token <token>', 'what a page needs to show data; made: one is made')
    .option('--open', 'open it in the browser', false)
    .action((url: string | undefined, options: DashboardCommandOptions) => run(url ?? '', options));
}
