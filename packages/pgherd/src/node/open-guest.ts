import { withinConnectTimeout } from '../dial/connect-timeout.ts';
import type { Connector } from '../dial/connector.ts';
import type { Access } from '../model/names.ts';
import type { CancelTarget } from '../wire/cancel.ts';
import type { OpenedSession } from '../wire/login/open.ts';
import type { GuestSession } from './guest-session.ts';
import type { SessionFactoryPorts } from './session-factory.ts';

/** What the sessions of guests need from their node. */
export type GuestPorts = Pick<
  SessionFactoryPorts,
  'node' | 'settings' | 'describe' | 'parameter' | 'hint' | 'opened' | 'failed' | 'closed' | 'takeOver'
> & { readonly connector: Connector };

/**
 * Opens a session for a guest, whose startup parameters are `own`, or takes over the monitor's first one. Hooks do not run: they would
 * speak on it.
 * @throws the server's error, the system's; PgHerdError `PGHERD_CONNECT_TIMEOUT`, `PGHERD_SERVER_TOO_OLD` and those of a login.
 */
export async function openGuest(
  ports: GuestPorts,
  access: Access,
  own: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<GuestSession> {
  const { node, settings, connector } = ports;
  connector.assertLetsIn();
  const { generation } = ports.describe();
  const startedAt = settings.clock.now();
  try {
    const opened = await withinConnectTimeout(
      node,
      settings,
      signal,
      async (limited) =>
        (await connector.takenOverByGuest(access, own, ports.takeOver)) ??
        (await connector.connectGuest(access, own, limited)),
    );
    ports.opened(settings.clock.now() - startedAt);
    return sessionOf(ports, opened, generation);
  } catch (error) {
    if (!signal.aborted) {
      ports.hint();
      ports.failed(error);
    }
    throw error;
  }
}

function sessionOf(ports: GuestPorts, { session, request }: OpenedSession, generation: number): GuestSession {
  // A pooler repeats the parameters of the first session that it ever had.
  const isBelieved = !ports.connector.behindPooler;
  const parameter = (name: string, value: string) => {
    if (isBelieved) ports.parameter(generation, name, value);
    // A server that is fenced by its configuration shows it first on a busy connection; a probe confirms it.
    if (name === 'default_transaction_read_only') ports.hint();
  };
  if (isBelieved) for (const [name, value] of session.parameters) ports.parameter(generation, name, value);
  return {
    node: ports.node,
    session,
    cancel: cancelTargetOf(session, request),
    parameter,
    hint: () => ports.hint(),
    refused: () => ports.hint(),
    ended: (reason, byItself) => {
      ports.closed(reason);
      if (byItself) ports.hint();
    },
  };
}

function cancelTargetOf(
  { socket, attempt, processId, secretKey }: OpenedSession['session'],
  request: CancelTarget['request'],
): CancelTarget | undefined {
  if (processId === undefined || secretKey === undefined) return undefined;
  return { request, attempt, remoteAddress: socket.remoteAddress, processId, secretKey };
}
