import { scaleLinear } from 'd3-scale';
import type { PairSummary } from '../throughput-summary.ts';
import { gridLine, type Panel, renderPanels } from './panels.ts';
import { element, text } from './svg.ts';

/** Room for the number behind the longest bar, px. */
const NUMBER = 34;

/** Statements per second of each peer, as a share of pgherd's in the same rounds. */
export function throughputChart(all: readonly PairSummary[]): string {
  const rows = all.filter(({ subject }) => subject === 'pgherd');
  const cells = [...new Set(rows.map(({ callers }) => callers))].flatMap((callers) =>
    [...new Set(rows.map(({ work }) => work))].map((work) => ({ work, callers })),
  );
  const longest = Math.max(1, ...rows.map(({ ratio }) => 1 / ratio));
  return renderPanels({
    title: 'Statements per second of each client, as a share of those of pgherd, by the number of callers.',
    rows: ['pgherd', ...new Set(rows.map(({ peer }) => peer))],
    panels: cells,
    columns: 2,
    legend: [text("statements per second, as a share of pgherd's in the same rounds", 0, 16, 'small')],
    heading: ({ work, callers }) =>
      `${work}, ${callers.toLocaleString('en')} ${callers === 1 ? 'caller' : 'callers'}`,
    draw: ({ work, callers }, room) => {
      const scale = scaleLinear([0, longest], [room.left, room.left + room.width - NUMBER]);
      const grid = [0, 0.5, 1].flatMap((share) => gridLine(room, scale(share), String(share)));
      const found = rows.filter((row) => row.work === work && row.callers === callers);
      const bars = found.flatMap(({ peer, ratio }) => bar(peer, 1 / ratio, room, scale));
      return [...grid, ...bar('pgherd', 1, room, scale), ...bars];
    },
  });
}

function bar(client: string, share: number, room: Panel, xOf: (share: number) => number): string[] {
  const y = room.middleOf(client);
  const isOurs = client === 'pgherd';
  return [
    element('rect', {
      class: isOurs ? 'bar solid good' : 'bar solid',
      x: room.left,
      y: y - 5,
      width: xOf(share) - room.left,
      height: 10,
    }),
    text(share.toFixed(2), xOf(share) + 4, y + 4, isOurs ? 'small words good' : 'small'),
  ];
}
