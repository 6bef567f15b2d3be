// Says it is ready and waits. With a handler it leaves in good order, without one the signal ends it.
if (process.env.HANDLER === 'yes') {
  process.on('SIGTERM', () => {
    console.log('closing');
    process.exit(0);
  });
}
setInterval(() => {}, 1000);
console.log('ready');
