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
