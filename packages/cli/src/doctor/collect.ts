import { setMaxListeners } from 'node:events';
import type { Cluster, ClusterQuerier, NodeDescription } from 'pgherd';
import type { ExtensionFacts, NodeFacts, ServerFacts, SlotFacts } from './facts.ts';
import { meetServers } from './several-servers.ts';
import { sharesSessions } from './shared-sessions.ts';
import {
  ABOUT_EXTENSIONS,
  ABOUT_READ_ONLY,
  ABOUT_REPLAY,
  ABOUT_SENDERS,
  ABOUT_SESSION,
  ABOUT_SETTINGS,
  ABOUT_SLOTS,
  SETTINGS,
} from './statements.ts';

interface SessionRow {
  readonly version: number;
  readonly is_encrypted: boolean;
  readonly is_superuser: boolean;
  readonly role_limit: number | null;
  readonly database_limit: number | null;
  readonly may_read_control: boolean;
  readonly conflicts: number;
  readonly clock_ms: number;
}

/** Asks every server that answers; what one of them refuses is its own finding, and the others are examined all the same. */
export async function collect(
  db: Cluster,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly NodeFacts[]> {
  // Each call listens to it, and there are several to each of the servers.
  setMaxListeners(0, signal);
  return Promise.all(
    db.nodes().map(async (first): Promise<NodeFacts> => {
      // A node that is not believed gets no statement: its standing is the finding.
      if (first.health !== 'ok' || first.aliasOf !== undefined || first.standing !== 'current')
        return unaskedNode(first);
      const verbs = db.with({ node: first.name, target: 'any', timeoutMs, signal });
      const { picture = first, isPrimaryMet } = await meetServers(db, first.name, verbs);
      const unasked = unaskedNode(picture);
      // Answers of several servers would be taken for those of one.
      if (picture.several !== undefined) return { ...unasked, isPrimaryMet };
      try {
        const server = await ask(verbs, picture);
        // Only by now is it known where connections lead.
        const route = db.stats().nodes.find(({ node }) => node === picture.name)?.route ?? 'unknown';
        return { picture, route, server };
      } catch (error) {
        signal.throwIfAborted();
        return { ...unasked, failure: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}

const unaskedNode = (picture: NodeDescription): NodeFacts => ({
  picture,
  route: 'unknown',
  server: undefined,
});

async function ask(verbs: ClusterQuerier, { role }: NodeDescription): Promise<ServerFacts> {
  const isShared = await sharesSessions(verbs);
  // A pooler in statement mode refuses a transaction, and no single statement. Besides, the first statement may have to wait for a connection,
  // which would spoil the comparison of the clocks.
  await verbs.transaction((tx) => tx.query('select 1'), { readOnly: true, target: 'any' });
  const before = Date.now();
  const session = await verbs.one<SessionRow>(ABOUT_SESSION);
  const roundTripMs = Date.now() - before;
  const settings = await verbs.rows<{ name: string; setting: string }>(ABOUT_SETTINGS, [SETTINGS]);
  const replay =
    role === 'standby'
      ? await verbs.one<{ is_paused: boolean; is_receiving: boolean }>(ABOUT_REPLAY)
      : undefined;
  return {
    version: session.version,
    settings: Object.fromEntries(settings.map(({ name, setting }) => [name, setting])),
    isEncrypted: session.is_encrypted,
    isSuperuser: session.is_superuser,
    roleLimit: session.role_limit,
    databaseLimit: session.database_limit,
    mayReadControl: session.may_read_control,
    clockAheadMs: session.clock_ms - (before + roundTripMs / 2),
    roundTripMs,
    slots: await verbs.rows<SlotFacts>(ABOUT_SLOTS),
    senders: await verbs.rows<ServerFacts['senders'][number]>(ABOUT_SENDERS),
    isReceiving: replay?.is_receiving ?? null,
    isReplayPaused: replay?.is_paused ?? false,
    conflicts: session.conflicts,
    extensions: await verbs.rows<ExtensionFacts>(ABOUT_EXTENSIONS),
    readOnlyBy: readOnlyBy(await verbs.one<ReadOnlyRow>(ABOUT_READ_ONLY), role, isShared === true),
    sharesSessions: isShared,
  };
}

/** As the server reads a boolean setting. */
const ON = /^(?:on|t(?:r(?:ue?)?)?|y(?:es?)?|1)$/i;

/** What a session says of default_transaction_read_only, and what `alter role` and `alter database` say of it. */
export interface ReadOnlyRow {
  /** What a session begins with, if it was opened for writing. */
  readonly first_value: string;
  /** The setting of roles and databases that counts for us; `null` if there is none. */
  readonly altered_value: string | null;
  readonly altered: string | null;
}

/**
 * What makes writes fail on a node of this role. Pure.
 *
 * @param isShared Whether a pooler shares sessions: then the one that was met says little about the others, and gets no options of ours.
 */
export function readOnlyBy(
  row: ReadOnlyRow,
  role: NodeDescription['role'],
  isShared: boolean,
): ServerFacts['readOnlyBy'] {
  const isAltered = row.altered_value !== null && ON.test(row.altered_value);
  const isFelt = row.first_value === 'on';
  if (row.altered !== null && isAltered && (isFelt || isShared)) return { kind: 'alter', what: row.altered };
  // The configuration of the server shows in its role; what is left is what was sent when the session was opened.
  return isFelt && !isShared && role === 'primary' ? { kind: 'client' } : null;
}
