import { argumentError, invalidArgument, messageOf, PgHerdError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import type { AutoRoute } from '../model/text-route.ts';
import { type Parse, TextReader } from './read-text.ts';
import { Router } from './router.ts';

/** Targets that reads may have. */
const READ_TARGETS = Object.freeze(['prefer-standby', 'standby', 'read-only', 'any'] as const);

/** Options of `autoRoute`. */
export interface AutoRouteOptions {
  /** Target of statements that only read. Default `prefer-standby`: the primary serves if no standby can. */
  readonly reads?: (typeof READ_TARGETS)[number] | undefined;
  /**
   * Volatile functions of the application, by name without schema, that may run on a standby: they neither write nor hold state, such
   * as `uuid_generate_v4`. Default: none.
   */
  readonly standbyFunctions?: readonly string[] | undefined;
}

const OPTIONS = optionNames<AutoRouteOptions>({ reads: true, standbyFunctions: true });

/** The versions of `libpg-query` whose trees are known. */
const SUPPORTED = '18.1 or newer';

/**
 * The option `autoRoute` over a parser. `loading` may reject.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function autoRouteWith(loading: Promise<Parse>, options: AutoRouteOptions): AutoRoute {
  assertOptions('autoRoute', options, OPTIONS);
  const { reads = 'prefer-standby', standbyFunctions = [] } = options;
  if (!READ_TARGETS.includes(reads))
    throw invalidArgument('reads', quoted(reads), `one of ${READ_TARGETS.join(', ')}`);
  if (
    !Array.isArray(standbyFunctions) ||
    !standbyFunctions.every((name) => typeof name === 'string' && name !== '')
  )
    throw argumentError('standbyFunctions must be a list of names of functions.', {
      argument: 'standbyFunctions',
    });
  const allowed = new Set(standbyFunctions);
  const reader = loading
    .then((parse) => new TextReader(parse))
    .catch((error: unknown) => {
      throw noParser(error);
    });
  // It is the calls that fail.
  reader.catch(() => undefined);
  return Object.freeze({
    reads,
    routerOf: (ports) => new Router({ reads, allowed, reader }, ports),
  } satisfies AutoRoute);
}

function noParser(error: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    `The parser of autoRoute() cannot be used: ${messageOf(error)}. It takes libpg-query ${SUPPORTED}; a bundler must leave that package outside.`,
    { cause: error },
  );
}
