import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { Client } from 'pg';
import pg from 'pg';
import { type Cluster, createCluster, type Field, type QueryResult, type Row, type Statement } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAILING, LITERALS, PARAMETERS, STATEMENTS } from '../../src/differential/cases.ts';
import { serverVersions } from '../../src/versions.ts';

/** What a statement gave, in a form that two clients can be compared by. */
interface Answer {
  readonly rows: unknown;
  readonly rowCount: number | null;
  readonly command: string | null;
  readonly fields: readonly (readonly [string, number, number, number])[];
}

/** Ways by which pgherd runs a statement; each must give what `pg` gives. */
const WAYS: Readonly<Record<string, (db: Cluster, statement: Statement) => Promise<Partial<Answer>>>> = {
  query: async (db, statement) => answerOf(await db.query(statement)),
  'query, prepared by now': async (db, statement) => {
    // The third time a text comes it has a name.
    for (let round = 0; round < 3; round++) await db.query(statement);
    return answerOf(await db.query(statement));
  },
  'query, as arrays': async (db, statement) => {
    const { rows } = await db.query({ ...statement, rowMode: 'array' });
    return { rows: rows.map((row) => [...(row as unknown as unknown[])]) };
  },
  'query, with a name': async (db, statement) =>
    db.use(async (lease) =>
      answerOf(await lease.query({ ...statement, name: `n ${statement.text.slice(0, 40)}` })),
    ),
  transaction: async (db, statement) => db.transaction(async (tx) => answerOf(await tx.query(statement))),
  batch: async (db, statement) => {
    const results = await db.batch([{ text: 'select 1' }, statement, statement]);
    return answerOf(results.at(-1) as QueryResult);
  },
  stream: async (db, statement) => {
    const rows: Row[] = [];
    for await (const row of db.stream(statement)) rows.push(row);
    return { rows };
  },
};

function answerOf(result: {
  rows: unknown[];
  rowCount: number | null;
  command: string | null;
  fields: readonly Field[];
}): Answer {
  const { rows, rowCount, command, fields } = result;
  return {
    rows,
    rowCount,
    command: command ?? '',
    fields: fields.map((field) => [field.name, field.dataTypeID, field.tableID, field.columnID] as const),
  };
}

/** Major version of PostgreSQL that brought MERGE. */
const MERGE_FROM = 15;

/** The columns of an error of the server that both must give. */
const ERROR_FIELDS = [
  'name',
  'message',
  'length',
  'severity',
  'code',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'where',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'file',
  'line',
  'routine',
] as const;

function errorOf(error: unknown): Readonly<Record<string, unknown>> {
  const from = error as Readonly<Record<string, unknown>>;
  const fields = Object.fromEntries(ERROR_FIELDS.map((name) => [name, from[name]]));
  const name = /"(pgherd_\w+)"/.exec(String(fields['message']))?.[1];
  // A difference of the table: the server names the statement.
  return name === undefined
    ? fields
    : {
        ...fields,
        message: String(fields['message']).replace(name, ''),
        length: Number(fields['length']) - name.length,
      };
}

/** Multiranges came with PostgreSQL 14. */
function literalsOf(version: number | undefined): typeof LITERALS {
  return LITERALS.filter(([type]) => (version ?? 14) >= 14 || !type.endsWith('multirange'));
}

describe.each(serverVersions())('what pgherd gives is what pg gives, on PostgreSQL %s', (version) => {
  let cluster: TestCluster;
  let db: Cluster;
  let client: Client;
  let compared = 0;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 0, version });
    db = createCluster({ url: cluster.url, env: {}, pool: { max: 2 } });
    client = new pg.Client(cluster.url);
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await db.close();
    await cluster.close();
  });

  async function agree(statement: Statement, ways: readonly string[] = Object.keys(WAYS)): Promise<void> {
    const values = statement.values === undefined ? [] : [...statement.values];
    const expected = answerOf(
      await client.query({ text: statement.text, values, queryMode: 'extended' } as pg.QueryConfig),
    );
    for (const way of ways) {
      const given = await WAYS[way]?.(db, statement);
      const { rows, ...rest } = given ?? {};
      const wanted = way === 'query, as arrays' ? await arraysOf(statement.text, values) : expected.rows;
      expect(rows, `${way}: ${statement.text}`).toEqual(wanted);
      expect(expected, `${way}: ${statement.text}`).toMatchObject(rest);
      compared++;
    }
  }

  async function arraysOf(text: string, values: unknown[]): Promise<unknown> {
    return (await client.query({ text, values, rowMode: 'array' })).rows;
  }

  it.each(
    literalsOf(version).map(([type, ...literals]) => [type, literals] as const),
  )('values of type %s', async (type, literals) => {
    for (const literal of literals) {
      const value = literal === null ? 'null' : `'${literal.replaceAll("'", "''")}'`;
      const text = `select ${type.startsWith('varchar') || type.startsWith('char') || type.startsWith('bit') ? `cast(${value} as ${type})` : `${value}::${type}`} as value`;
      await agree({ text });
    }
  });

  it('values as parameters', async () => {
    for (const [type, value] of PARAMETERS)
      await agree({ text: `select $1::${type} as value, $1::${type}::text as text`, values: [value] });
  });

  it('many columns, many rows and wide ones', async () => {
    const columns = Array.from({ length: 300 }, (_, n) => `${n} as c${n}`).join(', ');
    await agree({ text: `select ${columns}` });
    await agree({
      text: "select n, n::text, null as nothing, now() - n * interval '1 day' < now() as old from generate_series(1, 3000) n",
    });
    await agree({ text: "select repeat('é', 500000) as long" });
  });

  it('statements of every form, one after the other', async () => {
    await client.query('create schema if not exists diff_pg; set search_path = diff_pg');
    await db.use(async (lease) => {
      await lease.query('create schema if not exists diff_own');
      await lease.query('set search_path = diff_own');
      for (const text of STATEMENTS) {
        if (text.startsWith('merge') && version !== undefined && version < MERGE_FROM) continue;
        const expected = answerOf(await client.query({ text, queryMode: 'extended' } as pg.QueryConfig));
        const given = answerOf(await lease.query(text));
        const oids = (answer: Answer) => ({
          ...answer,
          fields: answer.fields.map(([name, , , column]) => [name, column]),
        });
        expect(oids(given), text).toEqual(oids(expected));
        compared++;
      }
    });
    await client.query('reset search_path; drop schema diff_pg cascade');
    await db.query('drop schema diff_own cascade');
  });

  it('errors, field by field, and each connection goes on', async () => {
    await db.query(
      'create table diff_e (n int primary key not null, m int constraint diff_positive check (m > 0))',
    );
    try {
      for (const [text, values = [], hint] of FAILING) {
        const ofPg = await client
          .query({ text, values: [...values], queryMode: 'extended' } as pg.QueryConfig)
          .then(
            () => undefined,
            (error: unknown) => errorOf(error),
          );
        // Where the server gives no hint, pgherd may.
        const expected = hint === undefined ? ofPg : { ...ofPg, hint };
        for (const way of ['query', 'transaction', 'stream']) {
          const given = await WAYS[way]?.(db, { text, values }).then(
            () => undefined,
            (error: unknown) => errorOf(error),
          );
          expect(given, `${way}: ${text}`).toEqual(expected);
          compared++;
        }
        expect(await db.one('select 1 as n')).toEqual({ n: 1 });
      }
    } finally {
      await db.query('drop table diff_e');
    }
  });

  it('the suite has compared at least 800 answers', () => {
    expect(compared).toBeGreaterThanOrEqual(800);
  });
});
