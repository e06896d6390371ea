import { Inject, Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import type { Cluster } from '../cluster/cluster.ts';
import { type HealthHandlerOptions, healthHandler } from '../http/health.ts';
import { argumentError } from '../model/errors.ts';
import { getClusterToken } from './nestjs.ts';

/** What is asked, and what counts as well. */
export interface ClusterCheckOptions extends HealthHandlerOptions {
  /** The name of the cluster in `PgherdModule`. Default: the one without a name. */
  readonly name?: string | undefined;
}

/**
 * An indicator for Terminus over `db.health()`: no statement is sent. List it among the `providers` of a module that imports
 * `TerminusModule`.
 *
 * @example
 * ```ts
 * import { Controller, Get } from '@nestjs/common';
 * import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
 * import { PgherdHealthIndicator } from 'pgherd/nestjs-terminus';
 *
 * @Controller()
 * class HealthController {
 *   constructor(private readonly health: HealthCheckService, private readonly pgherd: PgherdHealthIndicator) {}
 *
 *   @Get('readyz')
 *   @HealthCheck()
 *   ready() { return this.health.check([() => this.pgherd.check('database')]); }
 * }
 * ```
 */
export class PgherdHealthIndicator {
  readonly #indicators: HealthIndicatorService;
  readonly #modules: ModuleRef;

  /** Called by NestJS. */
  constructor(indicators: HealthIndicatorService, modules: ModuleRef) {
    this.#indicators = indicators;
    this.#modules = modules;
  }

  /**
   * The state of a cluster under `key`. `down` if it serves too little (`minimum`) or closes. A cluster that serves, but is not whole, is
   * `degraded`, or `up` with the reasons on Terminus 11, which does not have this status.
   *
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used; NestJS' own error for an unknown name.
   */
  check(key: string, options: ClusterCheckOptions = {}): HealthIndicatorResult {
    const { name, ...health } = options;
    const cluster = this.#modules.get<Cluster>(getClusterToken(name), { strict: false });
    const { status, body } = healthHandler(cluster, health).readiness.answer();
    const { status: found, ready: _, ...data } = body;
    const session = this.#indicators.check(key);
    const details = { cluster: found, ...data };
    if (status !== 200) return session.down(details);
    return found === 'degraded' && 'degraded' in session ? session.degraded(details) : session.up(details);
  }
}

// Terminus 10 has the service, and does not export it.
if (HealthIndicatorService === undefined)
  throw argumentError('pgherd/nestjs-terminus needs @nestjs/terminus 11 or newer.');
Injectable()(PgherdHealthIndicator);
Inject(HealthIndicatorService)(PgherdHealthIndicator, undefined, 0);
Inject(ModuleRef)(PgherdHealthIndicator, undefined, 1);
