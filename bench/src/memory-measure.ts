import { messageFrom, type ProcessSettings, startProcess } from './processes.ts';
import { median } from './statistics.ts';

/** What a process is asked to hold. */
export interface MemoryRequest {
  readonly what: 'pg.Client' | 'pgherd idle' | 'pgherd queued' | 'pg.Pool queued';
  readonly url: string;
  readonly count: number;
}

/** Bytes for each of those that are held, or why there is no number. */
export type MemoryReply = number | { readonly failed: string };

/** An element of what `--json` prints. */
export interface MemoryFigure {
  readonly what:
    | 'idle connection'
    | 'idle connection of pg.Client'
    | 'queued caller'
    | 'queued caller of pg.Pool';
  readonly bytes: number;
  /** What it should not exceed; absent where nothing is asked. */
  readonly limit?: number | undefined;
  /** How many were held. */
  readonly count: number;
  readonly runs: number;
}

/** How much is held, and how often it is measured. */
export interface MemoryPlan {
  readonly connections: number;
  readonly callers: number;
  readonly runs: number;
}

/** Numbers of the targets. */
const CONNECTION_LIMIT = 40 * 1_024;
const CALLER_LIMIT = 1_024;

/**
 * Each measurement in a process of its own; the medians count.
 * @throws Error when a process could not do its work.
 */
export async function measureMemory(
  url: string,
  { connections, callers, runs }: MemoryPlan,
  settings: ProcessSettings = {},
): Promise<MemoryFigure[]> {
  const held = async (what: MemoryRequest['what'], count: number): Promise<number> => {
    const request: MemoryRequest = { what, url, count };
    const reply = await messageFrom<MemoryReply>(
      startProcess('./memory-process.ts', request, settings),
      what,
    );
    if (typeof reply === 'number') return reply;
    throw new Error(`${what}: ${reply.failed}`);
  };
  const middle = async (measure: () => Promise<number>) => {
    const found: number[] = [];
    for (let run = 0; run < runs; run++) found.push(await measure());
    return Math.round(median(found) ?? Number.NaN);
  };
  return [
    {
      what: 'idle connection',
      bytes: await middle(() => held('pgherd idle', connections)),
      limit: CONNECTION_LIMIT,
      count: connections,
      runs,
    },
    {
      what: 'idle connection of pg.Client',
      bytes: await middle(() => held('pg.Client', connections)),
      count: connections,
      runs,
    },
    {
      what: 'queued caller',
      bytes: await middle(() => held('pgherd queued', callers)),
      limit: CALLER_LIMIT,
      count: callers,
      runs,
    },
    {
      what: 'queued caller of pg.Pool',
      bytes: await middle(() => held('pg.Pool queued', callers)),
      count: callers,
      runs,
    },
  ];
}
