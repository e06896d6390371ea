import type { Row } from 'pgherd';
import type { DriverCopyOut } from 'pgherd/connection';
import { rejection } from './rejection.ts';
import type { Suite } from './suite.ts';

/** Several statements in one round trip. */
export function describeBatch({ describe, it, expect, connect }: Suite): void {
  describe('batch', () => {
    it('returns a result for each statement, in order', async () => {
      const { connection } = await connect();
      const results = await connection.batch?.([
        { text: 'select $1::int as n', values: [1] },
        { text: 'select 2 as n' },
      ]);
      expect(results?.map(({ rows }) => rows)).toEqual([[{ n: 1 }], [{ n: 2 }]]);
      expect(connection.status).toBe('idle');
    });

    it('is all or nothing, and its error has the place of the statement that failed', async () => {
      const { connection } = await connect();
      await connection.simple('create temporary table batched (n int primary key)');
      const insert = { text: 'insert into batched values ($1)', values: [1] };
      const work = connection.batch?.([insert, insert]) ?? Promise.resolve('no batch');
      expect(await rejection(work)).toMatchObject({ code: '23505', index: 1 });
      expect((await connection.query({ text: 'select n from batched' })).rows).toEqual([]);
    });
  });
}

/** A result in parts. */
export function describeCursor({ describe, it, expect, connect }: Suite): void {
  const text = 'select n from generate_series(1, 5) n';

  describe('cursor', () => {
    it('returns the rows in parts, of the size asked for at most, and then is done', async () => {
      const { connection } = await connect();
      const cursor = connection.cursor?.({ text });
      const rows: Row[] = [];
      for (let done = cursor === undefined; !done; ) {
        const part = await cursor?.read(2);
        expect((part?.rows.length ?? 3) <= 2).toBe(true);
        rows.push(...(part?.rows ?? []));
        done = part?.done ?? true;
      }
      await cursor?.close();
      expect(rows).toEqual([1, 2, 3, 4, 5].map((n) => ({ n })));
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });

    it('closed early, leaves the connection ready', async () => {
      const { connection } = await connect();
      const cursor = connection.cursor?.({ text });
      expect((await cursor?.read(1))?.rows).toEqual([{ n: 1 }]);
      await cursor?.close();
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
      expect(connection.status).toBe('idle');
    });

    it('rejects with the error of the server, and the connection goes on', async () => {
      const { connection } = await connect();
      const cursor = connection.cursor?.({ text: 'select 1 / (3 - n) as n from generate_series(1, 5) n' });
      const read = async () => {
        for (let done = false; !done; ) done = (await cursor?.read(1))?.done ?? true;
      };
      expect(await rejection(read())).toMatchObject({ code: '22012' });
      await cursor?.close();
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });
  });
}

async function readAll(copy: DriverCopyOut | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = await copy?.read();
    if (chunk === undefined) return Buffer.concat(chunks).toString();
    chunks.push(chunk);
  }
}

/** COPY, both ways. */
export function describeCopy({ describe, it, expect, connect }: Suite): void {
  const table = 'create temporary table copied (n int)';
  const intoTable = 'copy copied from stdin';

  describe('COPY', () => {
    it('takes data and returns it', async () => {
      const { connection } = await connect();
      await connection.simple(table);
      const taking = await connection.copyIn?.(intoTable);
      await taking?.write(Buffer.from('1\n2'));
      await taking?.write(Buffer.from('\n3\n'));
      expect(await taking?.end()).toMatchObject({ command: 'COPY', rowCount: 3 });
      const giving = await connection.copyOut?.('copy copied to stdout');
      expect(await readAll(giving)).toBe('1\n2\n3\n');
      expect(await giving?.result).toMatchObject({ command: 'COPY', rowCount: 3 });
    });

    it('given up, keeps nothing, and the connection goes on', async () => {
      const { connection } = await connect();
      await connection.simple(table);
      const taking = await connection.copyIn?.(intoTable);
      const result = rejection(taking?.result ?? Promise.resolve('no COPY'));
      await taking?.write(Buffer.from('1\n'));
      await taking?.fail('enough');
      expect(await result).toMatchObject({ code: '57014' });
      expect((await connection.query({ text: 'select n from copied' })).rows).toEqual([]);
    });

    it('rejects with the error of the server, and the connection goes on', async () => {
      const { connection } = await connect();
      await connection.simple(table);
      const taking = await connection.copyIn?.(intoTable);
      const result = rejection(taking?.result ?? Promise.resolve('no COPY'));
      await taking?.write(Buffer.from('no number\n'));
      await taking?.end().catch(() => undefined);
      expect(await result).toMatchObject({ code: '22P02' });
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });

    it('drained, leaves the connection ready', async () => {
      const { connection } = await connect();
      const giving = await connection.copyOut?.('copy (select generate_series(1, 100000)) to stdout');
      await giving?.read();
      await giving?.drain();
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });
  });
}
