import { driverConformance } from '@pgherd/testing/conformance';
import * as pgherd from 'pgherd';
import { postgresJsDriver } from 'pgherd/postgres-js';
import * as vitest from 'vitest';
import { serverVersions } from '../../src/versions.ts';

for (const version of serverVersions()) {
  driverConformance({ name: 'postgres.js', makeDriver: postgresJsDriver, pgherd, runner: vitest, version });
}
