import 'reflect-metadata';
import {
  Controller,
  type DynamicModule,
  Get,
  type INestApplication,
  Inject,
  Module,
  Post,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import type { Cluster, ClusterOptions } from 'pgherd';
import { causalExpress } from 'pgherd/http';
import {
  type ClusterOptionsFactory,
  getClusterToken,
  InjectCluster,
  PgherdModule,
  type PgherdModuleAsyncOptions,
} from 'pgherd/nestjs';
import { PgherdHealthIndicator } from 'pgherd/nestjs-terminus';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { allCaughtUp, createTable, restore } from '../../src/support.ts';

let cluster: TestCluster;
const apps: INestApplication[] = [];

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'note', 'id int primary key');
});

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await restore(cluster);
});

afterAll(() => cluster?.close());

// The decorators as calls, as the sources of pgherd have them.

class NotesController {
  readonly db: Cluster;

  constructor(db: Cluster) {
    this.db = db;
  }

  async add() {
    await this.db.query('insert into note select count(*) from note');
    return { written: true };
  }

  async count() {
    return await this.db.read.one('select count(*)::int as notes from note');
  }
}
Controller('notes')(NotesController);
InjectCluster()(NotesController, undefined, 0);
decorate(NotesController, 'add', Post());
decorate(NotesController, 'count', Get());

class HealthController {
  readonly health: HealthCheckService;
  readonly pgherd: PgherdHealthIndicator;

  constructor(health: HealthCheckService, pgherd: PgherdHealthIndicator) {
    this.health = health;
    this.pgherd = pgherd;
  }

  ready() {
    return this.health.check([() => this.pgherd.check('database')]);
  }
}
Controller()(HealthController);
Inject(HealthCheckService)(HealthController, undefined, 0);
Inject(PgherdHealthIndicator)(HealthController, undefined, 1);
decorate(HealthController, 'ready', HealthCheck());
decorate(HealthController, 'ready', Get('readyz'));

function decorate(of: Type, method: string, decorator: MethodDecorator): void {
  const descriptor = Object.getOwnPropertyDescriptor(of.prototype, method);
  if (descriptor !== undefined) decorator(of.prototype, method, descriptor);
}

async function application(imports: (DynamicModule | Type)[], rest: object = {}): Promise<INestApplication> {
  class AppModule {}
  Module({ imports, ...rest })(AppModule);
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  apps.push(app);
  return app;
}

const options = (): ClusterOptions => ({
  url: cluster.url,
  env: {},
  causal: { tokenSecret: 'not to be guessed by anybody' },
});

const numberOf = (db: Cluster) => db.one<{ n: number }>('select 1 as n').then(({ n }) => n);

