/** What a fake postmaster says of itself, to probes and as ParameterStatus. */
export interface FakeFacts {
  /** Default `primary`. */
  readonly role: 'primary' | 'standby';
  /** `default_transaction_read_only` of the server. Default `false`. */
  readonly defaultReadOnly: boolean;
  /** As PostgreSQL prints it, such as `18.4`. Before 14 neither `in_hot_standby` nor `default_transaction_read_only` is reported. */
  readonly version: string;
  /** Decimal. Default: the same for all fakes, as for the servers of one cluster. */
  readonly systemIdentifier: string;
  /** Default 1. */
  readonly timeline: number;
  /** Timeline in the control file. Default: `timeline`. */
  readonly checkpointTimeline: number | undefined;
  /** Write position of a primary, replayed position of a standby. Default `0/3000060`. */
  readonly lsn: string;
  /** What a standby has received. Default: `lsn`. */
  readonly receivedLsn: string | undefined;
  /** Age of the last transaction that a standby replayed, milliseconds. Default 0. */
  readonly replayAgeMs: number;
  /** When the postmaster started, microseconds since 1970. Default: when the fake was created; no two fakes of a process share it. */
  readonly startedAt: string;
  /** ParameterStatus by name, in place of, or besides, what follows from the other facts. Default: none. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A row of a probe's answer: text by column name. */
export type ProbeRow = Readonly<Record<string, unknown>>;

const DEFAULTS: FakeFacts = {
  role: 'primary',
  defaultReadOnly: false,
  version: '18.4',
  systemIdentifier: '7300000000000000001',
  timeline: 1,
  checkpointTimeline: undefined,
  lsn: '0/3000060',
  receivedLsn: undefined,
  replayAgeMs: 0,
  startedAt: '',
  parameters: {},
};

let started = 0;

/** Two servers that started in one microsecond would be taken for one server with two addresses. */
function startOfPostmaster(): string {
  started = (started + 1) % 1_000;
  return `${Date.now()}${String(started).padStart(3, '0')}`;
}

/** The facts as they are now, and the waits for a change of them. */
export class FakeState {
  #facts: FakeFacts;
  readonly #watchers = new Set<() => void>();

  constructor(facts: Partial<FakeFacts>) {
    this.#facts = Object.freeze({ ...DEFAULTS, startedAt: startOfPostmaster(), ...facts });
  }

  get facts(): FakeFacts {
    return this.#facts;
  }

  /** Replaces facts, and wakes all waits for them. */
  change(facts: Partial<FakeFacts>): void {
    this.#facts = Object.freeze({ ...this.#facts, ...facts });
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Resolves once the server is out of recovery, after so many milliseconds at the latest, or on abort. */
  untilPromoted(boundMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const look = (): void => {
        if (this.#facts.role === 'primary') end();
      };
      const timer = setTimeout(end, boundMs);
      this.#watchers.add(look);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      look();
    });
  }
}

/** ParameterStatus of a server with these facts, for a session with this `default_transaction_read_only`. */
export function parametersOf(facts: FakeFacts, readOnly: boolean): ReadonlyMap<string, string> {
  const parameters = new Map([
    ['server_version', facts.version],
    ['server_encoding', 'UTF8'],
    ['client_encoding', 'UTF8'],
    ['DateStyle', 'ISO, MDY'],
    ['TimeZone', 'UTC'],
    ['integer_datetimes', 'on'],
    ['standard_conforming_strings', 'on'],
  ]);
  if (majorOf(facts.version) >= 14) {
    parameters.set('in_hot_standby', onOff(facts.role === 'standby'));
    parameters.set('default_transaction_read_only', onOff(readOnly));
  }
  for (const [name, value] of Object.entries(facts.parameters)) parameters.set(name, value);
  return parameters;
}

/** Every column that a probe of a client's monitor may ask for, by the names that pgherd gives them. */
export function probeColumns(facts: FakeFacts, readOnly: boolean): ProbeRow {
  const standby = facts.role === 'standby';
  const timeline = facts.timeline.toString(16).toUpperCase().padStart(8, '0');
  return {
    in_recovery: String(standby),
    read_only: onOff(readOnly),
    version: String(versionNumber(facts.version)),
    started: facts.startedAt,
    timeline: standby ? null : timeline,
    lsn: facts.lsn,
    received: standby ? (facts.receivedLsn ?? facts.lsn) : null,
    replay_age: standby ? facts.replayAgeMs.toFixed(6) : null,
    system_identifier: facts.systemIdentifier,
    checkpoint_timeline: String(facts.checkpointTimeline ?? facts.timeline),
  };
}

function onOff(value: boolean): string {
  return value ? 'on' : 'off';
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

/** `server_version_num`: 18.4 is 180004. */
function versionNumber(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major * 10_000 + minor;
}
