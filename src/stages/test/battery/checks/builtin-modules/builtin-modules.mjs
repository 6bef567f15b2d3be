import assert from 'node:assert/strict';
import { builtinModules, createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const broken = [];
for (const name of builtinModules) {
  try {
    require(name);
  } catch (error) {
    broken.push(`${name}: ${error.message}`);
  }
}
assert.ok(builtinModules.length > 40, 'too few built-in modules');
assert.deepEqual(broken, [], 'modules that do not load');
