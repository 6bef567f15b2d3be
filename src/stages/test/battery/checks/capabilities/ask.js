// Prints what this binary can do, for a release that the data does not speak of.
var fs = require('fs');
var probe = require('/nodeworthy-test/probe.js');

fs.mkdirSync('/tmp/probe');
probe('/tmp/probe', '/nodeworthy-test', function (found) {
  console.log('@@nodeworthy-can ' + found.join(' '));
});
