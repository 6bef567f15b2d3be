var assert = require('assert');
var http = require('http');
var bytes = require('/nodeworthy-test/check.js').bytes;

module.exports = function (done) {
  var body = new Array((1 << 20) + 1).join('x');
  var server = http.createServer(function (request, response) {
    request.pipe(response);
  });
  server.listen(0, '127.0.0.1', function () {
    var request = http.request(
      { host: '127.0.0.1', port: server.address().port, method: 'POST', path: '/', agent: false },
      function (response) {
        var size = 0;
        assert.equal(response.statusCode, 200);
        response.on('data', function (chunk) {
          size += chunk.length;
        });
        response.on('end', function () {
          server.close();
          assert.equal(size, body.length);
          done();
        });
      }
    );
    request.end(bytes(body));
  });
};
