import {
  type ConnectionPlan,
  formatDsn,
  PARAMETERS,
  type ParameterFate,
  type ParameterOrigin,
  type PlannedHost,
  parameterOrigins,
} from 'pgherd/dsn';
import type { ReadConnection } from '../connection/plan.ts';
import { type Differences, differencesFromPsql } from './psql.ts';

/** One server of the plan. */
export interface HostJson {
  readonly host: string;
  readonly hostaddr: string | null;
  readonly port: number;
  readonly transport: PlannedHost['transport'];
  /** Whether the password file has a password for it. */
  readonly passwordInFile: boolean;
}

/** One parameter that is set. */
export interface ParameterJson {
  readonly name: string;
  /** `***` for a secret. */
  readonly value: string;
  readonly origin: string;
  /** What pgherd does with it. */
  readonly support: ParameterFate;
}

/** What `pgherd dsn --json` prints. No secret is in it. */
export interface DsnJson {
  readonly url: string;
  readonly hosts: readonly HostJson[];
  readonly user: string;
  readonly database: string;
  /** What a call of pgherd asks for unless it says otherwise. */
  readonly target: string;
  readonly connectTimeoutMs: number | null;
  readonly tls: {
    readonly mode: string;
    readonly verify: string;
    readonly rootCert: string | null;
    readonly cert: string | null;
  };
  readonly password: 'given' | 'password file' | 'none';
  readonly parameters: readonly ParameterJson[];
  readonly warnings: readonly string[];
  readonly psql: Differences;
}

/** How a connection string is understood, as plain data without secrets. Pure. */
export function understood(
  { dsn, plan, service }: ReadConnection,
  likePsql: ConnectionPlan,
  env: Readonly<Record<string, string | undefined>>,
): DsnJson {
  const origins = parameterOrigins(dsn, { env, service });
  return {
    url: formatDsn(dsn, { redact: true }),
    hosts: plan.hosts.map(hostJson),
    user: plan.user,
    database: plan.database,
    target: plan.targetStated ? plan.targetSessionAttrs : 'read-write',
    connectTimeoutMs: finite(plan.connectTimeoutMs),
    tls: {
      mode: plan.tls.mode,
      verify: plan.tls.verify,
      rootCert: plan.tls.rootCert ?? null,
      cert: plan.tls.cert ?? null,
    },
    password: passwordOf(plan),
    parameters: origins.map(parameterJson),
    warnings: plan.warnings,
    psql: differencesFromPsql(plan, likePsql, origins),
  };
}

function hostJson({ host, hostaddr, port, transport, password }: PlannedHost): HostJson {
  return { host, hostaddr: hostaddr ?? null, port, transport, passwordInFile: password !== undefined };
}

function passwordOf({ password, hosts }: ConnectionPlan): DsnJson['password'] {
  if (password !== undefined) return 'given';
  return hosts.some((host) => host.password !== undefined) ? 'password file' : 'none';
}

function parameterJson({ name, value, origin }: ParameterOrigin): ParameterJson {
  const support = PARAMETERS.find((parameter) => parameter.name === name)?.fate ?? 'honoured';
  return { name, value: String(value), origin, support };
}

function finite(ms: number | undefined): number | null {
  return ms === undefined || !Number.isFinite(ms) ? null : ms;
}
