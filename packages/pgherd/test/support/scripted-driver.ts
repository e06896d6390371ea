import type { Driver, DriverConnection, DriverResult } from '../../src/connection/port.ts';
import { START_QUESTION } from '../../src/monitor/start.ts';
import { ScriptedConnection } from './scripted-connection.ts';

const PROBE_ROW = Object.freeze({
  in_recovery: 'false',
  read_only: 'off',
  version: '180004',
  started: '1',
  timeline: '00000001',
  lsn: '0/2000000',
  received: null,
  replay_age: null,
  system_identifier: '7300000000000000001',
  checkpoint_timeline: '1',
});

/** What a scripted server does with a statement of the caller's, by its SQL. */
export type Script = (text: string, connection: ScriptedConnection) => Promise<Partial<DriverResult>>;

/** Answers probes as a primary would, and everything else by `script`. */
class ScriptedPrimary extends ScriptedConnection {
  readonly #script: Script;

  constructor(script: Script) {
    super({ parameters: { server_version: '18.4', in_hot_standby: 'off' } });
    this.#script = script;
    this.answer = (text) => this.#answerTo(text);
  }

  async #answerTo(text: string): Promise<Partial<DriverResult>> {
    if (text.includes('pg_is_in_recovery()::text as in_recovery') || text === START_QUESTION)
      return { rows: [PROBE_ROW] };
    if (text === 'SELECT 1') return {};
    return this.#script(text, this);
  }
}

/** A driver that is not ours, over one primary: it does what the port says, and nothing else. */
export function scriptedDriver(script: Script): Driver {
  return {
    name: 'scripted',
    capabilities: { parameterStatus: true, transactionStatus: true },
    connect: async (): Promise<DriverConnection> => new ScriptedPrimary(script),
  };
}
