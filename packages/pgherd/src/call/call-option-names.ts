import { type OptionNames, optionNames } from '../model/option-names.ts';
import type { CallOptions, RoutingOptions } from './call.ts';

/** The names of {@link RoutingOptions}. */
export const ROUTING_OPTIONS: OptionNames = optionNames<RoutingOptions>({
  target: true,
  fallback: true,
  node: true,
  tags: true,
  maxLagMs: true,
  maxLagBytes: true,
  allowStale: true,
  primaryReadWeight: true,
});

/** The names of {@link CallOptions}. */
export const CALL_OPTIONS: OptionNames = optionNames<Omit<CallOptions, keyof RoutingOptions>>(
  {
    timeoutMs: true,
    signal: true,
    after: true,
    settings: true,
    hedge: true,
    comment: true,
    idempotent: true,
  },
  ROUTING_OPTIONS,
);
