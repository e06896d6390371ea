import { describe, expect, it } from 'vitest';
import type { ConnectRequest } from '../../src/connection/port.ts';
import { AuthenticationCheck } from '../../src/wire/authentication.ts';

type Demands = Pick<ConnectRequest, 'requireAuth' | 'requireAuthInClear' | 'channelBinding'>;

function checked(demands: Demands, encrypted = true) {
  const refusals: string[] = [];
  const check = new AuthenticationCheck(demands as ConnectRequest, encrypted, ({ message }) => {
    refusals.push(message);
  });
  return { check, refusals };
}

describe('AuthenticationCheck', () => {
  it('lets everything pass without demands', () => {
    const { check, refusals } = checked({});
    expect(check.isSelective).toBe(false);
    check.asked('password');
    check.accepted();
    expect(refusals).toEqual([]);
  });

  it('refuses a method that require_auth does not name, also after the login was accepted', () => {
    const { check, refusals } = checked({ requireAuth: ['none', 'scram-sha-256'] });
    check.accepted();
    expect(check.isSelective).toBe(true);
    expect(refusals).toEqual([]);
    check.asked('password');
    expect(refusals).toEqual([
      'The server was not given the password: it asks for password, and require_auth allows none, scram-sha-256.',
    ]);
  });

  it('counts a login without any question as the method none', () => {
    const { check, refusals } = checked({ requireAuth: ['md5'] });
    check.accepted();
    expect(refusals).toEqual([expect.stringContaining('it asks for none')]);
  });

  it('allows less in the clear than over TLS where the list says so', () => {
    const demands: Demands = { requireAuthInClear: ['scram-sha-256'] };
    const clear = checked(demands, false);
    clear.check.asked('md5');
    expect(clear.refusals).toEqual([expect.stringContaining('discovery named')]);
    const encrypted = checked(demands);
    encrypted.check.asked('md5');
    expect(encrypted.refusals).toEqual([]);
  });

  it('demands that the authentication is bound to the TLS channel', () => {
    const bound = checked({ channelBinding: 'require' });
    bound.check.asked('scram-sha-256', true);
    bound.check.proved();
    bound.check.accepted();
    expect(bound.refusals).toEqual([]);
    const unbound = checked({ channelBinding: 'require' });
    unbound.check.asked('scram-sha-256');
    expect(unbound.refusals).toEqual([expect.stringContaining('channel_binding=require')]);
  });

  it('refuses a server that asked for SCRAM and accepts the login without its own proof', () => {
    const { check, refusals } = checked({});
    check.asked('scram-sha-256');
    check.accepted();
    expect(refusals).toEqual([expect.stringContaining('without the proof that it knows the password')]);
  });
});
