import { describe, expect, it } from 'vitest';
import { createClusterOver } from '../../src/cluster/over.ts';
import type { ConnectionListener } from '../../src/connection/port.ts';
import { MonitorConnection } from '../../src/monitor/connection.ts';
import { FirstConnection } from '../../src/monitor/first-connection.ts';
import { Relay } from '../../src/monitor/relay.ts';
import type { ClusterOptions } from '../../src/options/options.ts';
import { ScriptedConnection } from '../support/scripted-connection.ts';
import { scriptedDriver } from '../support/scripted-driver.ts';
import { virtualClock } from '../support/virtual-clock.ts';

/** Notes which parameters it was given. */
class Ears implements ConnectionListener {
  readonly heard: string[] = [];
  parameter(name: string, value: string): void {
    this.heard.push(`${name}=${value}`);
  }
  message(): void {}
  closed(): void {
    this.heard.push('closed');
  }
}

function opened(first = new FirstConnection()) {
  const driver = new ScriptedConnection({ parameters: {} });
  const monitors = new Ears();
  const relay = new Relay(monitors);
  const connection = new MonitorConnection(driver, 0, relay, virtualClock(), 0);
  first.nextDial(true);
  first.opened(connection);
  return { first, driver, monitors, relay, connection };
}

const reopen = async (): Promise<void> => undefined;

describe('the first connection of a monitor', () => {
  it('is dialled as those of the pool, if the pool may take it over; all later ones are not', () => {
    const first = new FirstConnection();
    expect([first.nextDial(true), first.nextDial(true)]).toEqual(['as-pools', 'anew']);
    const own = new FirstConnection();
    expect([own.nextDial(false), own.nextDial(true)]).toEqual(['anew', 'anew']);
  });

  it('is given away once, with what it reports from then on', () => {
    const { first, connection, driver, relay, monitors } = opened();
    const pools = new Ears();
    relay.parameter('in_hot_standby', 'off');
    expect(first.isTakeable(connection)).toBe(true);
    expect(first.give(connection, pools, reopen)).toBe(driver);
    relay.parameter('in_hot_standby', 'on');
    relay.closed(undefined);
    expect(monitors.heard).toEqual(['in_hot_standby=off']);
    expect(pools.heard).toEqual(['in_hot_standby=on', 'closed']);
    expect(first.isTakeable(connection)).toBe(false);
  });

  it('is followed by one to the same address, and that by ones dialled anew', () => {
    const { first, connection } = opened();
    first.give(connection, new Ears(), reopen);
    expect([first.nextDial(true), first.nextDial(true)]).toEqual(['beside', 'anew']);
  });

  it('is not given away while it has something to answer, or is closed', async () => {
    const { first, connection, driver } = opened();
    const answer = connection.ask('select 1');
    expect(first.give(connection, new Ears(), reopen)).toBeUndefined();
    await answer;
    driver.destroy();
    expect(first.give(connection, new Ears(), reopen)).toBeUndefined();
    expect(first.isTakeable(connection)).toBe(true);
  });

  it('is kept if nobody has taken it, and then is nobody else’s', () => {
    const { first, connection } = opened();
    first.keep();
    expect(first.isTakeable(connection)).toBe(false);
  });

  it('lets questions wait for the connection in its place', async () => {
    const { first, connection } = opened();
    let open = () => undefined as unknown;
    first.give(connection, new Ears(), () => new Promise((resolve) => (open = () => resolve(undefined))));
    const next = opened();
    let asking: MonitorConnection | undefined;
    const answer = first.askSoon(() => asking?.ask)?.('select 1');
    const failed = first.askSoon(() => undefined)?.('select 1');
    asking = next.connection;
    open();
    await expect(answer).resolves.toBeDefined();
    await expect(failed).rejects.toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
    expect(first.reopening).toBeUndefined();
    expect(first.askSoon(() => undefined)).toBeUndefined();
  });
});

describe('the first call of a program', () => {
  async function firstCall(options: ClusterOptions = {}): Promise<readonly string[]> {
    let sent: readonly string[] = [];
    const driver = scriptedDriver(async (text, connection) => {
      if (text === 'select 1') sent = [...connection.sent];
      return { rows: [], rowCount: 0, command: 'SELECT' };
    });
    const db = createClusterOver(driver, { url: 'postgres://app:x@a/shop', env: {}, ...options });
    await db.query('select 1');
    await db.close();
    return sent;
  }

  it('gets the connection over which its node has said what it is', async () => {
    expect((await firstCall())[0]).toMatch(/pg_is_in_recovery/);
  });

  it('does not where a hook of the program comes before each of its connections', async () => {
    const sent = await firstCall({ hooks: { beforeConnect: () => undefined } });
    expect(sent.filter((text) => text.includes('pg_is_in_recovery()::text as in_recovery'))).toEqual([]);
  });
});
