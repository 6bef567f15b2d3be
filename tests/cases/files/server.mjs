import { createServer } from 'node:http';

let count = 0;
const server = createServer((request, response) => {
  count++;
  response.setHeader('x-test', 'yes');
  if (request.url === '/zone') response.end(Intl.DateTimeFormat().resolvedOptions().timeZone);
  else if (request.url === '/echo') request.pipe(response);
  else if (request.url === '/livez') response.end();
  else response.writeHead(404).end();
}).listen(8080);
process.on('SIGTERM', () => {
  console.log('closed after', count);
  server.close();
  server.closeAllConnections();
});
