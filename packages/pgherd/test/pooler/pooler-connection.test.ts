import { describe, expect, it } from 'vitest';
import { Session } from '../../src/node/session.ts';
import { PoolerConnection } from '../../src/pooler/pooler-connection.ts';
import { phaseOf } from '../../src/retry/classify.ts';
import { ScriptedConnection, serverError } from '../support/scripted-connection.ts';

const SETTINGS = "SELECT pg_catalog.set_config(E'a', E'1', true)";

function behindPooler(options: { standby?: boolean; settings?: string } = {}) {
  const inner = new ScriptedConnection();
  const node = { standby: options.standby ?? false, poolerErrors: 0 };
  const connection = new PoolerConnection(inner, {
    settings: options.settings ?? '',
    isStandby: () => node.standby,
    onPoolerError: () => {
      node.poolerErrors++;
    },
  });
  return { inner, node, connection, session: new Session('n:1', 0, connection, 'read-write') };
}

describe('statements outside a transaction', () => {
  it('go as they are, without their name', async () => {
    const { inner, connection } = behindPooler();
    await connection.query({ text: 'select 1', name: 'one' });
    expect(inner.sent).toEqual(['select 1']);
  });

  it('that must not write run in a read-only transaction, unless a standby sees to that', async () => {
    const { inner, node, connection } = behindPooler();
    connection.useFor('read-only');
    await connection.query({ text: 'select 1' });
    node.standby = true;
    await connection.query({ text: 'select 2' });
    connection.useFor('read-write');
    node.standby = false;
    await connection.query({ text: 'insert' });
    expect(inner.sent).toEqual([
      'BEGIN; SET TRANSACTION READ ONLY',
      'select 1',
      'COMMIT',
      'select 2',
      'insert',
    ]);
  });

  it('get the settings that the session cannot keep', async () => {
    const { inner, connection } = behindPooler({ settings: SETTINGS });
    connection.useFor('read-only');
    await connection.query({ text: 'select 1' });
    expect(inner.sent).toEqual([`BEGIN; SET TRANSACTION READ ONLY; ${SETTINGS}`, 'select 1', 'COMMIT']);
  });

  it('that come at once are run one after the other', async () => {
    const { inner, connection } = behindPooler({ settings: SETTINGS });
    await Promise.all([connection.query({ text: 'a' }), connection.query({ text: 'b' })]);
    expect(inner.sent).toEqual([`BEGIN; ${SETTINGS}`, 'a', 'COMMIT', `BEGIN; ${SETTINGS}`, 'b', 'COMMIT']);
  });

  it('that fail are rolled back, and their error passes', async () => {
    const { inner, connection } = behindPooler({ settings: SETTINGS });
    const error = serverError('no', '23505', 'ERROR');
    inner.answer = (text) => (text === 'insert' ? Promise.reject(error) : {});
    await expect(connection.query({ text: 'insert' })).rejects.toBe(error);
    expect(inner.sent).toEqual([`BEGIN; ${SETTINGS}`, 'insert', 'ROLLBACK']);
    expect(connection.status).toBe('idle');
  });

  it('were not sent when the connection ended at the BEGIN around them', async () => {
    const { inner, connection } = behindPooler({ settings: SETTINGS });
    inner.answer = () => {
      inner.destroy();
      return Promise.reject(new Error('Connection terminated unexpectedly'));
    };
    const error = await connection.query({ text: 'insert' }).catch((reason: unknown) => reason);
    expect(phaseOf(error)).toBe('not-handed');
    expect(inner.sent).toEqual([`BEGIN; ${SETTINGS}`]);
  });

  it('an error of the pooler itself is told, and translated', async () => {
    const { inner, node, connection } = behindPooler();
    inner.answer = () => Promise.reject(serverError('server conn crashed?', '08P01', 'FATAL'));
    await expect(connection.query({ text: 'select 1' })).rejects.toThrow(
      /^Connection terminated by the pooler/,
    );
    expect(node.poolerErrors).toBe(1);
  });
});

describe('transactions', () => {
  it('begin with what the session would have had; what follows goes as it is', async () => {
    const { inner, connection } = behindPooler({ settings: SETTINGS });
    connection.useFor('read-only');
    await connection.simple('BEGIN ISOLATION LEVEL SERIALIZABLE');
    await connection.query({ text: 'select 1', name: 'one' });
    await connection.simple('COMMIT');
    expect(inner.sent).toEqual([
      `BEGIN ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION READ ONLY; ${SETTINGS}`,
      'select 1',
      'COMMIT',
    ]);
  });
});

describe('a session over it', () => {
  it('suits every use without a round trip', async () => {
    const { inner, session } = behindPooler();
    expect([session.suits('read-only'), session.suits('read-write')]).toEqual([true, true]);
    await session.setAccess('read-only');
    expect(inner.sent).toEqual([]);
  });

  it.each([
    ['read-write, on the primary', false, 'read-write', false],
    ['read-write, on a standby', true, 'read-write', false],
    ['read-only, on the primary', false, 'read-only', true],
    ['read-only, on a standby', true, 'read-only', true],
  ] as const)('%s: could not write?', async (_what, standby, access, expected) => {
    const { session } = behindPooler({ standby });
    session.lease(access, 0, undefined);
    await session.connection.query({ text: 'select 1' });
    expect(session.couldNotWrite).toBe(expected);
  });

  it('read-only on a standby that was promoted meanwhile: it could have written', async () => {
    const { session, node } = behindPooler({ standby: true });
    session.lease('read-only', 0, undefined);
    await session.connection.query({ text: 'select 1' });
    node.standby = false;
    expect(session.couldNotWrite).toBe(false);
  });

  it('cannot be reset: its connection is closed', async () => {
    const { session, inner } = behindPooler();
    inner.dirty = true;
    await expect(session.cleanUp()).rejects.toThrow('cannot be reset');
    expect(inner.sent).toEqual([]);
  });
});
