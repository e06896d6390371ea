import type { ConnectionListener, ConnectRequest, Driver } from '../../connection/port.ts';
import { systemClock } from '../../time/system.ts';
import { Schema, TextHashes } from '../content/names.ts';
import { readMessage } from '../content/server-error.ts';
import { FreeSlabs } from '../content/writer.ts';
import { MAX_MESSAGE_BYTES, MAX_SCRAM_ITERATIONS, PREPARE_MAX_AGE_MS } from '../limits.ts';
import { openSession } from '../login/open.ts';
import { startupPacket } from '../login/startup.ts';
import { lookUp } from '../lookup.ts';
import { types } from '../types.ts';
import { WireConnection } from './connection.ts';
import { WIRE_CAPABILITIES, type WireOptions } from './options.ts';
import type { Shared } from './parts.ts';

/** pgherd's own way to speak PostgreSQL's protocol. */
export function wireDriver(options: WireOptions = {}): Driver {
  const { maxMessageBytes = MAX_MESSAGE_BYTES, clock = systemClock } = options;
  const dialler: Dialler = {
    shared: {
      types: options.types ?? types,
      hashes: new TextHashes(),
      slabs: new FreeSlabs(),
      schema: new Schema(options.prepareMaxAgeMs ?? PREPARE_MAX_AGE_MS, () => clock.now()),
    },
    parameters: new Map(),
    limitOf: () => maxMessageBytes,
    maxIterations: options.scramMaxIterations ?? MAX_SCRAM_ITERATIONS,
  };
  return Object.freeze({
    name: 'wire',
    capabilities: WIRE_CAPABILITIES,
    lookUp,
    connect: (request: ConnectRequest, listener: ConnectionListener, signal: AbortSignal) =>
      connect(dialler, request, listener, signal),
  });
}

interface Dialler {
  readonly shared: Shared;
  /** Parameters of the last connection to each address: the same on nearly all of them. */
  readonly parameters: Map<string, Map<string, string>>;
  readonly maxIterations: number;
  limitOf(type: number): number;
}

async function connect(
  dialler: Dialler,
  request: ConnectRequest,
  listener: ConnectionListener,
  signal: AbortSignal,
): Promise<WireConnection> {
  const startup = startupPacket(request);
  const { maxIterations } = dialler;
  const options = { startup, maxIterations, listener: reporting(listener), reusesBuffer: true };
  const session = await openSession(request, options, signal);
  const { socket, attempt, cutter } = session;
  try {
    const parameters = sharedParameters(dialler.parameters, request, session.parameters);
    cutter.limitOf = dialler.limitOf;
    const origin = { socket, login: session, parameters, way: { request, attempt } };
    const connection = new WireConnection(origin, listener, dialler.shared);
    connection.begin();
    return connection;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function reporting(listener: ConnectionListener) {
  return {
    parameter: (name: string, value: string) => listener.parameter(name, value),
    notice: (bytes: Buffer, start: number, end: number) => {
      const { message, fields, severity } = readMessage(bytes, start, end);
      listener.message({ severity, sqlState: fields.code ?? '00000', message, routine: fields.routine });
    },
  };
}

function sharedParameters(
  known: Map<string, Map<string, string>>,
  { address }: ConnectRequest,
  parameters: Map<string, string>,
): Map<string, string> {
  const key = `${address.hostaddr ?? address.host}:${address.port}`;
  const last = known.get(key);
  if (last !== undefined && areEqual(last, parameters)) return last;
  known.set(key, parameters);
  return parameters;
}

function areEqual(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  if (one.size !== other.size) return false;
  for (const [name, value] of one) if (other.get(name) !== value) return false;
  return true;
}
