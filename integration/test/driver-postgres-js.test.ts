import { postgresJsDriver } from 'pgherd/postgres-js';
import { driverConformance } from '../src/driver-conformance.ts';

/** Further major versions: `PGHERD_TEST_VERSIONS=13,14`. */
const further = (process.env['PGHERD_TEST_VERSIONS'] ?? '').split(',').map(Number).filter(Boolean);

for (const version of [undefined, ...further])
  driverConformance('postgres.js', postgresJsDriver, { version });
