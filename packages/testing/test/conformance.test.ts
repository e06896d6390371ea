import * as pgherd from 'pgherd';
import { type Driver, type DriverConnection, wireDriver } from 'pgherd/connection';
import { expect, it } from 'vitest';
import { type ConformanceRunner, driverConformance } from '../src/conformance/conformance.ts';

type Hook = () => Promise<void>;

/** A runner that keeps the tests, so that they can be run one by one and their failures be looked at. */
class CollectingRunner implements ConformanceRunner {
  readonly tests = new Map<string, Hook>();
  readonly #hooks = { before: [] as Hook[], each: [] as Hook[], after: [] as Hook[] };
  readonly #path: string[] = [];
  readonly expect = expect;

  describe(name: string, tests: () => void): void {
    this.#path.push(name);
    tests();
    this.#path.pop();
  }

  it(name: string, test: Hook): void {
    this.tests.set([...this.#path.slice(1), name].join(' > '), test);
  }

  beforeAll(hook: Hook): void {
    this.#hooks.before.push(hook);
  }

  afterEach(hook: Hook): void {
    this.#hooks.each.push(hook);
  }

  afterAll(hook: Hook): void {
    this.#hooks.after.push(hook);
  }

  /** Runs the tests whose name contains `part`; returns the names of those that fail. */
  async failures(part: string): Promise<string[]> {
    const failed: string[] = [];
    for (const hook of this.#hooks.before) await hook();
    try {
      for (const [name, test] of this.tests) {
        if (!name.includes(part)) continue;
        await test().catch(() => failed.push(name));
        for (const hook of this.#hooks.each) await hook();
      }
    } finally {
      for (const hook of this.#hooks.after) await hook();
    }
    return failed;
  }
}

function suiteFor(driver: Driver): CollectingRunner {
  const runner = new CollectingRunner();
  driverConformance({ name: 'planted', makeDriver: () => driver, pgherd, runner });
  return runner;
}

/** The adapter of pg with some properties of its connections replaced. */
function withMistake(mistake: (connection: DriverConnection) => Partial<DriverConnection>): Driver {
  const sound = wireDriver();
  return {
    ...sound,
    connect: async (...request) => {
      const connection = await sound.connect(...request);
      const wrong: Record<PropertyKey, unknown> = mistake(connection);
      return new Proxy(connection, {
        get(target, name) {
          if (name in wrong) return wrong[name];
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}

it.each<[string, string, Driver]>([
  ['never says that a session was changed', 'is dirty after: listen', withMistake(() => ({ dirty: false }))],
  ['does not reset', 'as new after reset', withMistake(() => ({ reset: async () => undefined }))],
  [
    'answers one statement of a batch less',
    'batch > returns a result',
    withMistake((connection) => ({
      batch: async (statements) => (await connection.batch?.(statements))?.slice(1) ?? [],
    })),
  ],
  [
    'runs a statement when its connection is gone',
    'is never replaced',
    withMistake((connection) => ({
      query: async (statement) =>
        connection.closed
          ? { rows: [], rowCount: 0, fields: [], command: 'SELECT' }
          : connection.query(statement),
    })),
  ],
])('the conformance suite objects to a driver that %s', async (_what, part, driver) => {
  const failed = await suiteFor(driver).failures(part);
  expect(failed).not.toEqual([]);
});

it('the conformance suite tests optional parts of the port only if the capabilities name them', () => {
  const sound = wireDriver();
  const { parameterStatus, transactionStatus } = sound.capabilities;
  const plain = suiteFor({ ...sound, capabilities: { parameterStatus, transactionStatus } });
  const optional = /^(cancel|pipeline|batch|cursor|COPY) > /;
  expect([...plain.tests.keys()].filter((name) => optional.test(name))).toEqual([]);
  const parts = new Set([...suiteFor(sound).tests.keys()].map((name) => optional.exec(name)?.[1]));
  expect([...parts].filter(Boolean).sort()).toEqual(['COPY', 'batch', 'cancel', 'cursor', 'pipeline']);
});

it('the conformance suite accepts a driver that only wraps another one', async () => {
  const wrapped = suiteFor(withMistake(() => ({})));
  expect(await wrapped.failures('state of the session')).toEqual([]);
});
