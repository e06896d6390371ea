import type { DatabaseErrorClass } from '../../wire/lane/errors.ts';
import { type LanePorts, type LaneResources, WireLane } from '../../wire/lane/lane.ts';
import { NameHashes } from '../../wire/lane/names.ts';
import type { TypeParsers } from '../../wire/lane/rows.ts';
import { Slabs } from '../../wire/lane/slabs.ts';
import type { ValuePreparer } from '../../wire/lane/values.ts';
import { checkFrames, type PassMessage } from './checked-parser.ts';
import type { PgInside, PgWire } from './inside.ts';

/** What statements that share a connection need of the module `pg`; without it they do not share any. */
export interface LaneParts {
  /** The class of the errors that a server answers. */
  readonly DatabaseError?: DatabaseErrorClass | undefined;
  /** How text is made of values. */
  readonly utils?: ValuePreparer | undefined;
}

/** What the lanes of one driver share. */
export function laneResources(): LaneResources {
  return { slabs: new Slabs(), hashes: new NameHashes() };
}

/** The connection, as far as its lane has something to tell it. */
export type LaneOwner = Pick<LanePorts, 'ended' | 'destroy'>;

/**
 * The lane of a connection that is about to be opened, set before the parser of `pg`; `undefined` where this
 * copy of `pg` does not have what it stands on. What comes is checked in either case.
 */
export function laneOf(
  module: LaneParts,
  inside: PgInside,
  owner: LaneOwner,
  resources: LaneResources,
): WireLane | undefined {
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
  const ports = new InsidePorts(types as TypeParsers, DatabaseError, utils, wire, owner);
  const lane = new WireLane(ports, resources);
  ports.passTo = checkFrames(wire, lane);
  return ports.passTo === undefined ? undefined : lane;
}

/** One object, for there is one for each connection. */
class InsidePorts implements LanePorts {
  readonly types: TypeParsers;
  readonly ErrorClass: DatabaseErrorClass;
  readonly #utils: ValuePreparer;
  readonly #wire: PgWire;
  readonly #owner: LaneOwner;
  passTo: PassMessage | undefined;

  constructor(
    types: TypeParsers,
    ErrorClass: DatabaseErrorClass,
    utils: ValuePreparer,
    wire: PgWire,
    owner: LaneOwner,
  ) {
    this.types = types;
    this.ErrorClass = ErrorClass;
    this.#utils = utils;
    this.#wire = wire;
    this.#owner = owner;
  }

  prepareValue(value: unknown): unknown {
    return this.#utils.prepareValue(value);
  }

  write(bytes: Buffer): void {
    const { stream } = this.#wire;
    if (stream.writable) stream.write(bytes);
  }

  allSent(): boolean {
    return this.#wire.stream.writableLength === 0;
  }

  pass(message: Buffer): void {
    this.passTo?.(message);
  }

  ended(error: Error): void {
    this.#owner.ended(error);
  }

  destroy(): void {
    this.#owner.destroy();
  }
}
