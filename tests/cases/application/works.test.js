const assert = require('node:assert');
require('node:test')('works', () => assert.ok(require('node:fs').existsSync('package.json')));
