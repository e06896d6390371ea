import { driverConformance } from '@pgherd/testing/conformance';
import * as pgherd from 'pgherd';
import { pgDriver } from 'pgherd/pg';
import * as vitest from 'vitest';
import { serverVersions } from '../../src/versions.ts';

for (const version of serverVersions()) {
  driverConformance({ name: 'pg', makeDriver: pgDriver, pgherd, runner: vitest, version });
}
