import { Module } from '@nestjs/common';
import { PgherdModule } from 'pgherd/nestjs';
import { AccountsController } from './accounts.controller';
import { AccountsService } from './accounts.service';
import { DatabaseModule } from './database.module';
import { HealthModule } from './health.module';

@Module({
  imports: [PgherdModule.forRoot(process.env.DATABASE_URL), DatabaseModule, HealthModule],
  controllers: [AccountsController],
  providers: [AccountsService],
})
export class AppModule {}
