// Reads everything from stdin and says what it was.
module.exports = function (done) {
  var text = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', function (chunk) {
    text += chunk;
  });
  process.stdin.on('end', function () {
    console.log(JSON.stringify({ text: text, isTerminal: Boolean(process.stdin.isTTY) }));
    done();
  });
  process.stdin.resume();
};
