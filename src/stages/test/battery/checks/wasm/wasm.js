const assert = require('assert');

module.exports = () => {
  // (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
  const bytes = Buffer.from(
    '0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b',
    'hex'
  );
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  assert.strictEqual(instance.exports.add(40, 2), 42, 'WebAssembly computes something else');
};
