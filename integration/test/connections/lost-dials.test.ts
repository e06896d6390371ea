import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Driver, wireDriver } from 'pgherd/connection';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endMonitors } from '../../src/monitors.ts';
import { described, nameOf, openOver } from '../../src/support.ts';

/** The wire, of which a number of attempts of a monitor to connect to one port get no answer, as when their packets are lost. */
class LossyDials {
  /** How many more are lost. */
  left = 0;
  /** How many of them were begun. */
  begun = 0;
  /** How many of them are over. */
  givenUp = 0;
  readonly driver: Driver;

  constructor(port: number) {
    const wire = wireDriver();
    this.driver = {
      ...wire,
      connect: (request, listener, signal) => {
        const isMonitor = request.applicationName?.endsWith(' monitor') === true;
        if (!isMonitor || request.address.port !== port || this.left === 0)
          return wire.connect(request, listener, signal);
        this.left--;
        this.begun++;
        return new Promise((_, reject) => {
          const givenUp = () => {
            this.givenUp++;
            reject(signal.reason);
          };
          signal.addEventListener('abort', givenUp, { once: true });
        });
      },
    };
  }
}

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
});
afterAll(() => cluster?.close());

describe.each([
  ['one host', () => cluster.primary.url],
  ['three hosts', () => cluster.url],
])('attempts of a monitor that get no answer, with %s', (_what, url) => {
  it.each<[string, number, string[]]>([
    ['one is a sign of silence, as an unanswered probe is', 1, ['suspect', 'ok']],
    ['two in a row are the proof', 2, ['suspect', 'offline', 'ok']],
  ])('%s', async (_sign, count, expected) => {
    const dials = new LossyDials(cluster.primary.port);
    const states: string[] = [];
    await using db = openOver(dials.driver, cluster, { url: url() });
    db.on('node:health-changed', ({ node, after }) => {
      if (node === nameOf(cluster.primary)) states.push(after);
    });
    await db.ready();
    states.length = 0;
    dials.left = count;
    // The pool takes over the monitor's first connection, which opens another one; or it has kept it, and loses it here.
    await db.query('select 1');
    if (dials.begun === 0) await endMonitors(cluster.primary);
    await waitUntil(() => dials.givenUp === count && described(db, cluster.primary).health === 'ok', {
      what: 'the node to be known again',
    });
    expect(states).toEqual(expected);
  });
});
