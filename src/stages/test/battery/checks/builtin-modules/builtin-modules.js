// What a release promises is there, each module loads, and nothing is there that only other releases have.
var assert = require('assert');

/** `{ has, lacks }`, each with `modules` and `globals`. */
var expected = JSON.parse(process.env.EXPECTED_BUILT_INS);

module.exports = function () {
  var listed = require('module').builtinModules || Object.keys(process.binding('natives'));
  var problems = [];
  // Tools of V8 and modules with an underscore are not meant for applications.
  var own = listed.filter(function (name) {
    return !/^(?:_|v8\/|internal|node:internal|node-inspect|test\/|buffer_ieee754$|freelist$)/.test(name);
  });
  expected.has.modules.concat(own).forEach(function (name, at, all) {
    if (all.indexOf(name) < at) return;
    var error = load(name);
    if (error) problems.push(name + ' does not load: ' + error.message);
  });
  expected.lacks.modules.forEach(function (name) {
    var isListed = listed.indexOf(name) >= 0 || /^node:/.test(name);
    if (isListed && !load(name)) problems.push('the module ' + name + ' is there, and the data on releases lacks it');
  });
  var globals = Object.getOwnPropertyNames(global);
  expected.has.globals.forEach(function (name) {
    if (globals.indexOf(name) < 0) problems.push('the global ' + name + ' is missing');
  });
  expected.lacks.globals.forEach(function (name) {
    if (globals.indexOf(name) >= 0)
      problems.push('the global ' + name + ' is there, and the data on releases lacks it');
  });
  assert.deepEqual(problems, [], process.version + ': ' + problems.join('; '));
};

function load(name) {
  try {
    require(name);
  } catch (error) {
    return error;
  }
}
