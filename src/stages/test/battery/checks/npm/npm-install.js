// A package of this machine with an install script, a dependency and a command: what npm does with it, without a network.
var assert = require('assert');
var fs = require('fs');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  var folder = '/tmp/npm-' + process.pid;
  fs.mkdirSync(folder);
  fs.mkdirSync(folder + '/package');
  write('package/package.json', {
    name: 'thing',
    version: '1.2.3',
    bin: { thing: 'cli.js' },
    main: 'cli.js',
    scripts: { install: 'node install.js' },
  });
  write('package/install.js', 'require("fs").writeFileSync("installed", "yes")');
  write(
    'package/cli.js',
    '#!/usr/bin/env node\nmodule.exports = 42; if (require.main === module) console.log("ran", process.argv.slice(2).join())'
  );
  var major = Number(require('/usr/local/lib/node_modules/npm/package.json').version.split('.')[0]);
  help.series(
    [
      function (next) {
        npm(['pack'], folder + '/package', function (text) {
          assert.equal(text.trim().split('\n').pop(), 'thing-1.2.3.tgz');
          next();
        });
      },
      install(true),
      install(false),
    ],
    done
  );

  function write(path, value) {
    fs.writeFileSync(folder + '/' + path, typeof value === 'string' ? value : JSON.stringify(value));
  }

  function npm(args, cwd, then) {
    run('npm', args, cwd, then);
  }

  function run(program, args, cwd, then) {
    var env = {
      HOME: folder,
      npm_config_cache: folder + '/cache',
      npm_config_offline: 'true',
      npm_config_fund: 'false',
      npm_config_audit: 'false',
      npm_config_update_notifier: 'false',
      npm_config_loglevel: 'error',
    };
    help.run(program, args, { cwd: cwd, env: env, timeoutMs: 60000 }, function (result) {
      assert.equal(result.code, 0, program + ' ' + args.join(' ') + ': ' + result.stderr);
      then(result.stdout);
    });
  }

  function install(withScripts) {
    return function (next) {
      var app = folder + '/app-' + withScripts;
      fs.mkdirSync(app);
      write('app-' + withScripts + '/package.json', { name: 'app', version: '1.0.0', private: true });
      var args = ['install'].concat(
        withScripts ? [] : ['--ignore-scripts'],
        major >= 7 ? ['--foreground-scripts'] : [],
        [folder + '/package/thing-1.2.3.tgz']
      );
      npm(args, app, function () {
        assert.equal(require(app + '/node_modules/thing'), 42);
        var ran = fs.existsSync(app + '/node_modules/thing/installed');
        // From npm 12 on, scripts run only for packages that are allowed.
        if (withScripts && major < 12) assert.ok(ran, 'the install script did not run');
        if (!withScripts) assert.ok(!ran, '--ignore-scripts was not honoured');
        run(app + '/node_modules/.bin/thing', ['a b'], app, function (text) {
          assert.equal(text.trim(), 'ran a b', 'the command of a package does not run');
          if (!withScripts || !help.capable('npx')) return next();
          run('npx', [major >= 7 ? '--no' : '--no-install', 'thing', 'a b'], app, function (output) {
            assert.equal(output.trim(), 'ran a b', 'npx does not run a command of a package');
            next();
          });
        });
      });
    };
  }
};
