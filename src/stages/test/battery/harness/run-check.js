// One check in a container of its own. It ends the process itself where it has to; an error always does.
var perform = require('./perform.js');

perform(process.argv[2], Number(process.env.CHECK_TIMEOUT_MS || 300000), function (error) {
  if (!error) return;
  process.stderr.write(String((error && error.stack) || error) + '\n');
  process.exit(1);
});
