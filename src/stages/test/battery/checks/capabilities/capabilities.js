// Holds the data on releases to the binary: a check that does not apply is left out because of this data alone.
var assert = require('assert');
var fs = require('fs');
var probe = require('/nodeworthy-test/probe.js');

module.exports = function (done) {
  var folder = '/tmp/probe-' + process.pid;
  fs.mkdirSync(folder);
  probe(folder, '/nodeworthy-test', function (found) {
    var expected = (process.env.CAPABILITIES || '').split(' ').filter(function (name) {
      return probe.names.indexOf(name) >= 0;
    });
    var problems = [];
    found.forEach(function (name) {
      if (expected.indexOf(name) < 0) problems.push('it has ' + name + ', and the data on releases says it lacks it');
    });
    expected.forEach(function (name) {
      if (found.indexOf(name) < 0) problems.push('it lacks ' + name + ', and the data on releases says it has it');
    });
    // All of them: a message is cut.
    if (problems.length > 0) console.log(problems.join('\n'));
    assert.equal(problems.length, 0, process.version + ': ' + problems.join('; '));
    done();
  });
};
