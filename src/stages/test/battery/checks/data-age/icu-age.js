// The time zones that Node.js itself carries. A line that is maintained gets them with its releases.
const assert = require('assert');

module.exports = () => {
  const zones = process.versions.tz;
  const year = new Date().getFullYear();
  assert.ok(Number(zones.slice(0, 4)) >= year - 2, `time zones of ICU are of ${zones}`);
};
