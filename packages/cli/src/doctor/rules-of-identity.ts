import { isPrimaryAmongSeveral, type NodeRule } from './rule.ts';

/** Rules for which server it is that answers, by name. */
export const IDENTITY_RULES: Readonly<Record<string, NodeRule>> = Object.freeze({
  'node-not-believed': ({ picture }) =>
    picture.standing === 'current'
      ? []
      : [
          {
            severity: 'error',
            evidence: `It is ${picture.standing}: ${picture.standingReason ?? 'no reason known'}.`,
            remedy:
              picture.standing === 'foreign'
                ? 'Take it out of the list: it is of another cluster.'
                : 'Stop it, and rebuild it as a standby of the primary.',
            page: 'runbook.md',
          },
        ],
  'same-server-twice': ({ picture }) =>
    picture.aliasOf === undefined
      ? []
      : [
          {
            severity: 'warning',
            evidence: `It is the same server as ${picture.aliasOf}.`,
            remedy: 'Name each server once: two names for one server are no second server.',
            page: 'one-address.md#names',
          },
        ],
  'several-servers-at-one-address': (node) => {
    const { several } = node.picture;
    if (several === undefined) return [];
    const isPrimaryHidden = isPrimaryAmongSeveral(node);
    return [
      {
        severity: isPrimaryHidden ? 'error' : 'warning',
        evidence: `${several.servers} servers answer at this address${isPrimaryHidden ? ', and one of them is a primary: writes wait' : ''}.`,
        remedy: 'Name the servers themselves, not a balancer in front of them.',
        page: 'one-address.md#balancers-and-virtual-ips',
      },
    ];
  },
});
