import type { Connector } from '../dial/connector.ts';
import type { MonitorSettings } from '../monitor/ports.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { REDIAL_NAMES_MS } from '../topology/redial-plan.ts';

/**
 * A long poll would keep one of the pooler's few connections to the server; a pooler may be detected only
 * later.
 */
export function monitorSettings(settings: ClusterSettings, connector: Connector): MonitorSettings {
  const { connectTimeoutMs, label, probe } = settings;
  return Object.freeze({
    ...probe,
    connectTimeoutMs,
    label,
    get longPoll() {
      return probe.longPoll && !connector.behindPooler;
    },
    get redialMs() {
      return probe.redialMs ?? (connector.isNamed ? REDIAL_NAMES_MS : 0);
    },
  });
}

/** Makes a connection that was opened as the pool's are one of the monitor. */
export function monitorsOwn({ applicationNames, limits }: ClusterSettings, node: string): string {
  const name = applicationNames.of({ node, purpose: 'monitor' });
  const lifted = Object.keys(limits).map((name) => `SET ${name} = 0`);
  return [`SET application_name = ${quoteLiteral(name)}`, ...lifted].join('; ');
}
