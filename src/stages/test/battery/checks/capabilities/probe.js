// Asks a Node.js binary what it can do, in the words of `stages/catalog/capabilities.ts`. Any release from 0.8 on reads
// this file, so it is plain ES5. Nothing is decided by a version number but what no program can see.
var childProcess = require('child_process');
var fs = require('fs');

function has(name) {
  try {
    require(name);
    return true;
  } catch (_) {
    return false;
  }
}

function works(code) {
  try {
    return Boolean(new Function('require', 'return (' + code + ')')(require));
  } catch (_) {
    return false;
  }
}

/** Answers that need no process of their own. */
var questions = {
  'builtin-list': function () {
    return Array.isArray(require('module').builtinModules);
  },
  'cgroup-v2': function () {
    return isAtLeast(process.versions.uv, [1, 45]);
  },
  'dns-services': function () {
    return typeof require('dns').lookupService === 'function';
  },
  'default-tls-1.2': function () {
    var min = require('tls').DEFAULT_MIN_VERSION;
    return min === 'TLSv1.2' || min === 'TLSv1.3';
  },
  'diagnostic-report': function () {
    return Boolean(process.report && process.report.writeReport);
  },
  fetch: function () {
    return typeof fetch === 'function';
  },
  'exit-by-signal': function () {
    return !/^v0\.8\./.test(process.version);
  },
  'full-icu': function () {
    return works('new Intl.NumberFormat("de-DE").format(1234.5) === "1.234,5"');
  },
  'gcm-ciphers': function () {
    var cipher = require('crypto').Cipheriv;
    return Boolean(cipher && cipher.prototype.getAuthTag);
  },
  'heap-snapshot': function () {
    return has('v8') && typeof require('v8').writeHeapSnapshot === 'function';
  },
  'heap-statistics': function () {
    return has('v8') && require('v8').getHeapStatistics().heap_size_limit > 0;
  },
  http2: function () {
    return has('http2');
  },
  inspector: function () {
    return has('inspector');
  },
  'key-pairs': function () {
    return works('require("crypto").generateKeyPairSync("ed25519") && require("crypto").verify');
  },
  'openssl-providers': function () {
    return Number(process.versions.openssl.split('.')[0]) >= 3;
  },
  'node-api': function () {
    return process.versions.napi !== undefined;
  },
  permission: function () {
    return allowed('--permission') || allowed('--experimental-permission');
  },
  'shared-memory': function () {
    return typeof SharedArrayBuffer === 'function' && typeof Atomics === 'object';
  },
  sqlite: function () {
    return has('node:sqlite');
  },
  'test-reporters': function () {
    return allowed('--test-reporter');
  },
  'tls-1.2': function () {
    return !/^(?:0\.|1\.0\.0)/.test(process.versions.openssl);
  },
  'tls-1.3': function () {
    return require('tls').DEFAULT_MAX_VERSION === 'TLSv1.3';
  },
  'tls-verification': function () {
    return !/^v0\.8\./.test(process.version);
  },
  'web-crypto': function () {
    return works('require("crypto").webcrypto.subtle');
  },
  webassembly: function () {
    return typeof WebAssembly === 'object';
  },
  'worker-threads': function () {
    return has('worker_threads');
  },
  x509: function () {
    return typeof require('crypto').X509Certificate === 'function';
  },
};

/** Options of NODE_OPTIONS that images or checks use, by the capability that they are. */
var options = {
  'diagnostic-dir': '--diagnostic-dir=/tmp',
  'heap-option': '--max-old-space-size=100',
  'heap-percentage': '--max-old-space-size-percentage=70',
  'openssl-ca': '--use-openssl-ca',
  'report-directory': '--report-directory=/tmp',
  'semi-space-option': '--max-semi-space-size=8',
};

function allowed(option) {
  var flags = process.allowedNodeEnvironmentFlags;
  return Boolean(flags && flags.has(option));
}

function isAtLeast(version, wanted) {
  var parts = String(version).split('.');
  return Number(parts[0]) > wanted[0] || (Number(parts[0]) === wanted[0] && Number(parts[1]) >= wanted[1]);
}

/**
 * Calls back with the names of what this binary can do, sorted. `authority` is a folder with one authority, and key and
 * certificate of a server by it.
 */
