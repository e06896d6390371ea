import type { Transaction } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { itemClient } from '../../src/item-client.ts';
import { quiet, rejection, standbyNames } from '../../src/support.ts';

const setUp = itemClient();

describe('transactions', () => {
  it('commits what the function did, and gives its value', async () => {
    const value = await setUp.db.transaction(async (tx) => {
      expect(tx).toMatchObject({ attempt: 1, node: setUp.primaryName(), isOpen: true });
      await tx.query('insert into item values (1, 10)');
      return 'done';
    });
    expect(value).toBe('done');
    expect(await setUp.amountOf(1)).toBe(10);
  });

  it('rolls back when the function throws, and throws the very same error', async () => {
    const mine = new Error('mine');
    const error = await rejection(
      setUp.db.transaction(async (tx) => {
        await tx.query('insert into item values (2)');
        throw mine;
      }),
    );
    expect(error).toBe(mine);
    expect(await setUp.amountOf(2)).toBeUndefined();
    await quiet(setUp.db);
  });

  it('an explicit rollback ends it without an error', async () => {
    await setUp.db.transaction(async (tx) => {
      await tx.query('insert into item values (2)');
      await tx.rollback();
      await tx.rollback();
      expect(tx.isOpen).toBe(false);
    });
    expect(await setUp.amountOf(2)).toBeUndefined();
  });

  it('a savepoint undoes only what its function did', async () => {
    await setUp.db.transaction(async (tx) => {
      await tx.query('insert into item values (3)');
      await rejection(tx.transaction((inner) => inner.query('select 1/0')));
      await rejection(
        tx.transaction(async (inner) => {
          await inner.query('insert into item values (4)');
          await inner.transaction((deeper) => deeper.query('insert into item values (5)'));
          throw new Error('mine');
        }),
      );
      await tx.transaction((inner) => inner.query('insert into item values (6)'));
    });
    const ids = await setUp.db.rows({
      text: 'select id from item where id between 3 and 6 order by id',
      rowMode: 'array',
    });
    expect(ids).toEqual([[3], [6]]);
  });

  it('is never run again after its COMMIT, whatever fails then', async () => {
    const serialization = Object.assign(new Error('as if'), { code: '40001', severity: 'ERROR' });
    let runs = 0;
    const byCallback = setUp.db.transaction(async (tx) => {
      runs++;
      await tx.query('insert into item values ($1)', [380 + runs]);
      tx.afterCommit(() => {
        throw serialization;
      });
    });
    expect(await rejection(byCallback)).toBe(serialization);
    const byHand = setUp.db.transaction(async (tx) => {
      runs++;
      await tx.query('insert into item values ($1)', [380 + runs]);
      await tx.commit();
      throw serialization;
    });
    expect(await rejection(byHand)).toBe(serialization);
    expect(runs).toBe(2);
    expect(await setUp.db.rows('select id from item where id between 381 and 399')).toHaveLength(2);
  });

  it('a savepoint cannot end the transaction around it', async () => {
    await setUp.db.transaction(async (tx) => {
      await tx.query('insert into item values (37)');
      await tx.transaction(async (inner) => {
        for (const end of [inner.commit, inner.rollback]) {
          expect(await rejection(end())).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
        }
        expect(inner.isOpen).toBe(true);
      });
      expect(tx.isOpen).toBe(true);
    });
    expect(await setUp.db.maybeOne('select 1 from item where id = 37')).toBeDefined();
  });

  it('isolation, readOnly and deferrable reach the server', async () => {
    const shown = async (tx: Transaction) =>
      tx.one(`select current_setting('transaction_isolation') as isolation,
        current_setting('transaction_read_only') as read_only, current_setting('transaction_deferrable') as deferrable`);
    expect(await setUp.db.transaction(shown, { isolation: 'serializable' })).toMatchObject({
      isolation: 'serializable',
    });
    expect(await setUp.db.transaction(shown, { isolation: 'repeatable read' })).toMatchObject({
      isolation: 'repeatable read',
      read_only: 'off',
    });
    const all = { isolation: 'serializable', readOnly: true, deferrable: true, target: 'primary' } as const;
    expect(await setUp.db.transaction(shown, all)).toEqual({
      isolation: 'serializable',
      read_only: 'on',
      deferrable: 'on',
    });
  });

  it('readOnly goes to a standby unless somebody says otherwise', async () => {
    const node = async (tx: Transaction) => tx.node;
    expect(standbyNames(setUp.cluster)).toContain(await setUp.db.transaction(node, { readOnly: true }));
    expect(await setUp.db.transaction(node, { readOnly: true, target: 'primary' })).toBe(setUp.primaryName());
    expect(await setUp.db.with({ target: 'primary' }).transaction(node, { readOnly: true })).toBe(
      setUp.primaryName(),
    );
  });

  it('runs the function again after a serialization failure', async () => {
    await setUp.insertItem(10, 1);
    await setUp.insertItem(11, 1);
    const attempts: number[] = [];
    const meet = rendezvous(2);
    const takeFrom = (id: number) =>
      setUp.db.transaction(
        async (tx) => {
          attempts.push(tx.attempt);
          const sum = await tx.one('select sum(amount)::int as sum from item where id in (10, 11)');
          if (tx.attempt === 1) await meet();
          if (Number(sum['sum']) >= 2)
            await tx.query('update item set amount = amount - 1 where id = $1', [id]);
        },
        { isolation: 'serializable' },
      );
    await Promise.all([takeFrom(10), takeFrom(11)]);
    expect(attempts.sort()).toEqual([1, 1, 2]);
    expect(Number(await setUp.amountOf(10)) + Number(await setUp.amountOf(11))).toBe(1);
  });

  it('gives up after retry.attempts, or at once with retry: false, with the error of the server', async () => {
    const raise = "do $$ begin raise exception 'again' using errcode = '40001'; end $$";
    let runs = 0;
    const always = async (tx: Transaction) => {
      runs++;
      await tx.query(raise);
    };
    expect(await rejection(setUp.db.transaction(always))).toMatchObject({
      code: '40001',
      node: setUp.primaryName(),
    });
    expect(runs).toBe(3);
    runs = 0;
    await rejection(setUp.db.transaction(always, { retry: { attempts: 2 } }));
    expect(runs).toBe(2);
    runs = 0;
    await rejection(setUp.db.transaction(always, { retry: false }));
    expect(runs).toBe(1);
  });

  it('runs the function again after a deadlock', async () => {
    await setUp.insertItem(20);
    await setUp.insertItem(21);
    const attempts: number[] = [];
    const meet = rendezvous(2);
    const both = (first: number, second: number) =>
      setUp.db.transaction(async (tx) => {
        attempts.push(tx.attempt);
        await tx.query("set local deadlock_timeout = '50ms'").catch(() => undefined);
        await tx.query('update item set amount = amount + 1 where id = $1', [first]);
        if (tx.attempt === 1) await meet();
        await tx.query('update item set amount = amount + 1 where id = $1', [second]);
      });
    await setUp.cluster.primary.sql('grant set on parameter deadlock_timeout to app');
    await Promise.all([both(20, 21), both(21, 20)]);
    expect(attempts.sort()).toEqual([1, 1, 2]);
    expect([await setUp.amountOf(20), await setUp.amountOf(21)]).toEqual([2, 2]);
  });

  it('a swallowed error is no success: COMMIT answered by ROLLBACK is an error with the first cause', async () => {
    const error = await rejection(
      setUp.db.transaction(async (tx) => {
        await tx.query('insert into item values (30)');
        await rejection(tx.query('select 1/0'));
        await rejection(tx.query('select 2'));
      }),
    );
    expect(error).toMatchObject({ code: 'PGHERD_TRANSACTION_ROLLED_BACK', cause: { code: '22012' } });
    expect(await setUp.amountOf(30)).toBeUndefined();
  });

  it('afterCommit runs in order after the commit, and never after a rollback', async () => {
    const seen: unknown[] = [];
    await setUp.db.transaction(async (tx) => {
      await tx.query('insert into item values (31, 5)');
      tx.afterCommit(async () => {
        seen.push(await setUp.amountOf(31));
      });
      tx.afterCommit(() => {
        seen.push('second');
      });
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual([5, 'second']);
    await rejection(
      setUp.db.transaction(async (tx) => {
        tx.afterCommit(() => {
          seen.push('never');
        });
        throw new Error('mine');
      }),
    );
    await setUp.db.transaction(async (tx) => {
      await rejection(
        tx.transaction(async (inner) => {
          inner.afterCommit(() => {
            seen.push('never');
          });
          throw new Error('mine');
        }),
      );
      await tx.transaction(async (inner) => {
        inner.afterCommit(() => {
          seen.push('inner');
        });
      });
    });
    expect(seen).toEqual([5, 'second', 'inner']);
  });

  it('takes no statement after its end', async () => {
    let kept: Transaction | undefined;
    await setUp.db.transaction(async (tx) => {
      kept = tx;
    });
    if (kept === undefined) throw new Error('not run');
    const tx = kept;
    expect(await rejection(tx.query('select 1'))).toMatchObject({ code: 'PGHERD_TRANSACTION_ENDED' });
    expect(await rejection(tx.commit())).toMatchObject({ code: 'PGHERD_TRANSACTION_ENDED' });
    expect(await rejection(tx.transaction(() => 1))).toMatchObject({ code: 'PGHERD_TRANSACTION_ENDED' });
    expect(() => tx.afterCommit(() => undefined)).toThrow(
      expect.objectContaining({ code: 'PGHERD_TRANSACTION_ENDED' }),
    );
    await tx.rollback();
  });

  it('begin with await using rolls back unless it was committed', async () => {
    {
      await using tx = await setUp.db.begin();
      await tx.query('insert into item values (40)');
    }
    expect(await setUp.amountOf(40)).toBeUndefined();
    {
      await using tx = await setUp.db.begin({ isolation: 'serializable' });
      await tx.query('insert into item values (40)');
      await tx.commit();
      expect(tx.isOpen).toBe(false);
    }
    expect(await setUp.amountOf(40)).toBe(0);
    await quiet(setUp.db);
  });

  it('current() is the transaction inside its function, and the cluster outside', async () => {
    const pid = async () => (await setUp.db.current().one('select pg_backend_pid() as pid'))['pid'];
    expect(setUp.db.current()).toBe(setUp.db);
    await setUp.db.transaction(async (tx) => {
      expect(setUp.db.current()).toBe(tx);
      const own = (await tx.one('select pg_backend_pid() as pid'))['pid'];
      await new Promise(setImmediate);
      expect(await pid()).toBe(own);
      // The cluster's own verbs never join silently.
      expect((await setUp.db.one('select pg_backend_pid() as pid'))['pid']).not.toBe(own);
    });
    expect(setUp.db.current()).toBe(setUp.db);
  });

  it('runs the function again when the connection is lost before COMMIT', async () => {
    const attempts: number[] = [];
    await setUp.db.transaction(async (tx) => {
      attempts.push(tx.attempt);
      await tx.query('insert into item values (41)');
      if (tx.attempt > 1) return;
      const { pid } = await tx.one('select pg_backend_pid() as pid');
      await setUp.cluster.primary.sql('select pg_terminate_backend($1)', [pid]);
      await tx.query('select 1');
    });
    expect(attempts).toEqual([1, 2]);
    expect(await setUp.amountOf(41)).toBe(0);
  });
});

/** A point that `count` callers reach together. */
function rendezvous(count: number): () => Promise<void> {
  let arrived = 0;
  let open: () => void = () => undefined;
  const together = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    arrived++;
    if (arrived === count) open();
    return together;
  };
}
