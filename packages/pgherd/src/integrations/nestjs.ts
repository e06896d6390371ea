import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  type InjectionToken,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type Provider,
  type Type,
} from '@nestjs/common';
import { type Cluster, createCluster } from '../cluster/cluster.ts';
import { markLeaving } from '../cluster/request-port.ts';
import { checkOptions, type OptionRule, SWITCH } from '../http/options.ts';
import { argumentError } from '../model/errors.ts';
import type { ClusterOptions } from '../options/options.ts';

/** What describes a cluster: a connection string, or the options of `createCluster`. */
export type ClusterConfiguration = string | ClusterOptions;

/** How a cluster is known to the application. */
export interface PgherdModuleExtras {
  /** For applications with several clusters. Default: the one without a name. */
  readonly name?: string | undefined;
  /** Whether every module of the application can inject the cluster without importing this one. Default `true`. */
  readonly isGlobal?: boolean | undefined;
}

/** A provider that describes clusters, for `useClass` and `useExisting`. */
export interface ClusterOptionsFactory {
  /** The name is that of the module's options. */
  createClusterOptions(name?: string): ClusterConfiguration | Promise<ClusterConfiguration>;
}

/** A description that depends on other providers, such as a configuration: by exactly one of `useFactory`, `useClass` and `useExisting`. */
export interface PgherdModuleAsyncOptions extends PgherdModuleExtras {
  /** Modules that export what the description needs. */
  readonly imports?: ModuleMetadata['imports'];
  /** What is passed to `useFactory`. */
  readonly inject?: FactoryProvider['inject'];
  /** Called with what `inject` lists. */
  readonly useFactory?:
    | ((...injected: never[]) => ClusterConfiguration | Promise<ClusterConfiguration>)
    | undefined;
  /** Made by this module. */
  readonly useClass?: Type<ClusterOptionsFactory> | undefined;
  /** Provided by one of `imports`. */
  readonly useExisting?: InjectionToken<ClusterOptionsFactory> | undefined;
}

/** The token of a cluster, for `inject`, `app.get()` and `overrideProvider()`. */
export function getClusterToken(name?: string): string {
  return name === undefined ? 'pgherd:cluster' : `pgherd:cluster:${name}`;
}

/** Injects a cluster into a parameter of a constructor, or into a property. */
export function InjectCluster(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getClusterToken(name));
}

/** Within each module: its own cluster, whatever its name. */
const OWN = Symbol('pgherd.own-cluster');
/** Within each module: the provider that describes its cluster. */
const FACTORY = Symbol('pgherd.cluster-options-factory');

/**
 * A cluster for applications of NestJS. It is closed after the last request (`onApplicationShutdown`); readiness turns off as soon as the
 * application begins to close.
 *
 * @example
 * ```ts
 * import { Injectable, Module } from '@nestjs/common';
 * import type { Cluster } from 'pgherd';
 * import { InjectCluster, PgherdModule } from 'pgherd/nestjs';
 *
 * @Injectable()
 * class Orders {
 *   constructor(@InjectCluster() private readonly db: Cluster) {}
 *   all() { return this.db.read.rows('select * from orders'); }
 * }
 *
 * @Module({ imports: [PgherdModule.forRoot('postgres://app@db1,db2,db3/shop')], providers: [Orders] })
 * class AppModule {}
 * ```
 */
export class PgherdModule implements OnModuleDestroy, OnApplicationShutdown {
  readonly #cluster: Cluster;

  /** Called by NestJS. */
  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * A module with one cluster, made when the application starts. Without options, the `PG*` variables describe it.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for extras that cannot be used. What `createCluster` throws, ends the start of the
   * application.
   */
  static forRoot(options: ClusterConfiguration = {}, extras: PgherdModuleExtras = {}): DynamicModule {
    checkOptions(extras, EXTRAS);
    return moduleOf(
      extras,
      [],
      [{ provide: getClusterToken(extras.name), useFactory: () => createCluster(options) }],
    );
  }

  /**
   * The same for a description that depends on other providers.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used.
   */
  static forRootAsync(options: PgherdModuleAsyncOptions): DynamicModule {
    checkOptions(options, ASYNC);
    return moduleOf(options, options.imports ?? [], described(options));
  }

  /** From now on, readiness answers that the application closes. */
  onModuleDestroy(): void {
    markLeaving(this.#cluster);
  }

  /** Closes the cluster: the application answers no more requests. */
  async onApplicationShutdown(): Promise<void> {
    await this.#cluster.close();
  }
}

// A decorator is a function: written as calls, these need no compiler option.
Module({})(PgherdModule);
Inject(OWN)(PgherdModule, undefined, 0);

const NAME: OptionRule = [
  (value) => typeof value === 'string' && value !== '',
  'the name of a cluster, which is not empty',
];
const LIST: OptionRule = [Array.isArray, 'a list'];
const CLASS: OptionRule = [(value) => typeof value === 'function', 'a function or class'];
const TOKEN: OptionRule = [(value) => value !== null, 'the token of a provider'];
const EXTRAS: Readonly<Record<string, OptionRule>> = Object.freeze({ name: NAME, isGlobal: SWITCH });
const SOURCES = Object.freeze({ useFactory: CLASS, useClass: CLASS, useExisting: TOKEN });
const ASYNC: Readonly<Record<string, OptionRule>> = Object.freeze({
  ...EXTRAS,
  imports: LIST,
  inject: LIST,
  ...SOURCES,
});

function moduleOf(
  { name, isGlobal = true }: PgherdModuleExtras,
  imports: NonNullable<ModuleMetadata['imports']>,
  providers: readonly Provider[],
): DynamicModule {
  const token = getClusterToken(name);
  return {
    module: PgherdModule,
    global: isGlobal,
    imports,
    providers: [...providers, { provide: OWN, useExisting: token }],
    exports: [token],
  };
}

function described(options: PgherdModuleAsyncOptions): Provider[] {
  const { name, inject = [], useFactory, useClass, useExisting } = options;
  const given = [useFactory, useClass, useExisting].filter((source) => source !== undefined);
  if (given.length !== 1)
    throw argumentError(
      `forRootAsync has ${given.length} of ${Object.keys(SOURCES).join(', ')}, but must have exactly one.`,
    );
  const provide = getClusterToken(name);
  if (useFactory !== undefined) {
    const make = useFactory as (
      ...injected: unknown[]
    ) => ReturnType<ClusterOptionsFactory['createClusterOptions']>;
    return [{ provide, inject, useFactory: async (...injected) => createCluster(await make(...injected)) }];
  }
  const factory: Provider =
    useClass === undefined ? { provide: FACTORY, useExisting } : { provide: FACTORY, useClass };
  const ask = async (from: ClusterOptionsFactory) => createCluster(await from.createClusterOptions(name));
  return [factory, { provide, inject: [FACTORY], useFactory: ask }];
}
