import { describe, expect, it } from 'vitest';
import { itemClient } from '../../src/item-client.ts';
import { open, quiet, rejection } from '../../src/support.ts';

const setUp = itemClient();

describe('leases', () => {
  it('acquire gives one connection until it is released, and refuses everything afterwards', async () => {
    const lease = await setUp.db.acquire();
    const first = await lease.one('select pg_backend_pid() as pid');
    expect(await lease.one('select pg_backend_pid() as pid')).toEqual(first);
    expect(lease.node).toBe(setUp.primaryName());
    expect(setUp.db.stats().total.leased).toBe(1);
    lease.release();
    lease.release();
    expect(setUp.db.stats().total.leased).toBe(0);
    expect(await rejection(lease.query('select 1'))).toMatchObject({ code: 'PGHERD_LEASE_RELEASED' });
  });

  it('use gives it back however the function ends', async () => {
    expect(await setUp.db.use((lease) => lease.one('select 1 as n'))).toEqual({ n: 1 });
    const error = await rejection(
      setUp.db.use(async () => {
        throw new Error('mine');
      }),
    );
    expect(error).toMatchObject({ message: 'mine' });
    await quiet(setUp.db);
  });

  it('await using releases it, and release({ destroy }) closes the connection', async () => {
    await using own = open(setUp.cluster, { pool: { max: 1 } });
    const pid = async () => (await own.one('select pg_backend_pid() as pid'))['pid'];
    const before = await pid();
    {
      await using lease = await own.acquire();
      await lease.query('select 1');
    }
    expect(await pid()).toBe(before);
    (await own.acquire()).release({ destroy: true });
    expect(await pid()).not.toBe(before);
  });

  it('what a lease set does not reach the next caller', async () => {
    await using own = open(setUp.cluster, { pool: { max: 1 } });
    const before = await own.one('select pg_backend_pid() as pid');
    await own.use(async (lease) => {
      await lease.query("set work_mem = '5MB'");
      await lease.query('create temporary table scratch (n int)');
      await lease.query('prepare p as select 1');
      await lease.query('listen news');
      await lease.query("set default_transaction_read_only = 'on'");
    });
    await own.query('insert into item values (905)');
    await own.query('delete from item where id = 905');
    expect((await own.one('show work_mem'))['work_mem']).not.toBe('5MB');
    expect(await rejection(own.query('select * from scratch'))).toMatchObject({ code: '42P01' });
    expect(await own.rows('select * from pg_prepared_statements')).toEqual([]);
    expect(await own.rows('select pg_listening_channels()')).toEqual([]);
    expect(await own.one('select pg_backend_pid() as pid')).toEqual(before);
  });

  it('named statements work on after a reset', async () => {
    await using own = open(setUp.cluster, { pool: { max: 1 } });
    const named = { name: 'n', text: 'select 1 as n' };
    await own.query(named);
    await own.use((lease) => lease.query("set work_mem = '5MB'"));
    expect(await own.one(named)).toEqual({ n: 1 });
  });

  it('a connection returned inside a transaction is rolled back', async () => {
    await using own = open(setUp.cluster, { pool: { max: 1 } });
    await own.use(async (lease) => {
      await lease.query('begin');
      await lease.query('insert into item values (906)');
    });
    expect(await own.rows('select * from item where id = 906')).toEqual([]);
    await own.use(async (lease) => {
      await lease.query('begin');
      await rejection(lease.query('select 1/0'));
    });
    expect(await own.one('select 1 as n')).toEqual({ n: 1 });
  });
});