module.exports = function probe(folder, authority, done) {
  var bundle = authority + '/ca.crt';
  var found = [];
  var jobs = [];
  var running = 1;
  Object.keys(questions).forEach(function (name) {
    var answer = false;
    try {
      answer = questions[name]();
    } catch (_) {}
    if (answer) found.push(name);
  });
  // A release that lists what NODE_OPTIONS may hold reads it.
  var lists = Boolean(process.allowedNodeEnvironmentFlags);
  if (lists) found.push('node-options');
  else
    ask('node-options', ['-e', '0'], { NODE_OPTIONS: '--nodeworthy-no-such-option' }, function (code) {
      return code !== 0;
    });
  // The list is not enough: 12.0.0 has options in it that it refuses without another one. One process tries all of
  // them; where it does not start, each has its own.
  var tried = Object.keys(options).filter(function (name) {
    return !lists || allowed(options[name].split('=')[0]);
  });
  if (tried.length > 0)
    tryOptions(tried, function (accepted) {
      if (accepted) return tried;
      tried.forEach(function (name) {
        tryOptions([name], function (isAccepted) {
          return isAccepted ? [name] : [];
        });
      });
      return [];
    });
  // A release accepts the option and does not honour it.
  if (allowed('--use-system-ca')) {
    var server = require('tls').createServer(
      { key: fs.readFileSync(authority + '/server.key'), cert: fs.readFileSync(authority + '/server.crt') },
      function (socket) {
        socket.on('error', function () {});
        socket.end();
      }
    );
    server.on('tlsClientError', function () {});
    running++;
    server.listen(0, '127.0.0.1', function () {
      server.unref();
      ask(
        'system-ca',
        [
          '-e',
          'require("tls").connect({ host: "127.0.0.1", servername: "localhost", port: ' +
            server.address().port +
            ' }, function () { console.log("trusted"); this.destroy(); }).on("error", function () {})',
        ],
        { NODE_OPTIONS: '--use-system-ca', SSL_CERT_FILE: bundle },
        function (_, text) {
          return text === 'trusted';
        }
      );
      next();
    });
  }
  if (allowed('--use-system-ca') && require('tls').getCACertificates) {
    var listed =
      'var own = require("fs").readFileSync(process.env.SSL_CERT_FILE, "latin1").trim(); console.log(require("tls").getCACertificates("default").some(function (pem) { return pem.trim() === own; }))';
    ask('system-ca-variable', ['-e', listed], { NODE_USE_SYSTEM_CA: '1', SSL_CERT_FILE: bundle }, function (_, text) {
      return text === 'true';
    });
  }
  var file = folder + '/module.mjs';
  fs.writeFileSync(file, 'import { readFileSync } from "fs"; console.log(typeof readFileSync);');
  ask('es-modules', [file], {}, function (code, text) {
    return text === 'function';
  });
  if (typeof Promise === 'function')
    ask('fatal-rejections', ['-e', 'Promise.reject(new Error("x"))'], {}, function (code) {
      return code === 1;
    });
  if (has('http2') && typeof fetch === 'function') {
    var dead = 'http://127.0.0.1:9';
    ask(
      'proxy-variables',
      [
        '-e',
        'fetch("http://nowhere.invalid/").catch(function (e) { console.log(e.cause && (e.cause.code || (e.cause.errors && e.cause.errors[0].code) || e.cause.cause && e.cause.cause.code)) })',
      ],
      { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: dead, http_proxy: dead, NO_PROXY: '', no_proxy: '' },
      function (code, text) {
        return text === 'ECONNREFUSED';
      }
    );
  }
  start(
    ['-e', 'process.exitCode = 9; try { require("tls").createSecureContext({}) } catch (_) {}'],
    { NODE_EXTRA_CA_CERTS: '/no-such-file' },
    function (code, text, problems) {
      return (code === 9 ? ['exit-code'] : []).concat(/extra certs/.test(problems) ? ['extra-ca'] : []);
    }
  );
  // What has no test runner may take the option for one of its engine.
  if (has('node:test'))
    ask('test-runner', ['--test', '--version'], {}, function (code, text) {
      return code === 0 && text === process.version;
    });
  var permission = allowed('--permission') ? '--permission' : '--experimental-permission';
  if (allowed(permission))
    ask(
      'permission-default',
      ['--no-warnings', permission, '-e', 'console.log(process.permission.has("child"))'],
      {},
      function (_, text) {
        return text === 'false';
      }
    );
  next();

  function tryOptions(names, judge) {
    var value = names.map(function (name) {
      return options[name];
    });
    start(['-e', 'console.log("runs")'], { NODE_OPTIONS: value.join(' ') }, function (code, text) {
      return judge(code === 0 && text === 'runs');
    });
  }

  function ask(name, args, variables, judge) {
    start(args, variables, function (code, text, problems) {
      return judge(code, text, problems) ? [name] : [];
    });
  }

  /** The judge names what the process has shown. */
  function start(args, variables, judge) {
    jobs.push(function () {
      var env = {};
      Object.keys(process.env).forEach(function (key) {
        if (!/^(?:NODE_|SSL_CERT_)/.test(key)) env[key] = process.env[key];
      });
      Object.keys(variables).forEach(function (key) {
        env[key] = variables[key];
      });
      childProcess.execFile(process.execPath, args, { env: env, timeout: 60000 }, function (error, stdout, stderr) {
        var code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
        found = found.concat(judge(code, String(stdout).trim(), String(stderr)));
        next();
      });
    });
  }

  function next() {
    running--;
    while (running < 3 && jobs.length > 0) {
      running++;
      jobs.shift()();
    }
    if (running > 0) return;
    var reads = found.indexOf('node-options') >= 0;
    var answers = found.filter(function (name) {
      // What is not read is accepted without a word.
      return reads || !options[name];
    });
    done(answers.sort());
  }
};

/** Every name that it can answer with. */
module.exports.names = Object.keys(questions).concat(Object.keys(options), [
  'es-modules',
  'exit-code',
  'extra-ca',
  'fatal-rejections',
  'node-options',
  'permission-default',
  'proxy-variables',
  'system-ca',
  'system-ca-variable',
  'test-runner',
]);
