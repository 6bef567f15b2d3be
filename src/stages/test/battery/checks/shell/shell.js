// What people do in a shell of the image: core utilities, npm, and what the package database says.
var assert = require('assert');
var fs = require('fs');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  help.series(
    [
      says('printf "b\\na\\n" | sort | head -n 1 | tr a-z A-Z', /^A$/),
      says('grep -c . /etc/os-release | sed "s/[0-9]*/ok/"', /^ok$/),
      says('npm --version', /^\d+\.\d+\.\d+$/),
    ]
      .concat(help.capable('npx') ? [says('npx --version', /^\d+\.\d+\.\d+$/)] : [])
      .concat([
        says('dpkg --audit', /^$/),
        says('dpkg-query --show --showformat "\\${db:Status-Status}" libstdc++6', /^installed$/),
        says('dpkg-query --search /usr/bin/tini', /^tini: \/usr\/bin\/tini$/),
        says('apt-get --version', /^apt \d/),
        says('getent passwd node', /^node:x:1000:1000:/),
      ]),
    function () {
      ['/etc/machine-id', '/var/log/dpkg.log', '/etc/passwd-'].forEach(function (file) {
        assert.ok(!fs.existsSync(file), file + ' was left behind');
      });
      done();
    }
  );

  function says(script, expected) {
    return function (next) {
      help.run('/bin/sh', ['-euc', script], {}, function (result) {
        var text = result.stdout.trim();
        assert.ok(result.code === 0 && expected.test(text), script + ': ' + result.code + ' ' + text + result.stderr);
        next();
      });
    };
  }
};
