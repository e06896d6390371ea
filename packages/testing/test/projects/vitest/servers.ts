import { serversForAll } from '@pgherd/testing/vitest';

/** Started once, before all files. */
export const setup = serversForAll({ standbys: 1 });
