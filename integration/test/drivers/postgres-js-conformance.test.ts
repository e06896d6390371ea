import { postgresJsDriver } from 'pgherd/postgres-js';
import { conformanceVersions } from '../../src/conformance/bench.ts';
import { driverConformance } from '../../src/driver-conformance.ts';

for (const version of conformanceVersions()) driverConformance('postgres.js', postgresJsDriver, { version });
