import { setTimeout as pause } from 'node:timers/promises';
import { demonstrate, openExample } from './demonstrate.ts';
import type { Example } from './example.ts';

/** Calls at a time, and the rest of each between two of them. */
const WRITERS = 4;
const REST_MS = 20;

const [name = ''] = process.argv.slice(2);
const { example } = (await import(`../${name}/example.ts`)) as { example: Example };
const items = await openExample(example, process.env['DATABASE_URL'] ?? '');
const done = await demonstrate(items, 1_000_000_000);

const acknowledged: number[] = [];
let failures: string[] = [];
let acknowledgedAt = performance.now();
let gapMs = 0;
let lastId = 0;
let isOver = false;

async function write(): Promise<void> {
  while (!isOver) {
    const id = ++lastId;
    try {
      await items.add(id);
      acknowledged.push(id);
      const now = performance.now();
      gapMs = Math.max(gapMs, now - acknowledgedAt);
      acknowledgedAt = now;
    } catch (error) {
      failures.push(saidBy(error));
    }
    await pause(REST_MS);
  }
}

const writers = Promise.all(Array.from({ length: WRITERS }, write));

process.on('message', async (message) => {
  switch (message) {
    case 'begin':
      failures = [];
      gapMs = 0;
      break;
    case 'end':
      isOver = true;
      await writers;
      await items.close();
      process.send?.({ kind: 'ended', acknowledged });
      process.disconnect?.();
      return;
  }
  process.send?.({ kind: 'state', count: acknowledged.length, failures, gapMs });
});
process.send?.({ kind: 'ready', done, stored: example.stored });

/** What an error says, with its causes: libraries put errors of their own around those of the driver. */
function saidBy(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}; ${saidBy(error.cause)}`;
}
