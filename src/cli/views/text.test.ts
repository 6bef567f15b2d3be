import { expect, it } from 'vitest';
import { escapeHtml, escapeMarkdown } from './text.ts';

it.each([
  ['<img src=x onerror=alert(1)>', String.raw`\<img src=x onerror=alert(1)\>`],
  ['[all is well](https://evil.example)', String.raw`\[all is well\](https://evil.example)`],
  ['a | b', String.raw`a \| b`],
  ['# Certified', String.raw`\# Certified`],
  ['one\n\n# Certified', String.raw`one\\n\\n# Certified`],
  ['`code` **bold** _em_ node_modules', '\\`code\\` \\*\\*bold\\*\\* \\_em\\_ node_modules'],
  ['&lt;b&gt;', String.raw`\&lt;b\&gt;`],
  ['\u001b[2J', String.raw`\\u001b\[2J`],
])('Markdown shows %j', (text, shown) => {
  expect(escapeMarkdown(text)).toBe(shown);
});

it('a page shows what would act', () => {
  expect(escapeHtml('<b>\u202e"x"')).toBe('&lt;b&gt;\\u202e&quot;x&quot;');
});
