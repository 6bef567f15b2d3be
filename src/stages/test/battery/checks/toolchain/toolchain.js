// A native add-on is compiled without a network, against the headers in the image, and loaded.
var assert = require('assert');
var fs = require('fs');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  var folder = '/tmp/addon-' + process.pid;
  fs.mkdirSync(folder);
  write('package.json', {
    name: 'addon',
    version: '1.0.0',
    gypfile: true,
    scripts: { install: 'node-gyp rebuild' },
  });
  write('binding.gyp', { targets: [{ target_name: 'addon', sources: ['addon.cc'] }] });
  fs.writeFileSync(
    folder + '/addon.cc',
    [
      '#include <node_api.h>',
      '#include <string>',
      'static napi_value Answer(napi_env env, napi_callback_info) {',
      '  napi_value result;',
      '  std::string text = std::to_string(42);',
      '  napi_create_string_utf8(env, text.c_str(), text.size(), &result);',
      '  return result;',
      '}',
      'static napi_value Init(napi_env env, napi_value) {',
      '  napi_value answer;',
      '  napi_create_function(env, "answer", NAPI_AUTO_LENGTH, Answer, nullptr, &answer);',
      '  return answer;',
      '}',
      'NAPI_MODULE(NODE_GYP_MODULE_NAME, Init)',
      '',
    ].join('\n')
  );
  var env = {
    HOME: folder,
    npm_config_cache: folder + '/cache',
    npm_config_offline: 'true',
    npm_config_audit: 'false',
  };
  help.series(
    [
      runs('npm', ['install', '--foreground-scripts', '--no-fund']),
      runs('git', ['--version']),
      runs('make', ['--version']),
      runs('python3', ['--version']),
    ],
    function () {
      assert.equal(require(folder + '/build/Release/addon.node')(), '42');
      done();
    }
  );

  function write(name, value) {
    fs.writeFileSync(folder + '/' + name, JSON.stringify(value));
  }

  function runs(program, args) {
    return function (next) {
      help.run(program, args, { cwd: folder, env: env, timeoutMs: 280000 }, function (result) {
        assert.ok(result.code === 0 && result.stdout.length > 0, program + ': ' + result.stdout + result.stderr);
        next();
      });
    };
  }
};
