import { describe } from 'vitest';
import { storeCases } from '../../../tests/support/store-cases.ts';
import { createMemoryStore } from './memory-store.ts';

describe('the store in memory', () => {
  storeCases(async () => createMemoryStore());
});
