const assert = require('assert');

module.exports = () => {
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(':memory:');
  database.exec("create table t (a integer, b text); insert into t values (1, 'x'), (2, 'y')");
  assert.strictEqual(database.prepare('select sum(a) as s from t').get().s, 3);
  database.close();
};
