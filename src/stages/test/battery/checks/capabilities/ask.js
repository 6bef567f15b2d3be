// Prints what this binary can do, for a release that the data does not speak of.
var probe = require('/nodeworthy-test/probe.js');

probe('/nodeworthy-test/work', '/nodeworthy-test', function (found) {
  console.log('@@nodeworthy-can ' + found.join(' '));
});
