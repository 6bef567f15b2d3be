// What checks share. Like each check that is for every release, plain ES5 with what Node.js 0.8 has.
var childProcess = require('child_process');

var capabilities = (process.env.CAPABILITIES || '').split(' ');

/** Whether the release of this image has a capability, by the data that the `capabilities` check holds to the binary. */
exports.capable = function (name) {
  return capabilities.indexOf(name) >= 0;
};

/** A buffer of zeros, or of a text. */
exports.bytes = function (content) {
  if (Buffer.alloc && Buffer.from) return typeof content === 'number' ? Buffer.alloc(content) : Buffer.from(content);
  var made = new Buffer(content);
  if (typeof content === 'number') made.fill(0);
  return made;
};

/** Variables of this process with some changed; one that is undefined is left out. */
exports.environment = function (changes) {
  var env = {};
  Object.keys(process.env).forEach(function (name) {
    env[name] = process.env[name];
  });
  Object.keys(changes || {}).forEach(function (name) {
    if (changes[name] === undefined) delete env[name];
    else env[name] = changes[name];
  });
  return env;
};

/** Runs a program to its end: `{ code, signal, stdout, stderr }`. */
exports.run = function (file, args, options, done) {
  var child = childProcess.spawn(file, args, { env: exports.environment(options.env), cwd: options.cwd });
  var result = { code: null, signal: null, stdout: '', stderr: '' };
  var isDone = false;
  function finish(error) {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    if (error) throw error;
    done(result);
  }
  var timer = setTimeout(function () {
    child.kill('SIGKILL');
  }, options.timeoutMs || 15000);
  child.stdin.end();
  child.stdout.on('data', function (chunk) {
    result.stdout += chunk;
  });
  child.stderr.on('data', function (chunk) {
    result.stderr += chunk;
  });
  child.on('error', finish);
  child.on('close', function (code, signal) {
    result.code = code;
    result.signal = signal;
    finish();
  });
};

/** The same for Node.js itself. */
exports.node = function (args, options, done) {
  exports.run(process.execPath, args, options, done);
};

/** Calls steps one after the other; each gets a function that begins the next. */
exports.series = function (steps, done) {
  var at = 0;
  (function next() {
    if (at === steps.length) done();
    else steps[at++](next);
  })();
};
