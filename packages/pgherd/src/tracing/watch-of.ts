import { beginCall, type Call, prepareCall } from '../call/call.ts';
import type { Herd } from '../herd/herd.ts';
import type { Row } from '../model/statement.ts';
import { slowStatement } from './slow.ts';
import { CallWatch } from './watch.ts';

/** What watches the calls of a cluster; `run` runs SQL of pgherd's own by the simple protocol. */
export function watchOf(
  { settings, events }: Herd,
  run: (text: string, call: Call) => Promise<readonly Row[]>,
): CallWatch {
  const { clock, interceptors, label, slowQueryMs, timeoutMs } = settings;
  const ask = async (text: string, node: string) => {
    const prepared = prepareCall({ node, target: 'any' }, settings);
    const rows = await run(text, beginCall(prepared, clock.now(), settings.random));
    return rows.map((row) => String(Object.values(row)[0]));
  };
  return new CallWatch({
    clock,
    cluster: label,
    interceptors,
    slowQueryMs,
    timeoutMs,
    slow: (statement) => {
      if (events.has('statement:slow')) events.emit('statement:slow', slowStatement(statement, ask));
    },
    warn: (message) => events.emit('cluster:warned', { message }),
  });
}
