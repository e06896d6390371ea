import { describe } from 'vitest';
import { testEverySecondSeed } from './seeds.ts';

describe('every invariant holds, odd seeds', () => testEverySecondSeed(1));
