import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { waitUntil } from '@pgherd/testing';
import { type CopyStream, OutcomeUnknownError } from 'pgherd';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { nameOf, open, rejection } from '../../src/support.ts';

const client = oneClient(
  ['goods (id int primary key, name text)', 'big (filler text)', 'held (filler text)'],
  {
    cluster: { proxy: true },
  },
);
const FROM = 'copy goods from stdin';
const TO = 'copy (select * from goods order by id) to stdout';

/** Lines of COPY's text format, with ids from 1 on. */
function* lines(count: number, name = 'hay'): Generator<string> {
  for (let id = 1; id <= count; id++) yield `${id}\t${name}\n`;
}

async function* slowly<T>(pieces: Iterable<T>): AsyncGenerator<T> {
  for (const piece of pieces) {
    await new Promise((resolve) => setImmediate(resolve));
    yield piece;
  }
}

async function textOf(stream: CopyStream): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const count = async (): Promise<number> =>
  (await client.db.one<{ n: number }>('select count(*)::int as n from goods')).n;

beforeEach(() => client.db.query('truncate goods, big'));
afterEach(() => client.cluster.primary.heal());

describe('copyFrom', () => {
  it.each([
    ['an array', () => [...lines(3)]],
    ['a generator', () => lines(3)],
    ['an async generator', () => slowly(lines(3))],
    ['a stream of text', () => Readable.from(lines(3))],
    ['bytes cut anywhere', () => [...Buffer.from([...lines(3)].join(''))].map((byte) => Uint8Array.of(byte))],
    ['one piece', () => [[...lines(3)].join('')]],
  ])('takes %s', async (_what, source) => {
    const result = await client.db.copyFrom(FROM, source());
    expect(result).toEqual({ rowCount: 3, bytes: 18, node: nameOf(client.cluster.primary) });
    expect(await textOf(client.db.copyTo(TO))).toBe([...lines(3)].join(''));
  });

  it('takes a file, CSV, text beyond ASCII and nothing at all', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'pgherd-copy-'));
    try {
      const file = path.join(directory, 'goods.csv');
      await writeFile(file, 'id,name\n1,"Heu, ""grün"" 🐑"\n2,\n');
      const source = createReadStream(file, { highWaterMark: 3 });
      const progress: number[] = [];
      const options = { onProgress: (bytes: number) => progress.push(bytes) };
      const text = '/* so */ COPY goods FROM STDIN (FORMAT csv, HEADER)';
      expect(await client.db.copyFrom(text, source, options)).toMatchObject({ rowCount: 2, bytes: 35 });
      expect(progress.at(-1)).toBe(35);
      expect(await client.db.rows('select name from goods order by id')).toEqual([
        { name: 'Heu, "grün" 🐑' },
        { name: null },
      ]);
    } finally {
      await rm(directory, { recursive: true });
    }
    expect(await client.db.copyFrom(FROM, [])).toMatchObject({ rowCount: 0, bytes: 0 });
  });

  it('takes no more than the server does: a fast source is held up', async () => {
    const { db } = client;
    await db.script(`
      create or replace function wait_for_42() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock_shared(42); return new; end';
      create trigger wait_for_42 before insert on held for each row execute function wait_for_42()`);
    let given = 0;
    async function* fast(): AsyncGenerator<Uint8Array> {
      const piece = Buffer.from(`${'x'.repeat(65_535)}\n`);
      for (given = 0; given < 1_000; given++) yield piece;
    }
    let copying: Promise<unknown>;
    {
      await using holder = await db.acquire();
      await holder.query('select pg_advisory_lock(42)');
      copying = db.copyFrom('copy held from stdin', fast());
      let before = -1;
      let still = 0;
      const heldUp = () => {
        still = given > 0 && given === before ? still + 1 : 0;
        before = given;
        return still > 10;
      };
      await waitUntil(heldUp, { what: 'the source to be held up' });
      // The kernel and the proxy take some megabytes for themselves; all of it would be 65.
      expect(given).toBeLessThan(800);
      await holder.query('select pg_advisory_unlock(42)');
    }
    expect(await copying).toMatchObject({ rowCount: 1_000, bytes: 65_536_000 });
  });

  it('an error of the source gives the COPY up, and is the one that is told', async () => {
    const closed = client.closed();
    async function* broken(): AsyncGenerator<string> {
      yield* lines(2);
      throw new Error('the source broke');
    }
    expect(await rejection(client.db.copyFrom(FROM, broken()))).toMatchObject({
      message: 'the source broke',
    });
    const stream = new Readable({ read: () => undefined });
    stream.push('1\thay\n');
    const pending = rejection(client.db.copyFrom(FROM, stream));
    stream.destroy(new Error('the stream broke'));
    expect(await pending).toMatchObject({ message: 'the stream broke' });
    expect(await rejection(client.db.copyFrom(FROM, [1, 2] as never))).toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
    });
    expect(await count()).toBe(0);
    expect(client.closed()).toBe(closed);
  });

  it('an error of the server ends it at once, and the source is told that no more is wanted', async () => {
    const closed = client.closed();
    let ended = false;
    async function* waiting(): AsyncGenerator<string> {
      try {
        yield '1\thay\n2\tnot\tthree\n'.padEnd(70_000, '#');
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          yield '';
        }
      } finally {
        ended = true;
      }
    }
    expect(await rejection(client.db.copyFrom(FROM, waiting()))).toMatchObject({
      code: '22P04',
      node: nameOf(client.cluster.primary),
    });
    await waitUntil(() => ended, { what: 'the source to be ended' });
    expect(await rejection(client.db.copyFrom(FROM, ['1\ta\n1\tb\n']))).toMatchObject({ code: '23505' });
    expect(await rejection(client.db.copyFrom('copy nowhere from stdin', lines(1)))).toMatchObject({
      code: '42P01',
    });
    expect(await count()).toBe(0);
    expect(client.closed()).toBe(closed);
  });

  it.each([
    ['no COPY', 'insert into goods values (1)', []],
    ['the other direction', TO, []],
    ['a file of the server', "copy goods from '/dev/null'", []],
    ['no source', FROM, undefined],
    ['a text as source', FROM, '1\thay\n'],
    ['a Buffer as source', FROM, Buffer.from('1\thay\n')],
  ])('refuses %s', async (_what, text, source) => {
    const error = await rejection(client.db.copyFrom(text, source as never));
    expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
  });

  it('refuses a second statement behind it, and runs neither', async () => {
    const error = await rejection(client.db.copyFrom(`${FROM}; drop table big`, lines(1)));
    expect(error).toMatchObject({ code: '42601' });
    expect(await client.db.one("select to_regclass('big')::text as t")).toEqual({ t: 'big' });
  });

  it('a connection lost on the way leaves nothing behind, and says so; one lost at the end leaves it open', async () => {
    const { primary } = client.cluster;
    // The reset meets every connection, those of the client as well.
    const fresh = open(client.cluster);
    const kept = async () => (await fresh.one<{ n: number }>('select count(*)::int as n from goods')).n;
    const db = open(client.cluster, { pool: { max: 1 } });
    try {
      async function* untilLost(): AsyncGenerator<string> {
        yield* lines(1);
        primary.proxy.reset();
        await new Promise(() => undefined);
      }
      expect(await rejection(db.copyFrom(FROM, untilLost()))).toMatchObject({
        code: 'PGHERD_CONNECTION_LOST',
      });
      expect(await kept()).toBe(0);
      const cut = primary.proxy.cutWhen(
        (chunk, direction) => direction === 'to-client' && chunk.includes('COPY 5'),
      );
      expect(await rejection(db.copyFrom(FROM, lines(5)))).toBeInstanceOf(OutcomeUnknownError);
      await cut.undo();
      expect(await kept()).toBe(5);
    } finally {
      await fresh.close();
      await db.close();
    }
  });

  it('timeoutMs and signals end it, also while the source is silent', async () => {
    const silent = (): AsyncIterable<string> => ({
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
    });
    expect(await rejection(client.db.copyFrom(FROM, silent(), { timeoutMs: 50 }))).toMatchObject({
      code: 'PGHERD_TIMEOUT',
    });
    const controller = new AbortController();
    async function* aborting(): AsyncGenerator<string> {
      yield* lines(3);
      controller.abort();
      yield* silent();
    }
    expect(
      await rejection(client.db.copyFrom(FROM, aborting(), { signal: controller.signal })),
    ).toMatchObject({
      code: 'PGHERD_ABORTED',
    });
    expect(await count()).toBe(0);
  });

  it('inside a transaction it is part of it; nothing else runs beside it', async () => {
    await rejection(
      client.db.transaction(async (tx) => {
        async function* asking(): AsyncGenerator<string> {
          yield* lines(2);
          const error = await rejection(tx.query('select 1'));
          expect(error).toMatchObject({ code: 'PGHERD_CONNECTION_BUSY' });
        }
        expect(await tx.copyFrom(FROM, asking())).toMatchObject({ rowCount: 2 });
        expect(await tx.one('select count(*)::int as n from goods')).toEqual({ n: 2 });
        throw new Error('undo');
      }),
    );
    expect(await count()).toBe(0);
  });

  it('goes to a primary only', async () => {
    expect(await rejection(client.db.read.copyFrom(FROM, lines(1)))).toMatchObject({ code: '25006' });
  });
});