describe('the module for NestJS', () => {
  it('serves requests with causal reads through a failover, and closes the cluster after the last one', async () => {
    const app = await application([PgherdModule.forRoot(options())], { controllers: [NotesController] });
    const db = app.get<Cluster>(getClusterToken());
    app.use(causalExpress(db, { carrier: 'header' }));
    await app.listen(0, '127.0.0.1');
    const notes = `${await app.getUrl()}/notes`;
    const add = async (headers: Record<string, string> = {}) => {
      const response = await fetch(notes, { method: 'POST', headers });
      expect(response.status).toBe(201);
      return { 'x-read-after': response.headers.get('x-read-after') ?? '' };
    };
    const first = await add();
    expect(await (await fetch(notes, { headers: first })).json()).toEqual({ notes: 1 });
    await allCaughtUp(cluster);
    await cluster.primary.kill();
    await cluster.failover();
    const second = await add(first);
    expect(await (await fetch(notes, { headers: second })).json()).toEqual({ notes: 2 });
    await app.close();
    expect(db.isOpen).toBe(false);
  });

  it('makes clusters of descriptions that depend on providers: by a function, a class, and an existing provider', async () => {
    class Settings implements ClusterOptionsFactory {
      createClusterOptions(name?: string): ClusterOptions {
        return { ...options(), applicationName: `of ${name}` };
      }
    }
    class SettingsModule {}
    Module({ providers: [Settings, { provide: 'URL', useValue: cluster.url }], exports: [Settings, 'URL'] })(
      SettingsModule,
    );
    const app = await application([
      PgherdModule.forRootAsync({
        imports: [SettingsModule],
        inject: ['URL'],
        useFactory: async (url: string) => ({ url, env: {} }),
      }),
      PgherdModule.forRootAsync({ name: 'by class', useClass: Settings }),
      PgherdModule.forRootAsync({ name: 'existing', imports: [SettingsModule], useExisting: Settings }),
    ]);
    const [one, byClass, existing] = [undefined, 'by class', 'existing'].map((name) =>
      app.get<Cluster>(getClusterToken(name)),
    );
    for (const db of [one, byClass, existing]) expect(await numberOf(db as Cluster)).toBe(1);
    expect(new Set([one, byClass, existing]).size).toBe(3);
    const nameOf = (db?: Cluster) => db?.one(`select current_setting('application_name') as name`);
    expect(await nameOf(byClass)).toEqual({ name: 'of by class' });
    expect(await nameOf(existing)).toEqual({ name: 'of existing' });
    await app.close();
    for (const db of [one, byClass, existing]) expect(db?.isOpen).toBe(false);
  });

  it('is seen by all modules, unless isGlobal is false', async () => {
    class FeatureModule {}
    Module({ controllers: [NotesController] })(FeatureModule);
    await application([PgherdModule.forRoot(options()), FeatureModule]);
    await expect(
      application([PgherdModule.forRoot(options(), { isGlobal: false }), FeatureModule]),
    ).rejects.toThrow(/pgherd:cluster/);
    await application([PgherdModule.forRoot(options(), { isGlobal: false })], {
      controllers: [NotesController],
    });
  });

  it('shows the state of the cluster to Terminus: up, degraded, down, and closing', async () => {
    const app = await application([PgherdModule.forRoot(options()), TerminusModule], {
      controllers: [HealthController],
      providers: [PgherdHealthIndicator],
    });
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/readyz`;
    const ask = async () => {
      const response = await fetch(url);
      const { details } = (await response.json()) as { details: { database: { status: string } } };
      return { status: response.status, database: details.database };
    };
    const becomes = (status: string) =>
      waitUntil(async () => (await ask()).database.status === status, { what: `the status ${status}` });
    await becomes('up');
    expect(await ask()).toMatchObject({
      status: 200,
      database: { cluster: 'up', reasons: [], nodes: [{}, {}] },
    });
    await cluster.primary.kill();
    await becomes('degraded');
    expect(await ask()).toMatchObject({
      status: 200,
      database: {
        cluster: 'degraded',
        reasons: expect.arrayContaining([expect.stringContaining('writes wait')]),
      },
    });
    await cluster.failover();
    await cluster.primary.kill();
    await becomes('down');
    expect(await ask()).toMatchObject({ status: 503, database: { cluster: 'down' } });
    await restore(cluster);
    await becomes('up');
    const indicator = app.get(PgherdHealthIndicator);
    const db = app.get<Cluster>(getClusterToken());
    const closing = app.close();
    await closing;
    expect(indicator.check('database')).toMatchObject({ database: { status: 'down', closing: true } });
    expect(db.isOpen).toBe(false);
  });

  it('refuses options that cannot be used, and does not start with a cluster that cannot be', async () => {
    const refusal = { code: 'PGHERD_INVALID_ARGUMENT' };
    const wrong = (options: object) => () => PgherdModule.forRootAsync(options as PgherdModuleAsyncOptions);
    expect(wrong({})).toThrow(expect.objectContaining(refusal));
    expect(wrong({})).toThrow(/0 of useFactory, useClass, useExisting/);
    expect(wrong({ useFactory: () => '', useClass: class {} })).toThrow(/has 2 of/);
    expect(wrong({ usefactory: () => '' })).toThrow(/Did you mean useFactory\?/);
    expect(() => PgherdModule.forRoot('postgres://db1', { name: '' })).toThrow(/which is not empty/);
    await expect(application([PgherdModule.forRoot({ pol: {} } as ClusterOptions)])).rejects.toMatchObject({
      code: 'PGHERD_INVALID_OPTIONS',
    });
  });
});
