import { messageFrom, type ProcessSettings, startProcess } from './processes.ts';
import { median } from './statistics.ts';

/** What a process is asked to hold. */
export interface MemoryRequest {
  readonly what: 'pg.Client' | 'pgherd idle' | 'pgherd queued' | 'pg.Pool queued';
  readonly url: string;
  readonly count: number;
}

/** Bytes, or why there is no number. */
export type MemoryReply = number | { readonly failed: string };

/** An element of what `--json` prints. */
export interface MemoryFigure {
  readonly what: 'idle connection beyond the driver' | 'queued caller' | 'queued caller of pg.Pool';
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
const CONNECTION_LIMIT = 4_096;
const CALLER_LIMIT = 1_024;
/** What a client needs whether it has many connections or few is taken off: measured with so few. */
const FEW = 10;

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
  const perConnection = async (what: 'pg.Client' | 'pgherd idle') =>
    ((await held(what, FEW + connections)) - (await held(what, FEW))) / connections;
  const beyond = async () => {
    const driver = await perConnection('pg.Client');
    return (await perConnection('pgherd idle')) - driver;
  };
  const middle = async (measure: () => Promise<number>) => {
    const found: number[] = [];
    for (let run = 0; run < runs; run++) found.push(await measure());
    return Math.round(median(found) ?? Number.NaN);
  };
  return [
    {
      what: 'idle connection beyond the driver',
      bytes: await middle(beyond),
      limit: CONNECTION_LIMIT,
      count: connections,
      runs,
    },
    {
      what: 'queued caller',
      bytes: await middle(async () => (await held('pgherd queued', callers)) / callers),
      limit: CALLER_LIMIT,
      count: callers,
      runs,
    },
    {
      what: 'queued caller of pg.Pool',
      bytes: await middle(async () => (await held('pg.Pool queued', callers)) / callers),
      count: callers,
      runs,
    },
  ];
}
