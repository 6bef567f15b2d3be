// Reads everything from stdin and says what it was.
let text = '';
for await (const chunk of process.stdin) text += chunk;
console.log(JSON.stringify({ text, isTerminal: Boolean(process.stdin.isTTY) }));
