import { pgDriver } from 'pgherd/pg';
import { conformanceVersions } from '../../src/conformance/bench.ts';
import { driverConformance } from '../../src/driver-conformance.ts';

for (const version of conformanceVersions()) driverConformance('pg', pgDriver, { version });
