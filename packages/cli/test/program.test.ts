import { describe, expect, it } from 'vitest';
import type { DemoCommandOptions } from '../src/demo/command.ts';
import { type Commands, createProgram } from '../src/program.ts';

interface Outcome {
  readonly options: DemoCommandOptions | undefined;
  readonly exitCode: number | undefined;
  readonly output: string;
}

/** Runs the program without running the demo. */
async function run(...args: string[]): Promise<Outcome> {
  const written: string[] = [];
  let options: DemoCommandOptions | undefined;
  let exitCode: number | undefined;
  const demo = async (given: DemoCommandOptions): Promise<number> => {
    options = given;
    return 7;
  };
  const unused = () => Promise.reject(new Error('another command was asked for'));
  const commands: Commands = {
    demo,
    status: unused,
    watch: unused,
    bench: unused,
    explain: unused,
    doctor: unused,
    drill: unused,
    dsn: unused,
    acceptEpoch: unused,
    completion: unused,
    dashboard: unused,
  };
  const program = createProgram(commands, (code) => {
    exitCode = code;
  });
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => written.push(text),
      writeErr: (text) => written.push(text),
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch {
    // Commander has written what it had to say.
  }
  return { options, exitCode, output: written.join('') };
}

describe('pgherd demo', () => {
  it('has defaults', async () => {
    const { options, exitCode } = await run('demo');
    expect(options).toEqual({
      seconds: 60,
      json: false,
      writers: 8,
      readers: 8,
      seed: 1,
      version: 18,
      color: true,
    });
    expect(exitCode).toBe(7);
  });

  it('takes all its options, its own --version among them', async () => {
    const line = 'demo --seconds 20 --json --writers 2 --readers 3 --seed 0 --version 15 --no-color';
    const { options } = await run(...line.split(' '));
    expect(options).toEqual({
      seconds: 20,
      json: true,
      writers: 2,
      readers: 3,
      seed: 0,
      version: 15,
      color: false,
    });
  });

  it.each([
    { args: ['--seconds', '5'], says: ["'5'", 'from 20 to 3600', 'Try 20.'] },
    { args: ['--seconds', '99999'], says: ["'99999'", 'from 20 to 3600', 'Try 3600.'] },
    { args: ['--seconds', '30s'], says: ["'30s'", 'whole number', 'Try 20.'] },
    { args: ['--seconds', '20.5'], says: ["'20.5'", 'whole number'] },
    { args: ['--writers', '0'], says: ["'0'", 'from 1 to 64', 'Try 1.'] },
    { args: ['--readers', '-1'], says: ["'-1'", 'from 1 to 64'] },
    { args: ['--seed', 'x'], says: ["'x'", 'from 0 to 4294967295'] },
    { args: ['--version', '9'], says: ["'9'", 'from 14 to 18'] },
    { args: ['--secnods', '30'], says: ["unknown option '--secnods'", 'Did you mean --seconds?'] },
    { args: ['now'], says: ['too many arguments'] },
  ])('refuses $args with value, rule and remedy', async ({ args, says }) => {
    const { options, output } = await run('demo', ...args);
    expect(options).toBeUndefined();
    for (const part of says) expect(output).toContain(part);
  });
});

describe('pgherd', () => {
  it('tells its version', async () => {
    expect((await run('--version')).output).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('lists its commands', async () => {
    expect((await run('--help')).output).toContain('demo');
  });

  it.each([
    'status',
    'watch',
    'explain',
    'doctor',
    'drill',
    'bench',
    'dashboard',
    'dsn',
    'accept-epoch',
    'demo',
    'completion',
  ])('has help with an example for %s', async (name) => {
    expect((await run(name, '--help')).output).toContain(`$ pgherd ${name} `);
  });

  it('knows what was meant', async () => {
    expect((await run('dmeo')).output).toContain('(Did you mean demo?)');
  });
});
