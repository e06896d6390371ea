import { describeCancel, describePipeline } from './cancel-and-pipeline.ts';
import { describeConnect, describeRefusals } from './connect.ts';
import { describeBatch, describeCopy, describeCursor } from './data-paths.ts';
import { describeEnd } from './end.ts';
import { describeForms } from './forms.ts';
import { describeHostileServers } from './hostile.ts';
import { describeServerMessages } from './server-messages.ts';
import { describeSession } from './session.ts';
import { describeReset, describeState } from './state.ts';
import { describeStatements } from './statements.ts';
import { type ConformanceOptions, createSuite } from './suite.ts';
import { describeValues } from './values.ts';

export type { ConformanceExpectation, ConformanceRunner } from './runner.ts';
export type { ConformanceOptions, ConformancePgherd } from './suite.ts';

/**
 * Registers the tests that every driver of pgherd must pass: an implementation of `Driver` and `DriverConnection`, the port
 * between pgherd and what speaks to servers. Optional parts of the port are tested if the driver's `capabilities` name them.
 * Call it at the top of a test file. It starts servers of its own.
 *
 * @example
 * import { driverConformance } from '@pgherd/testing/conformance';
 * import * as pgherd from 'pgherd';
 * import * as vitest from 'vitest';
 * import { myDriver } from './my-driver.ts';
 *
 * driverConformance({ name: 'mine', makeDriver: () => myDriver(), pgherd, runner: vitest });
 */
export function driverConformance(options: ConformanceOptions): void {
  options.runner.describe(`driver ${options.name} on PostgreSQL ${options.version ?? 'as installed'}`, () => {
    const suite = createSuite(options);
    describeConnect(suite);
    describeRefusals(suite);
    describeSession(suite);
    describeStatements(suite);
    describeForms(suite);
    describeValues(suite);
    describeState(suite);
    describeReset(suite);
    describeServerMessages(suite);
    describeEnd(suite);
    describeHostileServers(suite);
    const { capabilities } = suite.driver;
    if (capabilities.cancel === true) describeCancel(suite);
    if (capabilities.pipelining === true) describePipeline(suite);
    if (capabilities.batch === true) describeBatch(suite);
    if (capabilities.cursor === true) describeCursor(suite);
    if (capabilities.copy === true) describeCopy(suite);
  });
}
