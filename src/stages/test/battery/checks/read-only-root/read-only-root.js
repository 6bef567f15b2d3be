var assert = require('assert');
var fs = require('fs');
var http = require('http');

module.exports = function (done) {
  assert.throws(
    function () {
      fs.writeFileSync('/app/x', 'x');
    },
    function (error) {
      return error.code === 'EROFS';
    }
  );
  fs.writeFileSync('/tmp/x', 'y');
  assert.equal(fs.readFileSync('/tmp/x', 'utf8'), 'y');
  var server = http.createServer(function (_, response) {
    response.end('up');
  });
  server.listen(0, '127.0.0.1', function () {
    http.get({ port: server.address().port, host: '127.0.0.1', path: '/', agent: false }, function (response) {
      var text = '';
      response.on('data', function (chunk) {
        text += chunk;
      });
      response.on('end', function () {
        assert.equal(text, 'up');
        done();
        process.exit(0);
      });
    });
  });
};
