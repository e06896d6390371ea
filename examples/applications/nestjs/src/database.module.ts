import { Global, Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import pg, { Pool } from 'pg';
import type { Cluster } from 'pgherd';
import { getClusterToken } from 'pgherd/nestjs';
import { createPool } from 'pgherd/pg';

export const PG_POOL = 'PG_POOL';

@Global()
@Module({
  providers: [
    {
      provide: PG_POOL,
      inject: [getClusterToken()],
      useFactory: (db: Cluster) => {
        const pool = createPool(db, { pg, max: 10, connectionTimeoutMillis: 10_000 });
        pool.on('error', (error) => new Logger('Database').error(error.message));
        return pool;
      },
    },
  ],
  exports: [PG_POOL],
})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async onApplicationShutdown() {
    await this.pool.end();
  }
}
