import pg from 'pg';
import postgres from 'postgres';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectRequest } from '../../src/connection/port.ts';
import type { GuestPort } from '../../src/engine/guests.ts';
import { Facade } from '../../src/guests/facade.ts';
import { dieInTwoSteps } from '../../src/guests/farewell.ts';
import { systemClock } from '../../src/time/system.ts';
import { openSession } from '../../src/wire/login/open.ts';
import { startupPacket } from '../../src/wire/login/startup.ts';
import { seededRandom as seeded } from '../support/random.ts';
import {
  BYTE_BY_BYTE,
  type Cut,
  HostilePeer,
  type Mutate,
  mutator,
  somewhere,
  WHOLE,
} from '../wire/hostile-peer.ts';

/** Conversations with each client; ten times as many by hand: `SEEDS=10000 npx vitest run …`. */
const SEEDS = Number(process.env['SEEDS'] ?? 1_000);
const STATEMENTS = 8;
/** A person would say that it hangs. */
const PATIENCE_MS = 60_000;

/** What a cluster offers to guests, with one peer for a node. */
function portTo(port: number): GuestPort {
  const request: ConnectRequest = {
    address: { host: '127.0.0.1', port, transport: 'tcp' },
    user: 'app',
    database: 'app',
    tls: { mode: 'disable', verify: 'none', sni: false, negotiation: 'postgres', certMode: 'disable' },
    startup: {},
    keepAliveMs: undefined,
  };
  const listener = { parameter: () => undefined, notice: () => undefined };
  return {
    clock: systemClock,
    user: 'app',
    database: 'app',
    maxMessageBytes: 1_000_000,
    routesByText: false,
    check: () => undefined,
    facts: () => {
      throw new Error('not asked for');
    },
    nodeOf: () => undefined,
    noNode: () => new Error('no node'),
    cancel: async () => undefined,
    open: async ({ parameters }, signal) => ({
      node: `127.0.0.1:${port}`,
      session: await openSession(
        request,
        { startup: startupPacket(request, parameters), maxIterations: 4_096, listener },
        signal,
      ),
      cancel: undefined,
      parameter: () => undefined,
      hint: () => undefined,
      refused: () => undefined,
      ended: () => undefined,
      suits: () => true,
      doubt: () => undefined,
    }),
  };
}

interface Client {
  /** The ids of the rows that a statement gets which asks for `id`. */
  ask(id: string): Promise<unknown[]>;
  end(): Promise<unknown>;
}

const CLIENTS: Readonly<Record<string, (port: GuestPort) => Client>> = {
  pg: (port) => {
    const pool = new pg.Pool({
      stream: () => new Facade({ port, routing: {}, usual: ['app'] }),
      ssl: false,
      user: 'app',
      database: 'app',
      max: 2,
    });
    pool.on('error', () => undefined);
    return {
      ask: async (id) =>
        (await pool.query({ name: 'same', text: 'select $1 as id', values: [id] })).rows.map(({ id }) => id),
      end: () => pool.end(),
    };
  },
  'postgres.js': (port) => {
    const farewell = (facade: Facade, error: Error) => dieInTwoSteps(systemClock, facade, error);
    const sql = postgres({
      socket: () => new Facade({ port, routing: {}, usual: [], farewell }),
      ssl: false,
      host: 'pgherd',
      user: 'app',
      database: 'app',
      max: 2,
      fetch_types: false,
      onnotice: () => undefined,
    } as postgres.Options<Record<string, never>>);
    return {
      ask: async (id) => (await sql`select ${id} as id`).map((row) => row['id']),
      end: () => sql.end({ timeout: 0 }),
    };
  },
};

/** Rejections and exceptions that would end a process. */
const uncaught: unknown[] = [];
const note = (error: unknown): void => void uncaught.push(error);
process.on('uncaughtException', note).on('unhandledRejection', note);
afterEach(() => expect(uncaught.splice(0)).toEqual([]));

async function converse(client: string, mutate: Mutate, cut: Cut, prefix: string): Promise<unknown[][]> {
  const peer = new HostilePeer({ mutate, cut, syncs: 'each' });
  const guest = CLIENTS[client]?.(portTo(await peer.listen()));
  if (guest === undefined) throw new Error(`no ${client}`);
  let late: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_resolve, reject) => {
    late = setTimeout(() => reject(new Error(`${prefix} hangs`)), PATIENCE_MS);
  });
  try {
    const asked = Array.from({ length: STATEMENTS }, async (_, index) => {
      const id = `${prefix}-${index}`;
      // The later half is asked when the earlier one has met what it met.
      if (index >= STATEMENTS / 2) await new Promise((resolve) => setImmediate(resolve));
      return guest.ask(id).then(
        (ids) => [id, ...ids],
        (error: unknown) => [id, error],
      );
    });
    return await Promise.race([Promise.all(asked), hangs]);
  } finally {
    clearTimeout(late);
    await guest.end();
    await peer.close();
  }
}

describe.each(Object.keys(CLIENTS))('conversations of %s with servers that lie', (client) => {
  it('an honest server is understood however its bytes are cut', async () => {
    for (const cut of [WHOLE, BYTE_BY_BYTE, somewhere(seeded(1))]) {
      for (const [id, ...ids] of await converse(client, (all) => all, cut, 'honest'))
        expect(ids).toEqual([id]);
    }
  });

  it(`no statement gets another one's rows, none hangs, no process ends: ${SEEDS} seeds`, {
    timeout: 600_000,
  }, async () => {
    let answered = 0;
    let failed = 0;
    for (let first = 0; first < SEEDS; first += 20) {
      const seeds = Array.from({ length: Math.min(20, SEEDS - first) }, (_, index) => first + index);
      await Promise.all(
        seeds.map(async (seed) => {
          const random = seeded(seed);
          const endings = await converse(client, mutator(random, 0.03), somewhere(random), `${seed}`);
          for (const [id, ...ids] of endings) {
            if (ids[0] instanceof Error) failed++;
            else answered++;
            // A row too many or too few cannot be noticed: its bytes are right.
            for (const one of ids) if (typeof one === 'string') expect(one, `seed ${seed}`).toBe(id);
          }
        }),
      );
    }
    // Both happen, so that neither is proved of nothing.
    expect(answered).toBeGreaterThan(SEEDS);
    expect(failed).toBeGreaterThan(SEEDS / 4);
  });
});
