import type { TestCluster } from '@pgherd/testing';
import pg from 'pg';
import { type ClusterEventName, createCluster } from 'pgherd';
import { createClusterOver, wireDriver } from 'pgherd/connection';
import { Pool as ImportSwapped } from 'pgherd/pg';
import postgres from 'postgres';
import { openByHand } from './by-hand.ts';
import { type BenchClient, portOf, WRITE } from './client.ts';
import { openFloor } from './floor.ts';
import { PeerError, PeerProcess } from './peer-process.ts';
import { type Command, PEER_PROGRAMS, type PeerProgramName, type ReadyPrograms } from './peer-programs.ts';
import { recordingDriver, type Step } from './steps.ts';
import { versionsOf } from './versions.ts';

/** What a client is given besides the cluster. */
export interface ClientSetting {
  /** Called for each internal step, by clients that report them. */
  readonly note?: ((step: Step) => void) | undefined;
  /** The programs that play clients in other languages. */
  readonly programs?: ReadyPrograms | undefined;
}

/** How a client is made. */
export interface ClientKind {
  readonly name:
    | 'pgherd'
    | 'pgherd/pg'
    | 'pg.Pool'
    | 'pg by hand'
    | 'postgres.js'
    | PeerProgramName
    | 'floor';
  /** Whether it can be asked where it would send writes. */
  readonly hasPicture: boolean;
  readonly open: (cluster: TestCluster, setting: ClientSetting) => BenchClient | Promise<BenchClient>;
  /** Whether an error leaves open what became of the write; only for what the client itself rejects with. */
  readonly leavesOpen: (error: unknown) => boolean;
}

export const CLIENTS: readonly ClientKind[] = Object.freeze([
  {
    name: 'pgherd',
    hasPicture: true,
    open: openPgherd,
    leavesOpen: (error) => codeOf(error) === 'PGHERD_OUTCOME_UNKNOWN',
  },
  { name: 'pgherd/pg', hasPicture: false, open: openImportSwap, leavesOpen: guestLost },
  { name: 'pg.Pool', hasPicture: false, open: openPool, leavesOpen: connectionLost },
  { name: 'pg by hand', hasPicture: false, open: openByHand, leavesOpen: connectionLost },
  { name: 'postgres.js', hasPicture: false, open: openPostgresJs, leavesOpen: connectionLost },
  ...PEER_PROGRAMS.map(({ name }) => ({
    name,
    hasPicture: name === 'hasql',
    open: (cluster: TestCluster, { programs }: ClientSetting) => openProgram(programs?.of(name), cluster.url),
    leavesOpen: (error: unknown) => !(error instanceof PeerError) || error.open,
  })),
  { name: 'floor', hasPicture: false, open: openFloor, leavesOpen: connectionLost },
] satisfies ClientKind[]);

async function openProgram(command: Command | undefined, url: string): Promise<BenchClient> {
  if (command === undefined) throw new Error('The program of this client was not made ready.');
  return PeerProcess.start(command, url);
}

const NOTED: readonly ClusterEventName[] = ['node:role-changed', 'node:health-changed', 'primary:changed'];

/** As in its README: the URL of all nodes and nothing else. */
function openPgherd(cluster: TestCluster, { note }: ClientSetting): BenchClient {
  const { url } = cluster;
  const db =
    note === undefined ? createCluster(url) : createClusterOver(recordingDriver(wireDriver(), note), url);
  const names = cluster.nodes.map((node) => `${node.host}:${node.port}`);
  for (const name of NOTED) {
    if (note !== undefined) db.on(name, (event) => note({ name, at: Date.now(), ...about(event) }));
  }
  return {
    version: versionsOf('pgherd'),
    write: async (id) => portOf((await db.query(WRITE, [id])).rows),
    offers: async (index) => {
      const offered = db.explainTarget('read-write').tiers.flat();
      return offered.includes(names[index] ?? '');
    },
    close: async () => db.terminate(),
  };
}

/** It knows one host, so it is given the primary's. */
function openPool(cluster: TestCluster): BenchClient {
  const pool = new pg.Pool({ connectionString: cluster.primary.url });
  pool.on('error', () => undefined);
  return {
    version: versionsOf('pg'),
    write: async (id) => portOf((await pool.query<{ port: number }>(WRITE, [id])).rows),
    // `end` waits for calls that never settle.
    close: async () => void pool.end().catch(() => undefined),
  };
}

/** A program of `pg` in which only the import was changed. */
function openImportSwap(cluster: TestCluster): BenchClient {
  const pool = new ImportSwapped({ connectionString: cluster.url });
  pool.on('error', () => undefined);
  return {
    version: versionsOf('pgherd', 'pg'),
    write: async (id) => portOf((await pool.query<{ port: number }>(WRITE, [id])).rows),
    close: async () => void pool.end().catch(() => undefined),
  };
}

/** Its types know only one host; its URL form takes several, as its README says. */
function openPostgresJs(cluster: TestCluster): BenchClient {
  const sql = postgres(cluster.url, { target_session_attrs: 'primary', onnotice: () => undefined });
  return {
    version: versionsOf('postgres'),
    write: async (id) => portOf(await sql.unsafe(WRITE, [id], { prepare: true })),
    close: async () => void sql.end({ timeout: 0 }).catch(() => undefined),
  };
}

/** Errors that prove that nothing was sent: no connection was made. */
const NOT_SENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'CONNECT_TIMEOUT', 'PGHERD_NO_SUITABLE_NODE']);
/** The same without a code: pg-pool's, and those of the client by hand. */
const NOT_SENT_TEXT = /^(timeout exceeded when trying to connect|no host takes writes)/;

/**
 * These clients do not say; read in their favour, a reply of the server and a failed connect are certain.
 */
function connectionLost(error: unknown): boolean {
  const code = codeOf(error);
  const answered =
    /^[0-9A-Z]{5}$/.test(code) && typeof error === 'object' && error !== null && 'severity' in error;
  const unsent = NOT_SENT.has(code) || (error instanceof Error && NOT_SENT_TEXT.test(error.message));
  return !answered && !unsent;
}

/** A guest says by the phase that a statement was not handed to the socket. */
function guestLost(error: unknown): boolean {
  const { details } = error as { readonly details?: { readonly phase?: unknown } };
  return connectionLost(error) && details?.phase !== 'not-handed';
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function about(event: object): { readonly node?: string; readonly detail?: string } {
  const { node, before, after } = event as Readonly<Record<string, unknown>>;
  const detail = `${String(before)} → ${String(after)}`;
  return typeof node === 'string' ? { node, detail } : { detail };
}
