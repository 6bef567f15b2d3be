// A native add-on that ships prebuilt, over N-API, with libraries of its own beside it.
import assert from 'node:assert/strict';
import sharp from 'sharp';

const red = { create: { width: 64, height: 32, channels: 3, background: { r: 255, g: 0, b: 0 } } };
const png = await sharp(red).png().toBuffer();
const { data, info } = await sharp(png).resize(16).raw().toBuffer({ resolveWithObject: true });
assert.deepEqual([info.width, info.height, info.channels], [16, 8, 3]);
assert.deepEqual([...data.subarray(0, 3)], [255, 0, 0]);
