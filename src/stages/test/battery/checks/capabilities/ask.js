// Prints what this binary can do, for a release that the data does not speak of.
var probe = require('/nodeworthy-test/probe.js');

probe('/nodeworthy-test/work', '/nodeworthy-test', function (found) {
  console.log('@@nodeworthy-can ' + found.join(' '));
  console.log('@@nodeworthy-lacks ' + lacks(JSON.parse(process.env.EXPECTED_BUILT_INS)).join(' '));
});

/** Names that are not there, each with its kind. `{ modules, globals }` is what other releases of the line have. */
function lacks(names) {
  var globals = Object.getOwnPropertyNames(global);
  return names.modules
    .filter(function (name) {
      try {
        require(name);
      } catch (_) {
        return true;
      }
    })
    .map(function (name) {
      return 'module:' + name;
    })
    .concat(
      names.globals
        .filter(function (name) {
          return globals.indexOf(name) < 0;
        })
        .map(function (name) {
          return 'global:' + name;
        })
    );
}
