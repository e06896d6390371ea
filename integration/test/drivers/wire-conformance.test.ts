import { driverConformance } from '@pgherd/testing/conformance';
import * as pgherd from 'pgherd';
import { wireDriver } from 'pgherd/connection';
import * as vitest from 'vitest';
import { serverVersions } from '../../src/versions.ts';

for (const version of serverVersions()) {
  driverConformance({
    name: 'wire',
    makeDriver: () => wireDriver(),
    pgherd,
    runner: vitest,
    version,
  });
}
