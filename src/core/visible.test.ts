import { expect, it } from 'vitest';
import { visible, visibleLine } from './visible.ts';

it.each([
  ['\u001b[2J\u001b[Hall is verified', String.raw`\u001b[2J\u001b[Hall is verified`],
  ['bad\rgood', String.raw`bad\u000dgood`],
  ['\u009b31m', String.raw`\u009b31m`],
  ['a\u202egpj.exe', String.raw`a\u202egpj.exe`],
  ['ad\u200bmin\u2066x\u2069', String.raw`ad\u200bmin\u2066x\u2069`],
  ['\u0007\u0008\u007f', String.raw`\u0007\u0008\u007f`],
  ['two\nlines\tand ünïcode 🙂', 'two\nlines\tand ünïcode 🙂'],
])('%j is shown as it is', (text, shown) => {
  expect(visible(text)).toBe(shown);
});

it('keeps JSON what it was', () => {
  const value = { name: 'a\u202eb\u009b\u007f', text: '\u001b' };
  expect(JSON.parse(visible(JSON.stringify(value)))).toEqual(value);
});

it('keeps a line one line', () => {
  expect(visibleLine('x\n[ 0.1] all is verified\r\n')).toBe(String.raw`x\n[ 0.1] all is verified\n`);
});
