// Walks the whole file system as the image's own user sees it.
var assert = require('assert');
var fs = require('fs');

var skipped = ['/proc', '/sys', '/dev', '/nodeworthy-test'];

module.exports = function () {
  var problems = [];
  var seen = 0;
  function walk(path) {
    if (skipped.indexOf(path) >= 0) return;
    var stats = fs.lstatSync(path);
    seen++;
    if (stats.isSymbolicLink()) return;
    if (stats.mode & 3072) problems.push(path + ' has a set-id bit');
    // In a folder with the sticky bit nobody takes away what others wrote.
    if (stats.mode & 2 && !(stats.isDirectory() && stats.mode & 512)) problems.push(path + ' is writable by everybody');
    if (!stats.isDirectory()) return;
    var names = [];
    try {
      names = fs.readdirSync(path);
    } catch (error) {
      if (error.code !== 'EACCES') throw error;
    }
    names.forEach(function (name) {
      walk(path === '/' ? '/' + name : path + '/' + name);
    });
  }
  walk('/');
  // A base of somebody else may be small.
  assert.ok(seen > (process.env.EXPECTED_SUITE ? 500 : 20), 'only ' + seen + ' files were seen');
  assert.deepEqual(problems, [], problems.join(', '));
  var unwanted =
    process.env.EXPECTED_VARIANT === 'runtime' && process.env.EXPECTED_SUITE
      ? ['sh', 'bash', 'dash', 'busybox', 'apt', 'dpkg', 'npm', 'npx', 'su', 'passwd']
      : [];
  unwanted.forEach(function (program) {
    ['/bin', '/usr/bin', '/usr/local/bin', '/sbin', '/usr/sbin'].forEach(function (folder) {
      assert.throws(
        function () {
          fs.lstatSync(folder + '/' + program);
        },
        function (error) {
          return error.code === 'ENOENT';
        },
        folder + '/' + program + ' has no place in a runtime image'
      );
    });
  });
};
