import type { Cluster, ClusterQuerier } from 'pgherd';
import type { ExtensionFacts, NodeFacts, ServerFacts, SlotFacts } from './facts.ts';
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
  return Promise.all(
    db.nodes().map(async (picture): Promise<NodeFacts> => {
      const unasked = { picture, route: 'unknown', server: undefined } as const;
      if (picture.health !== 'ok' || picture.aliasOf !== undefined) return unasked;
      const verbs = db.with({ node: picture.name, target: 'any', timeoutMs, signal });
      try {
        const server = await ask(verbs, picture.role === 'standby');
        // Only by now is it known where connections lead.
        const route = db.stats().nodes.find(({ node }) => node === picture.name)?.route ?? 'unknown';
        return { picture, route, server };
      } catch (error) {
        signal.throwIfAborted();
        // A node that is not believed gets no statement: its standing is the finding.
        if (picture.standing !== 'current') return unasked;
        return { ...unasked, failure: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}

async function ask(verbs: ClusterQuerier, isStandby: boolean): Promise<ServerFacts> {
  const isShared = await sharesSessions(verbs);
  // A pooler in statement mode refuses a transaction, and no single statement. Besides, the first statement may have to wait for a connection,
  // which would spoil the comparison of the clocks.
  await verbs.transaction((tx) => tx.query('select 1'), { readOnly: true, target: 'any' });
  const before = Date.now();
  const session = await verbs.one<SessionRow>(ABOUT_SESSION);
  const roundTripMs = Date.now() - before;
  const settings = await verbs.rows<{ name: string; setting: string }>(ABOUT_SETTINGS, [SETTINGS]);
  const replay = isStandby
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
    readOnlyBy: readOnlyBy(await verbs.maybeOne<{ value: string; by: string }>(ABOUT_READ_ONLY)),
    sharesSessions: isShared,
  };
}

/** As the server reads a boolean setting. */
const ON = /^(?:on|t(?:r(?:ue?)?)?|y(?:es?)?|1)$/i;

/** What makes transactions read-only by default; `null` if nothing does. */
export function readOnlyBy(row: { readonly value: string; readonly by: string } | undefined): string | null {
  return row !== undefined && ON.test(row.value) ? row.by : null;
}
