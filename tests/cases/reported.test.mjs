import assert from 'node:assert/strict';
import { test } from 'node:test';

test('adds', () => assert.equal(1 + 1, 2));
test('is left out', { skip: true }, () => assert.fail());
test('group', async (t) => {
  await t.test('inner', () => {});
  await t.test('wrong', () => assert.equal(1, 2, 'not the same'));
});
