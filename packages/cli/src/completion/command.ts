import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import { type CommandWords, completionScript, type Shell } from './scripts.ts';

/** Writes the completion script of a program for a shell. */
export function completionCommand(shell: Shell, program: Command): Promise<ExitCode> {
  process.stdout.write(completionScript(shell, wordsOfProgram(program)));
  return Promise.resolve(EXIT.fine);
}

/** What the commands of a program are called and take. */
export function wordsOfProgram(program: Command): readonly CommandWords[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: firstSentence(command.description()),
    options: [
      ...command.options.flatMap(({ long, description }) => (long ? [[long, description] as const] : [])),
      ['--help', 'display help for command'] as const,
    ],
    choices: command.registeredArguments[0]?.argChoices ?? [],
  }));
}

function firstSentence(text: string): string {
  return text.split(/[.:]/, 1)[0] ?? text;
}
