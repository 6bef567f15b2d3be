// Says it is ready and waits. With a handler it leaves in good order, without one the signal ends it.
module.exports = function () {
  if (process.env.HANDLER === 'yes') {
    process.on('SIGTERM', function () {
      console.log('closing');
      process.exit(0);
    });
  }
  setInterval(function () {}, 1000);
  console.log('ready');
};
