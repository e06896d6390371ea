import { AUTH_METHODS, type AuthMethod } from './sets.ts';
import type { Settings } from './settings.ts';
import { badValue, chooseText } from './values.ts';

/** Methods that pgherd implements. `none`: the server accepts the login without asking. */
const SPOKEN: readonly AuthMethod[] = ['password', 'md5', 'scram-sha-256', 'none'];

/**
 * The methods that `require_auth` allows, of those that pgherd supports; `undefined` if it is not set.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for an unknown method, a method named twice, a mix of
 * methods with and without `!` (all as in libpq), or a list that leaves no method that pgherd supports.
 */
export function planRequireAuth(settings: Settings): readonly AuthMethod[] | undefined {
  const text = chooseText(settings, 'require_auth');
  if (text === undefined) return undefined;
  const items = text.split(',');
  const negative = items[0]?.startsWith('!') === true;
  const named = new Set<AuthMethod>();
  for (const item of items) {
    if (item.startsWith('!') !== negative) {
      throw badValue(
        settings,
        'require_auth',
        'mixes methods with "!" and without',
        'Write "!" before all of them, or before none.',
      );
    }
    const method = AUTH_METHODS.find((one) => one === (negative ? item.slice(1) : item));
    if (method === undefined) {
      throw badValue(
        settings,
        'require_auth',
        `is not a list of ${AUTH_METHODS.join(', ')}, each with or without "!" before it`,
      );
    }
    if (named.has(method)) throw badValue(settings, 'require_auth', `names ${method} more than once`);
    named.add(method);
  }
  const left = SPOKEN.filter((method) => named.has(method) !== negative);
  if (left.length === 0) {
    throw badValue(
      settings,
      'require_auth',
      'leaves no method that pgherd supports',
      `It supports ${SPOKEN.join(', ')}.`,
    );
  }
  return left;
}
