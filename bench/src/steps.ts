import type { ServerLog } from '@pgherd/testing';
import type { Statement } from 'pgherd';
import type {
  ConnectionListener,
  ConnectRequest,
  Driver,
  DriverConnection,
  PipelinedStatement,
} from 'pgherd/connection';
import { median } from './statistics.ts';

/** Something that happened inside a client. */
export interface Step {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly node?: string;
  readonly detail?: string;
}

/** The driver, telling whatever passes through it. */
export function recordingDriver(driver: Driver, note: (step: Step) => void): Driver {
  return Object.freeze({
    ...driver,
    async connect(request: ConnectRequest, listener: ConnectionListener, signal: AbortSignal) {
      const node = `${request.address.host}:${request.address.port}`;
      const monitors = request.applicationName?.endsWith(' monitor') === true;
      const kind = monitors ? 'monitor' : 'pool';
      const report = (name: string) => note({ name: `${kind} ${name}`, at: Date.now(), node });
      report('connects');
      const connection = await driver.connect(request, listener, signal);
      report('connected');
      return recordingConnection(connection, report);
    },
  });
}

function recordingConnection(connection: DriverConnection, report: (name: string) => void): DriverConnection {
  const reported = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    report(`${name} sent`);
    const result = await work();
    report(`${name} answered`);
    return result;
  };
  const overrides = {
    query: (statement: Statement) => reported('write', () => connection.query(statement)),
    simple: (text: string) => reported(kindOf(text), () => connection.simple(text)),
  };
  const shared = connection.pipeline;
  const pipeline = shared && ((one: PipelinedStatement) => shared(reportedOf(one, report)));
  return new Proxy(connection, {
    get(target, property) {
      if (property === 'query') return overrides.query;
      if (property === 'simple') return overrides.simple;
      if (property === 'pipeline') return pipeline;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A statement on its way over a lane, telling when it leaves and when it is answered. */
function reportedOf(one: PipelinedStatement, report: (name: string) => void): PipelinedStatement {
  report('write sent');
  return {
    statement: one.statement,
    prepare: one.prepare,
    answered: (...answer) => {
      report('write answered');
      one.answered(...answer);
    },
    failed: (error) => one.failed(error),
  };
}

function kindOf(text: string): string {
  if (text.startsWith('DO')) return 'long poll';
  return text.startsWith('select') ? 'probe' : text;
}

/** The way from the promotion to the first acknowledged write: each step as ms after the promotion. */
export interface StepTimes {
  readonly [step: string]: number | undefined;
}

/** What is looked for at the promoted node, in the order in which it happens. */
const WAY = [
  'long poll answered',
  'probe answered',
  'primary:changed',
  'first connect begun',
  'first connection',
  'first write sent',
  'standby can confirm',
  'first write answered',
] as const;

/** When each step of the way was first done at or after the time when the server could have left recovery. */
export function stepTimes(
  steps: readonly Step[],
  promoted: string,
  readyAt: number,
  confirmableAt?: number,
): StepTimes {
  const here = steps.filter((step) => step.node === promoted);
  const changed = steps.find((step) => step.name === 'primary:changed' && step.detail?.endsWith(promoted));
  const since = changed?.at ?? readyAt;
  const lastBefore = (name: string) => here.findLast((step) => step.name === name && step.at <= since)?.at;
  const firstAfter = (name: string) => here.find((step) => step.name === name && step.at >= since)?.at;
  const found: Record<(typeof WAY)[number], number | undefined> = {
    'long poll answered': lastBefore('monitor long poll answered'),
    'probe answered': lastBefore('monitor probe answered'),
    'primary:changed': changed?.at,
    'first connect begun': firstAfter('pool connects'),
    'first connection': firstAfter('pool connected'),
    'first write sent': firstAfter('pool write sent'),
    'standby can confirm': confirmableAt,
    'first write answered': firstAfter('pool write answered'),
  };
  return Object.fromEntries(WAY.map((name) => [name, minus(found[name], readyAt)]));
}

/**
 * When the promoted server found a standby that may confirm commits, by its log; no earlier acknowledgement
 * is possible with synchronous replication. `undefined` with asynchronous.
 */
export function confirmedAt(log: ServerLog, readyAt: number): number | undefined {
  const becameSynchronous = /is now a (candidate for quorum )?synchronous standby/;
  return log.lines().find(({ line, at }) => at >= readyAt && becameSynchronous.test(line))?.at;
}

function minus(at: number | undefined, from: number): number | undefined {
  return at === undefined ? undefined : at - from;
}

/** Medians over the trials. */
export function medianSteps(trials: readonly StepTimes[]): [name: string, ms: number | undefined][] {
  return WAY.map((name) => [name, median(trials.flatMap((trial) => trial[name] ?? []))]);
}
