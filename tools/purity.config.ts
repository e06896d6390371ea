/** The folder in which time, dice and the environment are arguments. */
export const PURE_ROOT = 'packages/pgherd/src';

/** What a file may nevertheless touch, because touching it is its job. */
export type Privilege = 'clock' | 'timer' | 'dice' | 'environment';

/** The only files with a privilege, by path from {@link PURE_ROOT}. Add one only with a reason beside it. */
export const PRIVILEGES: Readonly<Record<string, readonly Privilege[]>> = {
  // The one place where the ports Clock and Random meet the real ones.
  'time/system.ts': ['clock', 'timer', 'dice'],
  // Nonces of SCRAM must be numbers that cannot be guessed, which a Random does not promise.
  'wire/login/open.ts': ['dice'],
  // Clients take their defaults from the environment at any time; so does what is compared with them.
  'guests/usual-names.ts': ['environment'],
  // Reads the PG* variables once and hands them on as a value.
  'login/surroundings.ts': ['environment'],
};

/** Folders that decide: `(state, input, now) → result`. They neither wait nor write to a console. */
export const DECIDING = ['dsn', 'sql', 'topology', 'routing', 'retry'];
