import { execFileSync } from 'node:child_process';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { wordsOfProgram } from '../src/completion/command.ts';
import { completionScript } from '../src/completion/scripts.ts';

const program = new Command('pgherd');
program.command('status').description("Shows what's there. More.").option('--json', 'as JSON');
program.command('explain').description('Says why').option('--max <n>', 'a limit');
const words = wordsOfProgram(program);

/** What bash offers after these words. */
function offered(...typed: readonly string[]): string[] {
  const script = `${completionScript('bash', words)}
    COMP_WORDS=(pgherd ${typed.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${typed.length}
    _pgherd; echo "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).trim().split(' ');
}

describe('completion', () => {
  it('offers commands, then their options, in bash', () => {
    expect(offered('')).toEqual(['status', 'explain', '--help', '--version']);
    expect(offered('st')).toEqual(['status']);
    expect(offered('status', '--')).toEqual(['--json', '--help']);
    expect(offered('explain', '--m')).toEqual(['--max']);
  });

  it('names every command and option for zsh and fish, and quotes descriptions', () => {
    for (const shell of ['zsh', 'fish'] as const) {
      const script = completionScript(shell, words);
      for (const word of ['status', 'explain', 'json', 'max']) expect(script).toContain(word);
      expect(script).toContain('Shows what’s there');
    }
  });
});
