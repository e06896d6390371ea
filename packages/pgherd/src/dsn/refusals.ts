import { PARAMETERS } from './parameters.ts';
import type { PlannedHost } from './plan-types.ts';
import type { Settings } from './settings.ts';
import { badValue, choose, chooseText } from './values.ts';

const GSS_MODES = ['disable', 'prefer', 'require'] as const;
const PROTOCOL_VERSIONS = ['3.0', '3.2', 'latest'] as const;

/** Values by which a server understands "no replication connection", and the empty string. */
const NO_REPLICATION: ReadonlySet<string> = new Set(['', 'false', 'off', 'no', '0']);

/**
 * Refuses values that demand something that pgherd does not do. Values that only permit it are accepted.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN`.
 */
export function refuseUnsupported(settings: Settings, hosts: readonly PlannedHost[]): void {
  if (choose(settings, 'gssencmode', GSS_MODES, 'prefer') === 'require') {
    throw badValue(settings, 'gssencmode', 'is not supported: pgherd has no GSSAPI', 'Use sslmode.');
  }
  const replication = settings.get('replication')?.value ?? '';
  if (!NO_REPLICATION.has(replication.toLowerCase())) {
    throw badValue(settings, 'replication', 'is not supported: pgherd opens no replication connections');
  }
  refuseProtocol(settings);
  if (
    chooseText(settings, 'requirepeer') !== undefined &&
    hosts.some(({ transport }) => transport === 'unix')
  ) {
    throw badValue(
      settings,
      'requirepeer',
      'is not supported: Node.js cannot find out which user owns the other end of a socket',
    );
  }
  for (const name of ['scram_client_key', 'scram_server_key']) {
    if (settings.has(name))
      throw badValue(withoutValue(settings, name), name, 'is not supported', 'Use the parameter password.');
  }
}

function refuseProtocol(settings: Settings): void {
  const newest = choose(settings, 'max_protocol_version', PROTOCOL_VERSIONS, 'latest');
  const oldest = choose(settings, 'min_protocol_version', PROTOCOL_VERSIONS, '3.0');
  if (PROTOCOL_VERSIONS.indexOf(oldest) > PROTOCOL_VERSIONS.indexOf(newest)) {
    throw badValue(settings, 'min_protocol_version', `is above max_protocol_version ${newest}`);
  }
  if (oldest !== '3.0') {
    throw badValue(settings, 'min_protocol_version', 'is not supported: pgherd speaks version 3.0');
  }
}

/** For an error about a secret, which names the parameter without its value. */
function withoutValue(settings: Settings, name: string): Settings {
  const others = new Map(settings);
  others.delete(name);
  return others;
}

/** At most one sentence, which names every parameter that was given and has no effect. */
export function ignoredWarning(settings: Settings): string[] {
  const names = PARAMETERS.filter(({ name, fate }) => fate === 'ignored' && settings.has(name)).map(
    ({ name }) => name,
  );
  if (settings.get('uselibpqcompat')?.value === 'false') names.push('uselibpqcompat');
  if (settings.get('sslcompression')?.value.startsWith('1') === true) names.push('sslcompression');
  return names.length === 0 ? [] : [`Without effect: ${names.join(', ')}.`];
}
