import type { ConnectRequest } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';

/** The messages by which a server asks for a proof of identity. */
export interface AuthenticationWire {
  on(event: 'authenticationCleartextPassword' | 'authenticationMD5Password', fn: () => void): void;
  on(event: 'authenticationSASL', fn: (message: { mechanisms: string[] }) => void): void;
  on(event: 'authenticationSASLFinal' | 'authenticationOk', fn: () => void): void;
  off(event: string, fn: () => void): void;
}

/** Why a method is refused although `require_auth` allows it, or says nothing. */
const ONLY_IN_CLEAR =
  'this host, which discovery named, may without TLS (sslmode=require or stricter) ask only for';
const CHANNEL_BOUND = 'SCRAM-SHA-256-PLUS';

/**
 * Holds the server to `require_auth` and `channel_binding=require`, as libpq does: a server that asks for less, or for
 * nothing, is not the one we were told to trust, and must not see the password. Must listen before `pg` does.
 */
export function guardAuthentication(
  wire: AuthenticationWire,
  request: ConnectRequest,
  encrypted: boolean,
  refuse: (error: PgHerdError) => void,
): void {
  const { channelBinding } = request;
  const requireAuth = encrypted ? request.requireAuth : (request.requireAuthInClear ?? request.requireAuth);
  const bound = channelBinding === 'require';
  if (requireAuth === undefined && !bound) return;
  let asked = false;
  const demand = (method: string, isBound: boolean) => {
    asked = true;
    if (requireAuth !== undefined && !requireAuth.includes(method)) {
      const rule = requireAuth === request.requireAuth ? 'require_auth allows' : ONLY_IN_CLEAR;
      refuse(refusal(`it asks for ${method}, and ${rule} ${requireAuth.join(', ')}`));
    } else if (bound && !isBound) {
      refuse(
        refusal('it does not bind the authentication to the TLS channel, as channel_binding=require demands'),
      );
    }
  };
  wire.on('authenticationCleartextPassword', () => demand('password', false));
  wire.on('authenticationMD5Password', () => demand('md5', false));
  wire.on('authenticationSASL', ({ mechanisms }) =>
    demand('scram-sha-256', mechanisms.includes(CHANNEL_BOUND)),
  );
  wire.on('authenticationOk', () => {
    if (!asked) demand('none', false);
  });
}

/**
 * A server that asked for SCRAM must prove that it knows the password as well, before it lets us in: `pg` checks the proof, but
 * not that there was one.
 */
export function demandProof(wire: AuthenticationWire, refuse: (error: PgHerdError) => void): void {
  let owed = false;
  const onAsked = () => {
    owed = true;
  };
  const onProof = () => {
    owed = false;
  };
  const onOk = () => {
    // It is asked once; what listens costs memory for as long as the connection lives.
    wire.off('authenticationSASL', onAsked);
    wire.off('authenticationSASLFinal', onProof);
    wire.off('authenticationOk', onOk);
    if (!owed) return;
    const sentence =
      'The server let us in without the proof that it knows the password: it may be another server.';
    refuse(new PgHerdError('PGHERD_AUTHENTICATION_FAILED', sentence));
  };
  wire.on('authenticationSASL', onAsked);
  wire.on('authenticationSASLFinal', onProof);
  wire.on('authenticationOk', onOk);
}

function refusal(reason: string): PgHerdError {
  return new PgHerdError('PGHERD_AUTHENTICATION_FAILED', `The server was not given the password: ${reason}.`);
}
