import type { ConnectRequest, TlsRequest } from '../connection/port.ts';
import type { HostList } from '../discovery/allowed.ts';
import type { NodeAddress } from '../model/topology.ts';

/** What a node is, as far as it decides which methods of authentication it may ask for. */
export interface Stranger {
  readonly address: NodeAddress;
  /** `configured`: the connection string names it, exactly so. */
  readonly origin: 'configured' | 'discovered';
}

/** Names that the operator wrote down: the hosts of the connection string, and `allowDiscovered`. */
export interface NamedHosts {
  /** In lower case. */
  readonly hosts: ReadonlySet<string>;
  readonly allowed: HostList | undefined;
}

/** The part of a connection request that limits the server's choice of a method. */
export type AllowedMethods = Pick<ConnectRequest, 'requireAuth' | 'requireAuthRule'>;

/** Every method by which a user can be authenticated, and none at all. */
const AUTH_METHODS: readonly string[] = ['none', 'password', 'md5', 'scram-sha-256'];
/**
 * Methods that show the password to the server, or enough to guess it quickly and to log in elsewhere
 * meanwhile.
 */
const REVEALING: ReadonlySet<string> = new Set(['password', 'md5']);

const RULE =
  'this host, which discovery named, may ask only for the following unless its certificate is verified for a name that you trust ' +
  '(sslmode=verify-full, with your own sslrootcert or the name in the connection string or in allowDiscovered):';

/**
 * The methods that a node may ask for. A host that discovery named gets no password in the clear, nor as MD5,
 * unless a certificate proves it to be a host that the operator meant.
 */
export function allowedMethods(
  node: Stranger,
  tls: TlsRequest,
  requireAuth: readonly string[] | undefined,
  named: NamedHosts,
): AllowedMethods {
  if (node.origin === 'configured' || isProven(node.address, tls, named)) return { requireAuth };
  const methods = (requireAuth ?? AUTH_METHODS).filter((method) => !REVEALING.has(method));
  return { requireAuth: methods, requireAuthRule: RULE };
}

/**
 * Whether every connection to the host is proven to end at a server that the operator meant: TLS without an
 * alternative, and a certificate for a name that the operator wrote down; or for the host's own name, if the
 * authority is the operator's own. The public authorities vouch for any name, so that a name from discovery
 * proves nothing with them; and a name that discovery gives besides the host (`serverName`) never does.
 */
function isProven(
  { host, serverName = host, transport }: NodeAddress,
  { mode, verify, rootCert }: TlsRequest,
  { hosts, allowed }: NamedHosts,
): boolean {
  if (transport === 'unix' || mode !== 'verify-full' || verify !== 'full') return false;
  if (hosts.has(serverName.toLowerCase()) || allowed?.covers(serverName) === true) return true;
  return serverName === host && rootCert !== undefined && rootCert !== 'system';
}
