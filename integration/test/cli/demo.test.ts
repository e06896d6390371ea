import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const WRITERS = 8;

interface DemoJson {
  readonly events: readonly {
    readonly name: string;
    readonly writeStallMs: number;
    readonly readStallMs: number;
    readonly failedWrites: number;
    readonly failedReads: number;
    readonly unknownOutcome: number;
  }[];
  readonly acknowledged: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly durationMs: number;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;
const children: Child[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(command: string, args: readonly string[]): Child {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  child.stdout.setEncoding('utf8');
  child.stderr.setEncoding('utf8');
  return child;
}

/** The program itself, without npm and its shell in between. */
function startDemo(): Child {
  const bin = 'packages/cli/src/bin.ts';
  return start(process.execPath, [
    '--import',
    'tsx',
    '--conditions=@pgherd/source',
    bin,
    'demo',
    '--seconds',
    '20',
  ]);
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const part of stream) text += String(part);
  return text;
}

function exitOf(child: Child): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve));
}

/** Resolves with all output so far, once it matches. */
function output(child: Child, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (part: string) => {
      text += part;
      if (pattern.test(text)) resolve(text);
    });
    child.once('close', () => reject(new Error(`The demo ended before it wrote ${pattern}:\n${text}`)));
  });
}

/** Where the demo says that its servers keep their data. */
function directoryIn(text: string): string {
  const place = /node1 on port \d+ in (\S+)\/node1,/.exec(text)?.[1];
  expect(place).toBeDefined();
  return String(place);
}

/** Processes that work below a directory, as every server does in its data directory. */
function processesIn(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readlinkSync(path.join('/proc', pid, 'cwd')).startsWith(`${directory}/`);
    } catch {
      return false;
    }
  });
}

describe('the demo', () => {
  it('loses no acknowledged write and fails no call in 20 seconds of faults', async () => {
    const child = start('npm', ['run', '--silent', 'demo', '--', '--seconds', '20', '--json']);
    const [text, aside, exitCode] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      exitOf(child),
    ]);
    const result = JSON.parse(text) as DemoJson;
    const why = `${JSON.stringify(result, null, 1)}\n${aside}`;
    expect(result, why).toMatchObject({ lost: 0, duplicated: 0 });
    expect(result.acknowledged).toBeGreaterThan(100);
    expect(result.durationMs).toBeGreaterThanOrEqual(20_000);
    expect(result.events.map(({ name }) => name)).toEqual([
      'undisturbed',
      'standby-lost',
      'standby-back',
      'switchover',
      'primary-killed',
      'old-primary-rejoined',
      'primary-frozen',
      'thawed-and-rejoined',
    ]);
    for (const event of result.events) {
      expect(event, why).toMatchObject({ failedWrites: 0, failedReads: 0 });
      const isSudden = event.name === 'primary-killed' || event.name === 'primary-frozen';
      expect(event.unknownOutcome, why).toBeLessThanOrEqual(isSudden ? WRITERS * 16 : 0);
    }
    expect(exitCode, why).toBe(0);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops at %s and leaves nothing behind', async (signal) => {
    const child = startDemo();
    const exit = exitOf(child);
    const directory = directoryIn(await output(child, /Servers are up: .*\n/));
    if (process.platform === 'linux') expect(processesIn(directory).length).toBeGreaterThan(0);
    child.kill(signal);
    expect(await exit).toBe(130);
    expect(existsSync(directory)).toBe(false);
    if (process.platform === 'linux') expect(processesIn(directory)).toEqual([]);
  });

  it('stops in the middle of a failover too', async () => {
    const child = startDemo();
    const exit = exitOf(child);
    const directory = directoryIn(await output(child, /is killed, the primary/));
    child.kill('SIGINT');
    expect(await exit).toBe(130);
    expect(existsSync(directory)).toBe(false);
  });
});
