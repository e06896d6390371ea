import type { TracedCluster } from '../channels/channels.ts';
import type { ConnectionListener, DriverConnection } from '../connection/port.ts';
import type { ExtraQuestion } from '../floors/evidence.ts';
import type { Observation, ProbeFacts } from '../model/observation.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { Clock, Random } from '../time/port.ts';
import type { ProbePlan, ProbeSettings } from '../topology/probe-plan.ts';
import type { RedialSettings } from '../topology/redial-plan.ts';
import type { DialSettings } from './dial-limit.ts';
import type { MonitorDial } from './first-connection.ts';

/** What the prober needs from the node around it. */
export interface ProberPorts {
  readonly clock: Clock;
  /** The node as the picture describes it now; `undefined` if it has left. */
  description(): NodeDescription | undefined;
  /** What the next probe asks besides. */
  extraQuestions(): readonly ExtraQuestion[];
  /** Takes in a piece of evidence. */
  observe(observation: Observation): void;
  /**
   * Opens a connection for the monitor itself, outside the pool: by the name of the node, or `as-pools`, so that the pool can take it
   * over, or `beside` the one that it has taken over.
   */
  connect(listener: ConnectionListener, signal: AbortSignal, way: MonitorDial): Promise<DriverConnection>;
  /** Takes note of what has answered on a connection; whether that shows that it must be replaced. */
  isOutdatedBy(connection: DriverConnection, facts: ProbeFacts): boolean;
  /** Whether the node is known to be well although it refused a connection with this error. */
  answersOnLoan(error: unknown): Promise<boolean>;
  /** Whether the pool can take over the monitor's first connection. */
  mayHandOver(): boolean;
  /** What makes the monitor's own connection of one that the pool could have taken over. */
  ownSettings(): string;
  /** The node has owed an answer for half the time that it may take. */
  late(): void;
  /**
   * A question stayed unanswered, and a probe on a new connection, dialled at `dialledAt`, was answered: the node is alive, but other
   * connections may be lost as that of the question was.
   */
  renewed(dialledAt: number): void;
  /** Whether logins are refused: only attempts that find out when that ends are made then. */
  loginsAreRefused(): boolean;
  /** Whether calls wait for something that the node is not. */
  callsWait(): boolean;
  readonly random: Random;
  /** How many nodes there are. */
  nodes(): number;
  /** ParameterStatus on the monitor's connection. */
  parameter(generation: number, name: string, value: string): void;
}

/** Settings of a monitor: its rhythm and its limits. */
export interface MonitorSettings extends ProbeSettings, DialSettings, RedialSettings {
  /** The cluster in messages of diagnostics channels. */
  readonly label: TracedCluster;
}

/** A long poll that was planned. */
export type LongPoll = Extract<ProbePlan, { kind: 'long-poll' }>;

/** One round of questions. */
export interface Round {
  /** Whether the round was brought forward. */
  readonly beforeItsTime: boolean;
  /** Whether the calls that came at the start have found their nodes. */
  readonly isStartOver: boolean;
  /** The long poll that precedes the probe; asked for once there is a connection. */
  longPoll(): LongPoll | undefined;
}
