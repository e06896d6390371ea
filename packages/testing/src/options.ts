import { TestClusterError } from './errors.ts';
import type { PostgresChoice } from './postgres/ensure.ts';
import type { Authentication, ServerSettings, Synchronous } from './server/settings.ts';
import type { TestTlsOptions } from './tls/options.ts';
import { unknownOptions } from './unknown-options.ts';

/** What a test cluster is made of. */
export interface TestClusterOptions extends PostgresChoice {
  /** How many standbys, 0 to 8. Default 2. */
  readonly standbys?: number | undefined;
  /** Synchronous replication. Default `none`. */
  readonly synchronous?: Synchronous | undefined;
  /** Server settings for all nodes, over the kit's own. */
  readonly settings?: ServerSettings | undefined;
  /** A TCP proxy before each node, which `url` goes through. Default false. */
  readonly proxy?: boolean | undefined;
  /** Replication goes through the proxies too. Default false. */
  readonly replicationThroughProxy?: boolean | undefined;
  /** How the role `app` and all others but the superuser authenticate; `cert` needs `tls`. Default `trust`. */
  readonly auth?: Authentication | undefined;
  /** Whether the servers speak TLS, and how. Default false. */
  readonly tls?: boolean | TestTlsOptions | undefined;
  /** A system identifier of its own, by a new initdb (half a second). Default false: that of the template. */
  readonly freshIdentity?: boolean | undefined;
}

/** The options with their defaults, checked. */
export interface ClusterOptions {
  readonly choice: PostgresChoice;
  readonly standbys: number;
  readonly synchronous: Synchronous;
  readonly settings: ServerSettings;
  readonly proxy: boolean;
  readonly replicationThroughProxy: boolean;
  readonly auth: Authentication;
  readonly tls: TestTlsOptions | undefined;
  readonly freshIdentity: boolean;
}

/** Fills in the defaults. @throws {@link TestClusterError} naming every value that breaks a rule. */
export function resolveOptions(given: TestClusterOptions): ClusterOptions {
  const { version, binaries, binDir } = given;
  const options: ClusterOptions = {
    choice: { version, binaries, binDir },
    standbys: given.standbys ?? 2,
    synchronous: given.synchronous ?? 'none',
    settings: given.settings ?? {},
    proxy: given.proxy ?? false,
    replicationThroughProxy: given.replicationThroughProxy ?? false,
    auth: given.auth ?? 'trust',
    tls: given.tls === true ? {} : given.tls === false ? undefined : given.tls,
    freshIdentity: given.freshIdentity ?? false,
  };
  const violations = [...unknownOptions('a test cluster', given, NAMES), ...violationsOf(options)];
  if (violations.length > 0) throw new TestClusterError(`Invalid options: ${violations.join(' ')}`);
  return options;
}

/** Every name. The compiler demands that none is missing. */
const NAMES: Readonly<Record<keyof TestClusterOptions, true>> = Object.freeze({
  version: true,
  binaries: true,
  binDir: true,
  standbys: true,
  synchronous: true,
  settings: true,
  proxy: true,
  replicationThroughProxy: true,
  auth: true,
  tls: true,
  freshIdentity: true,
});

function violationsOf(options: ClusterOptions): string[] {
  const { standbys, synchronous, proxy, replicationThroughProxy, settings } = options;
  const violations: string[] = [];
  if (!Number.isInteger(standbys) || standbys < 0 || standbys > 8) {
    violations.push(`standbys: ${standbys} is not a whole number from 0 to 8.`);
  }
  const any = synchronous === 'none' ? 1 : (synchronous.any ?? 1);
  if (!Number.isInteger(any) || any < 1 || (synchronous !== 'none' && any > standbys)) {
    violations.push(`synchronous.any: ${any} is not a whole number from 1 to the ${standbys} standbys.`);
  }
  if (options.auth === 'cert' && options.tls === undefined) violations.push("auth: 'cert' needs tls.");
  if (replicationThroughProxy && !proxy) violations.push('replicationThroughProxy needs proxy: true.');
  for (const name of ['port', 'primary_conninfo', 'log_line_prefix', 'log_timezone']) {
    if (name in settings) violations.push(`settings.${name} belongs to the kit; leave it out.`);
  }
  return violations;
}
