/** The process of one contender: it does what its parent asks, until the parent goes. */
import { argumentsOf } from './processes.ts';
import { openBuild, openContender } from './throughput-contenders.ts';
import { Driver } from './throughput-load.ts';
import type { ContenderArguments } from './throughput-worker.ts';
import type { SliceReply, SliceRequest } from './throughput-works.ts';

const CHECKED_ROW = 4_711;

async function main(): Promise<void> {
  const { name, servers, build } = argumentsOf<ContenderArguments>(process.argv);
  let arrangement = { lanes: 1, cork: false };
  const contender =
    build === undefined
      ? await openContender(name, servers, () => arrangement)
      : await openBuild(build, servers);
  const found = await contender.check(CHECKED_ROW);
  if (found !== CHECKED_ROW) throw new Error(`${name} found row ${found} instead of ${CHECKED_ROW}`);
  const driver = new Driver(contender);
  process.on('message', (request: SliceRequest) => {
    arrangement = request.arrangement ?? arrangement;
    driver.slice(request).then(
      (sample) => reply({ kind: 'done', sample, updates: driver.updates }),
      (error: unknown) => reply({ kind: 'failed', message: String(error) }),
    );
  });
  process.on('disconnect', () => {
    // An exit in good order, so that a processor profile is written.
    contender.close().finally(() => process.exit());
  });
  process.send?.('ready');
}

function reply(message: SliceReply): void {
  process.send?.(message);
}

await main();
