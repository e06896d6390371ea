import type { Driver } from '../connection/port.ts';
import { WIRE_CAPABILITIES, type WireOptions } from '../wire/connection/options.ts';

/** pgherd's own wire, which is loaded with the first connection: many programs import more than they use. */
export function wireWhenNeeded(options: WireOptions): Driver {
  let driver: Driver | undefined;
  return Object.freeze({
    name: 'wire',
    capabilities: WIRE_CAPABILITIES,
    async connect(...args: Parameters<Driver['connect']>) {
      driver ??= (await import('../wire/connection/driver.ts')).wireDriver(options);
      return driver.connect(...args);
    },
  });
}
