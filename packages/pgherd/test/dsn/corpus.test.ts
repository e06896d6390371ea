import { describe, expect, it } from 'vitest';
import { type ConnectionPlan, type PlannedHost, planConnection } from '../../src/dsn/index.ts';
import { InvalidDsnError } from '../../src/model/errors.ts';
import { CORPUS } from './corpus.ts';

for (const [group, cases] of Object.entries(CORPUS)) {
  describe(group, () => {
    it.each(
      cases.map(([text, outcome, options], index) => ({ index, text, outcome, options })),
    )('$index: $text', ({ text, outcome, options }) => {
      const plan = () => planConnection(text, { osUser: 'me', defaultHost: '/run/pg', ...options });
      if (outcome instanceof RegExp) {
        expect(plan).toThrow(InvalidDsnError);
        expect(plan).toThrow(outcome);
      } else {
        expect(flattened(plan())).toMatchObject(outcome);
      }
    });
  });
}

it('has at least 200 cases', () => {
  expect(Object.values(CORPUS).flat().length).toBeGreaterThanOrEqual(200);
});

function flattened(plan: ConnectionPlan) {
  return { ...plan, hosts: plan.hosts.map(hostText).join(' '), password: plan.password?.reveal() };
}

function hostText({ host, hostaddr, port, password }: PlannedHost): string {
  const address = hostaddr === undefined ? '' : `=${hostaddr}`;
  return `${host}${address}:${port}${password === undefined ? '' : `+${password.reveal()}`}`;
}
