import type { Target } from '../model/names.ts';

/** What a server says of itself at the login. */
export interface SessionRole {
  readonly inRecovery: boolean;
  /** Whether transactions are read-only unless they say otherwise. */
  readonly readOnly: boolean;
}

/** How well a session suits a target: as wanted; only if no other server is; not at all, with the reason. */
export type SessionMatch = 'first' | 'second' | { readonly reason: string };

/** Decides about one session as libpq does for `target_session_attrs`: by the server's word, without any other server. Pure. */
export function matchSession(target: Target, { inRecovery, readOnly }: SessionRole): SessionMatch {
  switch (target) {
    case 'any':
      return 'first';
    case 'read-write':
      if (inRecovery) return STANDBY;
      return readOnly ? READ_ONLY : 'first';
    case 'read-only':
      return inRecovery || readOnly ? 'first' : WRITABLE;
    case 'primary':
      return inRecovery ? STANDBY : 'first';
    case 'standby':
      return inRecovery ? 'first' : PRIMARY;
    case 'prefer-standby':
      return inRecovery ? 'first' : 'second';
    case 'prefer-primary':
      return inRecovery ? 'second' : 'first';
    default:
      return target satisfies never;
  }
}

const STANDBY = Object.freeze({ reason: 'is a standby' });
const PRIMARY = Object.freeze({ reason: 'is a primary' });
const WRITABLE = Object.freeze({ reason: 'is a primary that accepts writes' });
const READ_ONLY = Object.freeze({ reason: 'is read-only (default_transaction_read_only is on)' });
