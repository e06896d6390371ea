import { type ChildProcess, execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { BenchClient } from './client.ts';

const PROGRAM = path.join(import.meta.dirname, '..', 'peers', 'hasql_peer.py');

/** What the peer said of a call that was not acknowledged. */
export class PeerError extends Error {
  /** Whether the row may have been written all the same. */
  readonly open: boolean;

  constructor(message: string, open: boolean) {
    super(message);
    this.name = 'PeerError';
    this.open = open;
  }
}

/** Why hasql cannot take part, in one line; `undefined` where it can. */
export async function hasqlMissing(python: string): Promise<string | undefined> {
  try {
    await promisify(execFile)(python, ['-c', 'import asyncpg, hasql.asyncpg'], { timeout: 20_000 });
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const reason = text.trim().split('\n').at(-1) ?? '';
    return `hasql is left out: ${python} -c 'import asyncpg, hasql.asyncpg' failed: ${reason}`;
  }
}

/** A child process that speaks the line protocol of `peers/hasql_peer.py`. */
export function openHasql(python: string, url: string): BenchClient {
  const child = spawn(python, [PROGRAM, url], { stdio: ['pipe', 'pipe', 'ignore'] });
  const waiting = new Map<string, Waiting>();
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => settle(line, waiting));
  child.on('close', () => {
    for (const [id, one] of waiting) one.reject(new PeerError('the peer ended', id.startsWith('write')));
    waiting.clear();
  });
  const ask = (verb: string, id: number, rest = '') =>
    new Promise<string>((resolve, reject) => {
      waiting.set(`${verb} ${id}`, { resolve, reject });
      child.stdin.write(`${verb} ${id}${rest}\n`);
    });
  let questions = 0;
  return {
    write: async (id) => Number(await ask('write', id)),
    offers: async (index) => (await ask('offers', ++questions, ` ${index}`)) === 'yes',
    close: () => ended(child),
  };
}

interface Waiting {
  readonly resolve: (text: string) => void;
  readonly reject: (error: PeerError) => void;
}

function settle(line: string, waiting: Map<string, Waiting>): void {
  const [verb = '', id = '', ...rest] = line.split(' ');
  const key = `${verb === 'offers' ? 'offers' : 'write'} ${id}`;
  const one = waiting.get(key);
  waiting.delete(key);
  const text = rest.join(' ');
  if (verb === 'ok' || verb === 'offers') one?.resolve(text);
  else one?.reject(new PeerError(text, verb === 'open'));
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('close', () => resolve());
    child.kill('SIGKILL');
  });
}
