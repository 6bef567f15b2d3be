var assert = require('assert');
var dns = require('dns');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  help.series(
    [
      function (next) {
        dns.lookup('localhost', function (error, address) {
          assert.ok(!error, 'localhost: ' + error);
          assert.ok(address === '127.0.0.1' || address === '::1', 'localhost is ' + address);
          next();
        });
      },
      function (next) {
        dns.lookup('nodeworthy-test', 4, function (error, address) {
          assert.ok(!error, 'the own host name: ' + error);
          assert.ok(/^127\./.test(address), 'the own host name is ' + address);
          next();
        });
      },
      function (next) {
        if (!help.capable('dns-services')) return next();
        dns.lookupService('127.0.0.1', 443, function (error, _, service) {
          assert.ok(!error, String(error));
          assert.equal(service, 'https', '/etc/services is not read');
          next();
        });
      },
      function (next) {
        dns.lookup('does-not-exist.invalid', function (error) {
          assert.ok(error, 'a name that does not exist was found');
          next();
        });
      },
    ],
    done
  );
};
