import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { AccountsService, type Transfer } from './accounts.service';

@Controller()
export class AccountsController {
  constructor(private readonly accounts: AccountsService) {}

  @Get('health')
  health() {
    return this.accounts.ping();
  }

  @Get('accounts')
  all() {
    return this.accounts.all();
  }

  @Get('accounts/:id')
  one(@Param('id') id: string) {
    return this.accounts.one(id);
  }

  @Post('accounts')
  add(@Body() body: { owner: string; balance: number }) {
    return this.accounts.add(body.owner, body.balance);
  }

  @Post('transfers')
  transfer(@Body() body: Transfer) {
    return this.accounts.transfer(body);
  }
}
