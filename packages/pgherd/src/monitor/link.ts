import type { DriverConnection, DriverResult } from '../connection/port.ts';
import { Serial } from '../time/serial.ts';

/** Asks one session of a server; the answer of the last statement. */
export type Ask = (text: string) => Promise<DriverResult>;

/** A monitor's connection. */
export interface Link {
  readonly connection: DriverConnection;
  readonly serial: Serial;
  /** Generation of the node that this connection speaks for. */
  generation: number;
}

/** A link that speaks for `generation` of its node. */
export function linkOver(connection: DriverConnection, generation: number): Link {
  return { connection, serial: new Serial(), generation };
}

/** The answer to `text`, once all that was asked before is answered: drivers take one statement at a time. */
export function asked(link: Link, text: string): Promise<DriverResult> {
  return link.serial.run(() => link.connection.simple(text));
}
