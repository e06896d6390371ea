import type { AuthenticationCheck } from '../../wire/authentication.ts';

/** The events of `pg` for the messages by which a server asks for a proof of identity. */
export interface PgAuthenticationWire {
  on(event: 'authenticationCleartextPassword' | 'authenticationMD5Password', fn: () => void): void;
  on(event: 'authenticationSASL', fn: (message: { mechanisms: string[] }) => void): void;
  on(event: 'authenticationSASLFinal' | 'authenticationOk', fn: () => void): void;
  off(event: string, fn: (message: never) => void): void;
}

const CHANNEL_BOUND = 'SCRAM-SHA-256-PLUS';

/** Reports to `check` what the server asks for. Must listen before `pg` does, which would answer at once. */
export function watchAuthentication(wire: PgAuthenticationWire, check: AuthenticationCheck): void {
  const onCleartext = () => check.asked('password');
  const onMd5 = () => check.asked('md5');
  const onSasl = ({ mechanisms }: { mechanisms: string[] }) =>
    check.asked('scram-sha-256', mechanisms.includes(CHANNEL_BOUND));
  const onProof = () => check.proved();
  const onOk = () => {
    check.accepted();
    if (check.isSelective) return;
    // Listeners cost memory as long as the connection lives.
    wire.off('authenticationCleartextPassword', onCleartext);
    wire.off('authenticationMD5Password', onMd5);
    wire.off('authenticationSASL', onSasl);
    wire.off('authenticationSASLFinal', onProof);
    wire.off('authenticationOk', onOk);
  };
  wire.on('authenticationCleartextPassword', onCleartext);
  wire.on('authenticationMD5Password', onMd5);
  wire.on('authenticationSASL', onSasl);
  wire.on('authenticationSASLFinal', onProof);
  wire.on('authenticationOk', onOk);
}
