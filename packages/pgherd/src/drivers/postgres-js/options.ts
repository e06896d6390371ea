import type { ConnectRequest } from '../../connection/port.ts';
import { PgHerdError } from '../../model/errors.ts';
import { type PostgresJsInside, type PostgresJsModule, secondConnection } from './inside.ts';
import type { SocketLike } from './socket.ts';
import { ARRAY_OF, ARRAY_SERIALIZERS, PARSERS, sparingTexts } from './types.ts';

/** A type as postgres.js takes it in its option `types`. */
export interface PostgresJsType {
  /** OID that values which `sql.typed` marks are sent as. */
  readonly to: number;
  /** OIDs whose values are read by `parse`. */
  readonly from: readonly number[];
  readonly serialize: (value: never) => unknown;
  readonly parse: (text: string) => unknown;
}

/** Types by the name that they get in `sql.typed`. */
export type PostgresJsTypes = Readonly<Record<string, PostgresJsType>>;

/** Errors that parsers of the application threw: the statement was executed, and the connection is well. */
const PARSER_ERRORS = new WeakSet<object>();

/** Whether a type parser of the application threw the error. */
export function isParserError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && PARSER_ERRORS.has(error);
}

function marking(parse: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      const thrown = error instanceof Error ? error : new Error(String(error));
      PARSER_ERRORS.add(thrown);
      throw thrown;
    }
  };
}

/**
 * A client of postgres.js on one connection. It reads no environment, asks the server for no types, has no
 * timers, and gets its sockets from `socket`. Opens nothing yet.
 */
export function makeClient(
  module: PostgresJsModule,
  request: ConnectRequest,
  prepare: boolean,
  types: PostgresJsTypes,
  socket: () => SocketLike,
): PostgresJsInside {
  // What `options` of a first client are has been worked out: given back, they are taken as they are, without
  // the environment.
  const make = module as unknown as (options: object) => PostgresJsInside;
  const { options } = make(writtenOptions(request, prepare, types));
  const sql = make({
    ...options,
    // Of the environment, where `any` would be an error and `read-write` would refuse a standby.
    target_session_attrs: undefined,
    parameters: {},
    parsers: { ...options.parsers, ...ownParsers(types) },
    serializers: ownSerializers(options.serializers),
    shared: { retries: 0, typeArrayMap: { ...ARRAY_OF } },
    no_subscribe: true,
    socket,
    onnotice: () => undefined,
  });
  const refuse = () => Promise.reject(secondConnection());
  return Object.assign(sql, { listen: refuse, subscribe: refuse });
}

function writtenOptions(
  { address, user, database, password, applicationName, startup }: ConnectRequest,
  prepare: boolean,
  types: PostgresJsTypes,
): Record<string, unknown> {
  return {
    host: [address.hostaddr ?? address.host],
    port: [address.port],
    user,
    database,
    // A function, so that printing the options does not show the password.
    pass: () => password?.reveal() ?? missingPassword(),
    connection: { ...startup, application_name: applicationName ?? '' },
    ssl: false,
    sslnegotiation: null,
    max: 1,
    idle_timeout: null,
    connect_timeout: null,
    max_lifetime: null,
    keep_alive: null,
    backoff: 0,
    max_pipeline: 1000,
    prepare,
    debug: false,
    fetch_types: false,
    publications: 'alltables',
    target_session_attrs: 'primary',
    types: markedTypes(types),
  };
}

/** Never called: a server that asks for a password that is not configured is refused before. */
function missingPassword(): never {
  throw new PgHerdError('PGHERD_AUTHENTICATION_FAILED', 'No password is configured.');
}

function markedTypes(types: PostgresJsTypes): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(types).map(([name, type]) => [name, { ...type, parse: marking(type.parse) }]),
  );
}

function ownParsers(types: PostgresJsTypes): Record<number, unknown> {
  const theirs = new Set(Object.values(types).flatMap((type) => type.from));
  return Object.fromEntries(
    Object.entries(PARSERS)
      .filter(([oid]) => !theirs.has(Number(oid)))
      .map(([oid, parse]) => [oid, marking(parse)]),
  );
}

function ownSerializers(given: Readonly<Record<number, unknown>>): Record<number, unknown> {
  const all = { ...ARRAY_SERIALIZERS, ...given } as Record<number, (value: unknown) => unknown>;
  return Object.fromEntries(Object.entries(all).map(([oid, serialize]) => [oid, sparingTexts(serialize)]));
}
