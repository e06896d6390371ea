import { describe, expect, it } from 'vitest';
import { Session, type SessionPool } from '../../src/node/session.ts';
import { ScriptedConnection } from '../support/scripted-connection.ts';
import { virtualClock } from '../support/virtual-clock.ts';

function leased() {
  const connection = new ScriptedConnection();
  const session = new Session('n:1', 1, connection, 'read-write');
  const done: string[] = [];
  const pool: SessionPool = {
    release: (_session, reason) => done.push(`released${reason === undefined ? '' : `: ${reason}`}`),
    forget: () => done.push('forgotten'),
    destroyWhere: (which, reason) => done.push(`destroyed: ${which(session) ? reason : 'nothing'}`),
  };
  session.lease('read-write', 10, undefined);
  session.allowMove();
  const returned = async () => {
    session.returnTo(pool, virtualClock());
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    return done;
  };
  return { connection, session, returned };
}

type Leased = ReturnType<typeof leased>;

describe('a session that is given back', () => {
  it.each<[string, (given: Leased) => void, string[], string[]]>([
    ['clean', () => undefined, ['released'], []],
    ['closed', ({ connection }) => connection.destroy(), ['forgotten'], []],
    [
      'in the middle of a stream',
      ({ session }) => session.occupy(),
      ['destroyed: was left in the middle of a stream or a COPY'],
      [],
    ],
    [
      'retired twice: the first reason stays',
      ({ session }) => {
        session.retire('ran a script');
        session.retire('did not tell its position');
      },
      ['released: ran a script'],
      [],
    ],
    [
      'inside a transaction',
      ({ connection }) => {
        connection.status = 'in-transaction';
      },
      ['released'],
      ['ROLLBACK'],
    ],
    [
      'inside a transaction that cannot be rolled back',
      ({ connection }) => {
        connection.status = 'in-transaction';
        connection.answer = () => Promise.reject(new Error('no'));
      },
      ['destroyed: could not be cleaned up'],
      ['ROLLBACK'],
    ],
  ])('%s', async (_what, change, expected, sent) => {
    const given = leased();
    change(given);
    expect(await given.returned()).toEqual(expected);
    expect(given.connection.sent).toEqual(sent);
  });

  it('belongs to no call any more', async () => {
    const { session, returned } = leased();
    expect([session.movable, session.handedAt]).toEqual([true, 10]);
    session.noteMessage({
      severity: 'WARNING',
      sqlState: '01000',
      message: '',
      routine: 'SyncRepWaitForLSN',
    });
    await returned();
    expect([session.movable, session.committedLocallyOnly]).toEqual([false, false]);
  });
});

describe('a session whose server is looked at', () => {
  function looked(access: 'read-write' | 'read-only') {
    const connection = new ScriptedConnection();
    const session = new Session('n:1', 1, connection, access);
    session.beginLooking();
    return { connection, session };
  }

  it("serves reads at once, and writes once its server is the node's", async () => {
    const { session } = looked('read-write');
    expect(session.suits('read-write')).toBe(false);
    const order: string[] = [];
    const ready = session.setAccess('read-write').then(() => order.push('ready'));
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    order.push('shown');
    session.endLooking();
    await ready;
    expect(order).toEqual(['shown', 'ready']);
    expect(session.suits('read-write')).toBe(true);
    expect(looked('read-only').session.suits('read-only')).toBe(true);
  });

  it('is switched to reading without waiting', async () => {
    const { connection, session } = looked('read-write');
    await session.setAccess('read-only');
    expect(session.suits('read-only')).toBe(true);
    expect(connection.sent).toEqual(['SET default_transaction_read_only = on']);
  });

  it('is not ready for writes before both are done, the switch and the look', async () => {
    const { session } = looked('read-only');
    const ready = session.setAccess('read-write');
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    expect(session.suits('read-write')).toBe(false);
    session.endLooking();
    await ready;
    expect(session.suits('read-write')).toBe(true);
  });

  it('refuses a write if its server turns out to be another', async () => {
    const { session } = looked('read-write');
    const ready = session.setAccess('read-write');
    session.endLooking(new Error('leads to another server'));
    await expect(ready).rejects.toThrow('leads to another server');
    await expect(session.setAccess('read-write')).rejects.toThrow('leads to another server');
    expect(session.suits('read-write')).toBe(false);
  });
});
