import { checkFrames } from './pg-frames.ts';
import type { PgInside } from './pg-inside.ts';
import { type LanePorts, PgLane } from './pg-lane.ts';
import type { DatabaseErrorClass } from './pg-lane-error.ts';
import type { TypeParsers } from './pg-lane-rows.ts';

/** What statements that share a connection need of the module `pg`; without it they do not share any. */
export interface LaneParts {
  /** The class of the errors that a server answers. */
  readonly DatabaseError?: DatabaseErrorClass | undefined;
  /** How text is made of values. */
  readonly utils?: { prepareValue(value: unknown): unknown } | undefined;
}

/**
 * The lane of a connection that is about to be opened, set before the parser of `pg`; `undefined` where this copy of
 * `pg` does not have what it stands on. What comes is checked in either case.
 */
export function laneOf(
  module: LaneParts,
  inside: PgInside,
  ports: Pick<LanePorts, 'ended' | 'destroy'>,
): PgLane | undefined {
  const { DatabaseError, utils } = module;
  const wire = inside.connection;
  const types = inside as unknown as Partial<TypeParsers> & { readonly binary?: unknown };
  if (
    DatabaseError === undefined ||
    utils === undefined ||
    types.getTypeParser === undefined ||
    types.binary
  ) {
    checkFrames(wire);
    return undefined;
  }
  const lane = new PgLane({
    ...ports,
    types: types as TypeParsers,
    ErrorClass: DatabaseError,
    prepareValue: (value) => utils.prepareValue(value),
    write: (bytes) => {
      if (wire.stream.writable) wire.stream.write(bytes);
    },
    allSent: () => wire.stream.writableLength === 0,
    pass: (message) => pass?.(message),
  });
  const pass = checkFrames(wire, lane);
  return pass === undefined ? undefined : lane;
}
