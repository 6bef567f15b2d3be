var assert = require('assert');

/** What each release has had from the beginning. */
var oldest =
  'assert buffer child_process cluster console constants crypto dgram dns domain events fs http https module net os path punycode querystring readline repl stream string_decoder sys timers tls tty url util vm zlib';

module.exports = function () {
  // Tools of V8 and modules with an underscore are not meant for applications.
  var listed = (require('module').builtinModules || []).filter(function (name) {
    return !/^(?:_|v8\/|internal|node-inspect)/.test(name);
  });
  var names = oldest.split(' ').concat(listed);
  var broken = [];
  names.forEach(function (name) {
    try {
      require(name);
    } catch (error) {
      broken.push(name + ': ' + error.message);
    }
  });
  assert.deepEqual(broken, [], 'modules that do not load: ' + broken.join(', '));
};
