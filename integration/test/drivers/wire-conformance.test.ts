import { driverConformance } from '@pgherd/testing/conformance';
import pg from 'pg';
import * as pgherd from 'pgherd';
import { wireDriver } from 'pgherd/internal';
import * as vitest from 'vitest';
import { serverVersions } from '../../src/versions.ts';

for (const version of serverVersions()) {
  driverConformance({
    name: 'wire',
    makeDriver: () => wireDriver({ types: pg.types }),
    pgherd,
    runner: vitest,
    version,
  });
}
