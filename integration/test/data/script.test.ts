import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { nameOf, rejection } from '../../src/support.ts';

const client = oneClient([]);

describe('script', () => {
  it('runs many statements and gives the result of the last', async () => {
    const result = await client.db.script(`
      -- comments, semicolons in 'text;' and all
      create table made (id int, note text default 'a;b');
      insert into made values (1), (2);
      do $$ begin insert into made values (3); end $$;
      select id, note from made order by id;
    `);
    expect(result).toMatchObject({ command: 'SELECT', rowCount: 3, node: nameOf(client.cluster.primary) });
    expect(result.rows[2]).toEqual({ id: 3, note: 'a;b' });
    expect(await client.db.script('')).toMatchObject({ rows: [] });
  });

  it('has a connection of its own, whose session nobody gets', async () => {
    await client.db.script("set work_mem = '7MB'; create temp table mine (n int); listen somewhere");
    const used = await Promise.all(
      Array.from({ length: 8 }, () => client.db.one("select current_setting('work_mem') as work_mem")),
    );
    expect(used).not.toContainEqual({ work_mem: '7MB' });
  });

  it('is one transaction unless it says otherwise', async () => {
    const failing = 'create table never (n int); select 1/0; create table later (n int)';
    expect(await rejection(client.db.script(failing))).toMatchObject({
      code: '22012',
      node: expect.any(String),
    });
    const partly = 'begin; create table kept (n int); commit; create table lost (n int); select 1/0';
    expect(await rejection(client.db.script(partly))).toMatchObject({ code: '22012' });
    const names = ['never', 'later', 'kept', 'lost'];
    const found = await client.db.rows(
      'select n from unnest($1::text[]) n where to_regclass(n) is not null',
      [names],
    );
    expect(found).toEqual([{ n: 'kept' }]);
  });

  it('one that leaves a transaction open is told of', async () => {
    const error = await rejection(client.db.script('begin; create table open_end (n int)'));
    expect(error).toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
      message: expect.stringContaining('COMMIT'),
    });
    expect(await client.db.one("select to_regclass('open_end') as t")).toEqual({ t: null });
  });

  it('ends at its deadline, and goes where it is told', async () => {
    const slow = 'select 1; select pg_sleep(600)';
    expect(await rejection(client.db.read.script(slow, { timeoutMs: 50 }))).toMatchObject({
      code: 'PGHERD_TIMEOUT',
    });
    expect(await rejection(client.db.read.script('create table x (n int)'))).toMatchObject({ code: '25006' });
    expect(await rejection(client.db.script(['select 1'] as never))).toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
    });
  });

  it('on a lease it may leave a transaction open, and the connection is not used again', async () => {
    const closed = client.closed();
    await client.db.use(async (lease) => {
      await lease.script('begin; create table leased (n int); insert into leased values (1)');
      expect(await lease.one('select n from leased')).toEqual({ n: 1 });
      await lease.script('commit');
    });
    expect(client.closed()).toBe(closed + 1);
    expect(await client.db.one('select n from leased')).toEqual({ n: 1 });
  });
});
