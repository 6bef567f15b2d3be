// Talks to a TLS server of its own, whose authority is trusted only through the store under test.
var assert = require('assert');
var fs = require('fs');
var https = require('https');

var folder = '/nodeworthy-test';

module.exports = function (done) {
  var server = https.createServer(
    { key: fs.readFileSync(folder + '/server.key'), cert: fs.readFileSync(folder + '/server.crt') },
    function (_, response) {
      response.end('hello');
    }
  );
  server.on('clientError', function () {});
  server.on('tlsClientError', function () {});
  server.listen(0, '127.0.0.1', function () {
    var options = { host: 'localhost', port: server.address().port, path: '/', agent: false, family: 4 };
    https
      .get(options, function (response) {
        response.on('end', judge.bind(null, 'trusted'));
        response.resume();
      })
      .on('error', function (error) {
        judge(String(error.code || error.message));
      });
  });

  function judge(outcome) {
    try {
      server.close();
    } catch (_) {}
    if (process.env.EXPECTED_TRUST === 'yes') assert.equal(outcome, 'trusted', 'the store is not honoured: ' + outcome);
    else
      assert.ok(
        /CERT|SIGNATURE|ISSUER|self.signed/i.test(outcome),
        'a server with an unknown authority was trusted: ' + outcome
      );
    done();
    process.exit(0);
  }
};
