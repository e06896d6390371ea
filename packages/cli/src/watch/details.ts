import { formatLsn, type NodeDescription, type NodeStats } from 'pgherd';
import { sparkline } from '../demo/chart.ts';
import type { Line } from '../shell/line.ts';
import { bytesText, msText } from '../shell/numbers.ts';
import { versionText } from '../status/text.ts';
import { HISTORY_SECONDS, type WatchState } from './state.ts';

const LABEL_WIDTH = 13;
/** A round trip below this is no mountain in the picture, ms. */
const SMALL_RTT_MS = 5;

/** What is known of the selected node. Pure. */
export function detailLines({ sample, selected, history }: WatchState, columns: number): readonly Line[] {
  const node = sample?.nodes.find(({ name }) => name === selected);
  if (sample === undefined || node === undefined) return [['No node is selected.']];
  const stats = sample.stats.find((one) => one.node === node.name);
  const reason = sample.status.nodes.find((one) => one.node === node.name)?.reason ?? undefined;
  const sparks = Math.max(0, Math.min(HISTORY_SECONDS, columns - LABEL_WIDTH - 12));
  const latency = history.get(node.name)?.latencyMs.slice(-sparks) ?? [];
  const rtt = node.rttMs === undefined ? '-' : msText(node.rttMs);
  return [
    [{ tone: 'strong', text: node.name }],
    ...rowsOf([
      ['is', [node.role, node.health, node.standing].join(', ')],
      ['since', node.since?.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
      ['why', reason],
      ['server', serverText(node)],
      ['system', node.systemIdentifier],
      ['position', positionText(node)],
      ['lag', lagText(node)],
      ['round trip', `${rtt.padEnd(9)} ${sparkline(latency, SMALL_RTT_MS)}`],
      ['from here', stats === undefined ? undefined : statsText(stats)],
      ['labels', labelsText(node)],
    ]),
  ];
}

function rowsOf(rows: readonly (readonly [label: string, value: string | undefined])[]): readonly Line[] {
  return rows.flatMap(([label, value]): Line[] =>
    value === undefined || value === ''
      ? []
      : [[{ tone: 'faint', text: `  ${label}`.padEnd(LABEL_WIDTH) }, value]],
  );
}

function serverText({ serverVersion, postmasterStartedAt }: NodeDescription): string | undefined {
  if (serverVersion === undefined) return undefined;
  const started = new Date(Number(postmasterStartedAt) / 1_000);
  const since = Number.isNaN(started.getTime())
    ? ''
    : `, up since ${started.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  return `PostgreSQL ${versionText(serverVersion)}${since}`;
}

function positionText(node: NodeDescription): string | undefined {
  const { lsn, receivedLsn, timeline, dataTimeline, timelineAtLeast } = node;
  const on = timeline ?? dataTimeline ?? timelineAtLeast;
  const parts = [
    lsn === undefined ? '' : formatLsn(lsn),
    receivedLsn === undefined ? '' : `received ${formatLsn(receivedLsn)}`,
    on === undefined ? '' : `timeline ${timeline === undefined ? '≥ ' : ''}${on}`,
    node.diverged ? 'diverged' : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function lagText({ role, lag: { bytes, ms } }: NodeDescription): string | undefined {
  if (role !== 'standby') return undefined;
  const size = bytes === undefined ? 'unknown' : bytesText(bytes);
  return `${size}, ${ms === undefined ? 'age unknown' : msText(ms)}`;
}

function statsText({ pool, inFlight, failures, route }: NodeStats): string {
  const way = route === 'pooler' ? ', behind a pooler' : '';
  const connections = pool.size === 1 ? '1 connection' : `${pool.size} connections`;
  const statements = inFlight === 1 ? '1 statement' : `${inFlight} statements`;
  return `${connections}, ${statements} in flight, ${failures} failed${way}`;
}

function labelsText({ zone, tags, several, aliasOf, promotable, readable }: NodeDescription): string {
  const parts = [
    zone === undefined ? '' : `zone ${zone}`,
    ...Object.entries(tags).map(([name, value]) => `${name}=${value}`),
    several === undefined ? '' : `${several.servers} servers at this address`,
    aliasOf === undefined ? '' : `the same server as ${aliasOf}`,
    promotable ? '' : 'not promotable',
    readable ? '' : 'not readable',
  ];
  return parts.filter((part) => part !== '').join(', ');
}
