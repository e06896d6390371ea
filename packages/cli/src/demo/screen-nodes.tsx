import { Box, Text } from 'ink';
import type { ReactElement } from 'react';
import type { NodeRow } from './frame.ts';
import { toneProps } from './tone.ts';

interface Column {
  readonly head: string;
  readonly width: number;
  readonly cell: (row: NodeRow) => string;
  readonly isRight?: boolean;
  /** Columns with the highest number go first where there is little room. */
  readonly rank: number;
}

const COLUMNS: readonly Column[] = [
  { head: 'node', width: 9, cell: ({ symbol, name }) => `${symbol} ${name}`, rank: 0 },
  { head: 'role', width: 10, cell: ({ role }) => role, rank: 0 },
  { head: 'health', width: 9, cell: ({ health }) => health, rank: 0 },
  { head: 'standing', width: 10, cell: ({ standing }) => standing, rank: 1 },
  { head: 'timeline', width: 9, cell: ({ timeline }) => timeline, isRight: true, rank: 1 },
  { head: 'lag', width: 15, cell: ({ lag }) => lag, isRight: true, rank: 2 },
  { head: 'conns', width: 7, cell: ({ connections }) => String(connections), isRight: true, rank: 4 },
  { head: 'in flight', width: 10, cell: ({ inFlight }) => String(inFlight), isRight: true, rank: 3 },
];

/** The nodes, one line each. */
export function NodeTable({
  nodes,
  columns,
}: {
  readonly nodes: readonly NodeRow[];
  readonly columns: number;
}): ReactElement {
  const shown = fitting(columns);
  return (
    <>
      <Box>
        {shown.map(({ head, width, isRight }) => (
          <Text key={head} dimColor>
            {aligned(head, width, isRight)}
          </Text>
        ))}
      </Box>
      {nodes.map((row) => (
        <Box key={row.name}>
          {shown.map(({ head, width, cell, isRight }) => (
            <Text key={head} {...toneProps(row.tone)}>
              {aligned(cell(row), width, isRight)}
            </Text>
          ))}
        </Box>
      ))}
    </>
  );
}

function fitting(columns: number): readonly Column[] {
  let shown = COLUMNS;
  while (shown.reduce((sum, { width }) => sum + width, 0) > columns && shown.length > 3) {
    const last = shown.reduce((worst, column) => (column.rank > worst.rank ? column : worst));
    shown = shown.filter((column) => column !== last);
  }
  return shown;
}

function aligned(text: string, width: number, isRight = false): string {
  const cut = text.slice(0, width - 1);
  return isRight ? cut.padStart(width) : cut.padEnd(width);
}
