import { describe, expect, it } from 'vitest';
import type { ConnectRequest, DriverConnection } from '../../src/connection/port.ts';
import { classifyError, phaseOf } from '../../src/retry/classify.ts';
import { wireDriver } from '../../src/wire/connection/driver.ts';
import { seededRandom as seeded } from '../support/random.ts';
import {
  BYTE_BY_BYTE,
  type Cut,
  HostilePeer,
  type Mutate,
  message,
  mutator,
  READY,
  somewhere,
  WHOLE,
} from './hostile-peer.ts';

const STATEMENTS = 12;
/** Conversations; ten times as many by hand: `SEEDS=10000 npx vitest run …`. */
const SEEDS = Number(process.env['SEEDS'] ?? 1_000);

function requestTo(port: number): ConnectRequest {
  return {
    address: { host: '127.0.0.1', port, transport: 'tcp' },
    user: 'app',
    database: 'app',
    tls: { mode: 'disable', verify: 'none', sni: false, negotiation: 'postgres', certMode: 'disable' },
    startup: {},
    keepAliveMs: undefined,
  };
}

const TEXT = { getTypeParser: () => (text: string) => text };
const LISTENER = { parameter: () => undefined, message: () => undefined, closed: () => undefined };

/** How one statement ended: the ids of its rows, or an error; and how often. */
interface Ending {
  readonly id: string;
  settled: number;
  ids?: readonly unknown[];
  error?: unknown;
}

function send(connection: DriverConnection, id: string, prepare: boolean): Ending {
  const ending: Ending = { id, settled: 0 };
  connection.pipeline?.({
    statement: { text: `select $1 as id /* ${prepare ? 'named' : id} */`, values: [id] },
    prepare,
    answered: (rows) => {
      ending.settled++;
      ending.ids = rows.map((row) => row['id']);
    },
    failed: (error) => {
      ending.settled++;
      ending.error = error;
    },
  });
  return ending;
}

async function converse(mutate: Mutate, cut: Cut, prefix: string): Promise<readonly Ending[]> {
  const peer = new HostilePeer({ mutate, cut, syncs: STATEMENTS });
  try {
    const port = await peer.listen();
    let closed: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const connection = await wireDriver({ types: TEXT }).connect(
      requestTo(port),
      { ...LISTENER, closed },
      new AbortController().signal,
    );
    const endings = Array.from({ length: STATEMENTS }, (_, index) =>
      send(connection, `${prefix}-${index}`, index % 3 === 0),
    );
    await gone;
    return endings;
  } finally {
    await peer.close();
  }
}

const outcome = ({ ids, error }: Ending): unknown => (error === undefined ? ids : String(error));

describe('conversations with servers that lie', () => {
  it('an honest server is understood however its bytes are cut', async () => {
    for (const cut of [WHOLE, BYTE_BY_BYTE, somewhere(seeded(1))]) {
      for (const ending of await converse((all) => all, cut, 'honest'))
        expect(ending).toMatchObject({ settled: 1, ids: [ending.id] });
    }
  });

  it(`no statement gets another one's rows, waits for ever or ends twice: ${SEEDS} seeds`, {
    timeout: 300_000,
  }, async () => {
    let answered = 0;
    let failed = 0;
    for (let first = 0; first < SEEDS; first += 20) {
      const seeds = Array.from({ length: Math.min(20, SEEDS - first) }, (_, index) => first + index);
      await Promise.all(
        seeds.map(async (seed) => {
          const random = seeded(seed);
          const endings = await converse(mutator(random, 0.03), somewhere(random), `${seed}`);
          for (const ending of endings) {
            expect(ending.settled, `seed ${seed}, ${ending.id}`).toBe(1);
            for (const id of ending.ids ?? []) expect(id, `seed ${seed}`).toBe(ending.id);
            if (ending.ids === undefined) failed++;
            else answered++;
          }
        }),
      );
    }
    // Both happen, so that neither is proved of nothing.
    expect(answered).toBeGreaterThan(SEEDS);
    expect(failed).toBeGreaterThan(SEEDS);
  });

  it('every statement ends the same, however the bytes of a lie are cut', { timeout: 120_000 }, async () => {
    for (let seed = 0; seed < 40; seed++) {
      const [whole, ...others] = await Promise.all(
        [WHOLE, BYTE_BY_BYTE, somewhere(seeded(seed))].map((cut) =>
          converse(mutator(seeded(seed), 0.05), cut, 'same'),
        ),
      );
      for (const endings of others) expect(endings.map(outcome), `seed ${seed}`).toEqual(whole?.map(outcome));
    }
  });

  it.each([
    ['at once', WHOLE],
    ['byte by byte', BYTE_BY_BYTE],
  ])('behind a statement that left a transaction open nothing counts as done, read %s', async (_how, cut) => {
    let left = false;
    const opens: Mutate = (messages) =>
      messages.map((one) => {
        if (left || !one.equals(READY)) return one;
        left = true;
        return message('Z', 'T');
      });
    const [first, ...others] = await converse(opens, cut, 'open');
    expect(first).toMatchObject({ settled: 1, error: { code: 'PGHERD_STATEMENT_NOT_ALLOWED' } });
    // They ran inside the transaction that is rolled back with the connection, or behind it: their outcome is not known.
    for (const { settled, ids, error } of others) {
      expect({ settled, ids }).toEqual({ settled: 1, ids: undefined });
      expect(phaseOf(error)).toBe('sent');
      expect(classifyError(error).kind).toBe('connection-lost');
    }
  });

  it('a row of the simple protocol that comes before its columns ends the connection', async () => {
    const peer = new HostilePeer({
      mutate: () => [message('D', Buffer.from([0, 0])), message('C', 'SELECT 1\0'), READY],
      cut: WHOLE,
      syncs: 1,
    });
    try {
      const port = await peer.listen();
      const connection = await wireDriver({ types: TEXT }).connect(
        requestTo(port),
        LISTENER,
        new AbortController().signal,
      );
      await expect(connection.simple('select 1')).rejects.toMatchObject({ code: 'PGHERD_PROTOCOL_ERROR' });
    } finally {
      await peer.close();
    }
  });
});
