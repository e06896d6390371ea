import { Command, Option } from 'commander';
import { wholeNumber } from './arguments.ts';

/** What every command says of its argument `[url]`. */
export const URL_ARGUMENT = 'servers and database, such as postgres://app@db1,db2,db3/shop';

/** A command with the options that all have. */
export function commandOf(name: string, description: string, example: string): Command {
  return new Command(name)
    .description(description)
    .allowExcessArguments(false)
    .showHelpAfterError(`(more: pgherd ${name} --help)`)
    .option('--json', 'print JSON: one object on one line', false)
    .option('--no-color', 'no colours')
    .addHelpText('after', `\nExample:\n  $ ${example}`);
}

/** How long servers may take to answer. */
export function timeoutOption(): Option {
  return new Option('--timeout <seconds>', 'how long servers may take to answer')
    .default(5)
    .argParser(wholeNumber({ min: 1, max: 600 }));
}
