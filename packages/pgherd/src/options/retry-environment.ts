import { processEnvironment } from '../login/environment.ts';
import { InvalidOptionsError } from '../model/errors.ts';

/** Variables that say how many attempts there are where the program does not; the first that is set counts. */
export const ATTEMPT_VARIABLES: readonly string[] = Object.freeze([
  'PGHERD_RETRY_ATTEMPTS',
  'DB_RETRY_RETRIES_NUMBER',
]);

/**
 * The number of attempts that the environment asks for, the first included; `undefined` where it says nothing.
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` where it is no whole number above 0.
 */
export function retryAttemptsFrom(
  env: Readonly<Record<string, string | undefined>> = processEnvironment(),
): number | undefined {
  const name = ATTEMPT_VARIABLES.find((one) => (env[one] ?? '') !== '');
  if (name === undefined) return undefined;
  const text = env[name] ?? '';
  const attempts = /^\s*[0-9]{1,9}\s*$/.test(text) ? Number(text) : 0;
  if (attempts >= 1) return attempts;
  throw new InvalidOptionsError([
    `${name} (environment) is ${JSON.stringify(text)}, but must be a whole number, at least 1`,
  ]);
}
