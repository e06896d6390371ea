import { setTimeout as lasting } from 'node:timers/promises';
import { waitUntil } from '@pgherd/testing';
import { describe, expect, it } from 'vitest';
import { GUESTS, guestCount } from '../../src/guests.ts';
import { GuestsUnderFaults } from '../../src/guests-under-faults.ts';
import { codeOf, nameOf } from '../../src/support.ts';

const WRITERS = 20;
const faulty = new GuestsUnderFaults({ writers: WRITERS, connections: 8 });

describe.each(GUESTS)('%s as a guest', (client, make) => {
  it('3,000 writes while backends are terminated every 60 ms: none twice, none lost, none hangs', async () => {
    const text = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'writer'
      order by random() limit 1`;
    let killed = 0;
    const writers = await faulty.write(make, { target: 3_000 }, async (running) => {
      while (running.acknowledged.length < 3_000) {
        killed += (await faulty.servers.primary.sql(text)).length;
        await lasting(60);
      }
    });
    expect(killed).toBeGreaterThan(5);
    expect(writers.acknowledged.length).toBeGreaterThanOrEqual(3_000);
    // No more than what was on the connections that were ended.
    expect(writers.failed.size, client).toBeLessThanOrEqual(killed * WRITERS);
  });

  it('the primary is killed, and another takes over', async () => {
    await faulty.write(make, { target: 300 }, async (writers) => {
      await faulty.servers.primary.kill();
      const { promoted } = await faulty.servers.failover();
      await writers.more(200);
      expect(
        faulty.db
          .stats()
          .nodes.filter(({ guests }) => guests > 0)
          .map(({ node }) => node),
      ).toEqual([nameOf(promoted)]);
    });
  });

  it('the primary hands its role over', async () => {
    await faulty.write(make, { target: 300 }, async (writers) => {
      await faulty.switchOver(writers);
      const now = nameOf(faulty.servers.primary);
      const left = () => faulty.db.stats().nodes.every(({ node, guests }) => node === now || guests === 0);
      await waitUntil(left, { what: 'no guest on the former primary' });
    });
  });

  it('a primary that falls silent: statements on it end, and go on elsewhere', async () => {
    await faulty.write(make, { target: 300 }, async (writers, guest) => {
      const before = writers.failed.size;
      const stuck = guest.run('select pg_sleep(600)').catch((error: unknown) => error);
      const old = faulty.servers.primary;
      const slow = async () =>
        (await old.sql("select 1 from pg_stat_activity where query = 'select pg_sleep(600)'")).length > 0;
      await waitUntil(slow, { what: 'the long statement to run' });
      await old.freeze();
      await faulty.servers.failover();
      await writers.more(200);
      expect(codeOf(await stuck)).toBe('PGHERD_CONNECTION_LOST');
      expect(writers.failed.size).toBeGreaterThanOrEqual(before);
      expect(faulty.db.stats().nodes.find(({ node }) => node === nameOf(old))?.guests).toBe(0);
    });
  });
});

describe.each(GUESTS)('%s that reads', (_client, make) => {
  it('leaves a standby that is promoted, once its statement has ended', async () => {
    const db = await faulty.open();
    await using guest = make(db, { target: 'standby', max: 1 });
    const where = async () =>
      String(
        (await guest.run(`select current_setting('port') as port, pg_is_in_recovery() as it`))[0]?.['it'],
      );
    expect(await where()).toBe('true');
    const [at] = db.stats().nodes.filter(({ guests }) => guests > 0);
    const standby = faulty.servers.standbys.find((node) => nameOf(node) === at?.node);
    if (standby === undefined) throw new Error('not on a standby');
    const slow = guest.run(`select pg_sleep(1), 'ended' as it`);
    await faulty.servers.switchover(standby);
    expect(await slow).toMatchObject([{ it: 'ended' }]);
    const moved = () => db.stats().nodes.every(({ node, guests }) => node !== at?.node || guests === 0);
    await waitUntil(moved, { what: 'the guest to leave' });
    expect(await waitUntil(where, { what: 'another standby' })).toBe('true');
    expect(guestCount(db)).toBe(1);
  });
});
