/** What the suite asks of a value: the part of `expect` that Vitest and Jest share. */
export interface ConformanceExpectation {
  readonly not: ConformanceExpectation;
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toMatchObject(expected: object): void;
  toBeInstanceOf(expected: new (...args: never[]) => unknown): void;
  toContain(expected: unknown): void;
  toHaveLength(expected: number): void;
  toMatch(expected: RegExp): void;
  toBeGreaterThan(expected: number): void;
}

/**
 * The functions of a test runner that the suite registers its tests with. The namespaces of `vitest` and of `@jest/globals`
 * are such objects.
 */
export interface ConformanceRunner {
  describe(name: string, tests: () => void): void;
  it(name: string, test: () => Promise<void>, timeoutMs: number): void;
  beforeAll(hook: () => Promise<void>, timeoutMs: number): void;
  afterEach(hook: () => Promise<void>, timeoutMs: number): void;
  afterAll(hook: () => Promise<void>, timeoutMs: number): void;
  expect(actual: unknown, message?: string): ConformanceExpectation;
}
