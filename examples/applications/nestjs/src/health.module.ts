import { Controller, Get, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { PgherdHealthIndicator } from 'pgherd/nestjs-terminus';

@Controller()
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly pgherd: PgherdHealthIndicator,
  ) {}

  @Get('readyz')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.pgherd.check('database')]);
  }
}

@Module({ imports: [TerminusModule], controllers: [HealthController], providers: [PgherdHealthIndicator] })
export class HealthModule {}
