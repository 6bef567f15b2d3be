// Not executable: only the entrypoint can have started Node.js on it. Its parent is the init, so the shell is gone.
console.log(`ran as a child of ${process.ppid} with ${process.argv.slice(2).join(' ')}`);
