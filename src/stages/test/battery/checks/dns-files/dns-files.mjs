import assert from 'node:assert/strict';
import { lookup, lookupService } from 'node:dns/promises';

assert.ok(['127.0.0.1', '::1'].includes((await lookup('localhost')).address), 'localhost');
assert.match((await lookup('nodeworthy-test', { family: 4 })).address, /^127\./, 'the own host name');
assert.equal((await lookupService('127.0.0.1', 443)).service, 'https', '/etc/services is not read');
await assert.rejects(lookup('does-not-exist.invalid'), 'a name that does not exist was found');
