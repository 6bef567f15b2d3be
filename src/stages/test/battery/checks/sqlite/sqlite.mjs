import assert from 'node:assert/strict';
import { isBuiltin } from 'node:module';

if (isBuiltin('node:sqlite')) {
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(':memory:');
  database.exec("create table t (a integer, b text); insert into t values (1, 'x'), (2, 'y')");
  assert.equal(database.prepare('select sum(a) as s from t').get().s, 3);
  database.close();
} else assert.ok(Number(process.versions.node.split('.')[0]) < 22, 'node:sqlite belongs to this release line');