describe('copyTo', () => {
  it('gives what there is, and then what it did', async () => {
    await client.db.copyFrom(FROM, lines(1_000));
    const stream = client.db.copyTo(TO);
    expect(stream.result).toBeUndefined();
    const text = await textOf(stream);
    expect(text).toBe([...lines(1_000)].join(''));
    const { node, ...result } = stream.result ?? { node: '' };
    expect(result).toEqual({ rowCount: 1_000, bytes: Buffer.byteLength(text) });
    expect(node).toBe(nameOf(client.cluster.primary));
    expect(await textOf(client.db.read.copyTo('copy (select 1 where false) to stdout'))).toBe('');
  });

  it('can be piped, and feeds a copyFrom', async () => {
    await client.db.copyFrom(FROM, lines(100));
    let bytes = 0;
    const sink = new Writable({
      write: (chunk: Uint8Array, _encoding, done) => {
        bytes += chunk.length;
        done();
      },
    });
    await pipeline(client.db.copyTo(TO), sink);
    expect(bytes).toBe([...lines(100)].join('').length);
    await client.db.query('create table if not exists twin (like goods)');
    const result = await client.db.copyFrom('copy twin from stdin', client.db.copyTo(TO));
    expect(result).toMatchObject({ rowCount: 100, bytes });
  });

  it('the server waits for who reads slowly, and the memory does not grow', async () => {
    const row = `repeat('x', 1000)`;
    const stream = client.db.copyTo(`copy (select ${row} from generate_series(1, 300000)) to stdout`);
    let bytes = 0;
    let most = 0;
    for await (const piece of stream) {
      bytes += piece.length;
      most = Math.max(most, piece.length);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bytes).toBe(300_000 * 1_001);
    expect(most).toBeLessThan(2 * 1024 * 1024);
  });

  it('leaving it early frees the connection', async () => {
    // Not one series of them all, which the server would first write down.
    const thousand = 'generate_series(1, 1000)';
    const endless = `copy (select repeat('x', 1000) from ${thousand} a, ${thousand} b, ${thousand} c) to stdout`;
    for await (const piece of client.db.copyTo(endless)) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    expect(client.db.stats().total.leased).toBe(0);
    await client.db.transaction(async (tx) => {
      for await (const _piece of tx.copyTo(
        "copy (select repeat('x', 1000) from generate_series(1, 2000)) to stdout",
      )) {
        expect(await rejection(tx.query('select 1'))).toMatchObject({ code: 'PGHERD_CONNECTION_BUSY' });
        break;
      }
      expect(await tx.one('select 1 as n')).toEqual({ n: 1 });
    });
  });

  it.each([
    ['at its beginning', 'copy nowhere to stdout', '42P01'],
    ['on its way', 'copy (select 1 / (50000 - g) from generate_series(1, 60000) g) to stdout', '22012'],
  ])('an error of the server %s reaches the loop, and the connection goes on', async (_what, text, code) => {
    const closed = client.closed();
    expect(await rejection(textOf(client.db.copyTo(text)))).toMatchObject({ code });
    expect(client.closed()).toBe(closed);
  });

  it('refuses what is no COPY to the client', () => {
    for (const text of ['select 1', FROM, "copy goods to '/tmp/x'", undefined as never]) {
      expect(() => client.db.copyTo(text)).toThrow(/copyTo takes a COPY … TO STDOUT statement/);
    }
  });

  it('timeoutMs ends it while the server is at work', async () => {
    const text = 'copy (select pg_sleep(600)) to stdout';
    const error = await rejection(textOf(client.db.read.copyTo(text, { timeoutMs: 50 })));
    expect(error).toMatchObject({ code: 'PGHERD_TIMEOUT' });
  });
});
