import type { Socket } from 'node:net';
import type { TypeParsers } from '../../model/statement.ts';
import type { CancelTarget } from '../cancel.ts';
import type { Cutter } from '../content/cutter.ts';
import type { PreparedNames, Schema, TextHashes } from '../content/names.ts';
import type { ServerError } from '../content/server-error.ts';
import type { FreeSlabs, Writer } from '../content/writer.ts';
import type { LoggedIn } from '../login/session.ts';

/** What a channel reports to the connection that it belongs to. */
export interface ChannelListener {
  /** A notice, a parameter or a notification, which may come at any time. */
  aside(type: number, bytes: Buffer, start: number, end: number): void;
  /** The server ended the connection, and said why. */
  ending(error: ServerError): void;
  /** A text was sent, which may change the session. */
  noteText(text: string): void;
  /** A command of a caller's has ended with this tag. */
  noteTag(tag: string): void;
  /** Another command has ended with this tag, which concerns the schema only. */
  noteSchema(tag: string): void;
  /** The connection is gone. Called once, after all its work was settled. */
  gone(reason: unknown): void;
}

/** What a channel is made of. */
export interface ChannelParts {
  /** Paused, after the login. */
  readonly socket: Socket;
  readonly cutter: Cutter;
  readonly writer: Writer;
  readonly names: PreparedNames;
  readonly types: TypeParsers;
}

/** What all connections of a driver share. */
export interface Shared {
  readonly types: TypeParsers;
  readonly hashes: TextHashes;
  readonly slabs: FreeSlabs;
  readonly schema: Schema;
}

/** How a connection came about. */
export interface Origin {
  readonly socket: Socket;
  readonly login: LoggedIn;
  /** Shared with other connections to the address as long as they are equal. */
  readonly parameters: Map<string, string>;
  readonly way: Pick<CancelTarget, 'request' | 'attempt'>;
}
