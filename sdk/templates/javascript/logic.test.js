import assert from 'node:assert/strict';
import { test } from 'node:test';

import { greet } from './logic.js';

test('a person is greeted', () => {
  assert.deepEqual(greet({ name: 'Ada' }), { text: 'Hello, Ada!' });
});

test('nobody is not greeted', () => {
  assert.throws(() => greet({ name: ' ' }), /nobody to greet/);
});
