/** Files of packages that nothing in a `runtime` image reads, each with the reason. */
export const trimmedPaths: readonly { readonly pattern: RegExp; readonly because: string }[] = [
  {
    pattern: /^usr\/lib\/[^/]+\/gconv(\/|$)/,
    because: 'character conversion of the C library; Node.js brings its own',
  },
  { pattern: /^usr\/share\/doc\/[^/]+\/(?!copyright$)/, because: 'documents; the copyright stays' },
  {
    pattern: /^usr\/share\/(?:man|info|lintian|locale|bug|dict|base-files|misc|pixmaps|menu)(\/|$)/,
    because: 'documents and packaging aids',
  },
  { pattern: /^usr\/share\/(?:gcc|gdb)(\/|$)/, because: 'aids for debuggers' },
  {
    pattern: /^usr\/lib\/[^/]+\/lib(?:memusage|pcprofile|c_malloc_debug|thread_db)\.so/,
    because: 'aids for debuggers',
  },
  { pattern: /^usr\/bin\/tini-static$/, because: 'a second copy of the init' },
  { pattern: /^usr\/sbin\/update-ca-certificates$/, because: 'a shell script; there is no shell' },
  {
    pattern: /^etc\/(?:ca-certificates|update-motd\.d|profile\.d|skel|init\.d|default|issue|issue\.net|dpkg)(\/|$)/,
    because: 'for logins and for an installed system',
  },
  {
    pattern:
      /^(?:boot|media|usr\/games|usr\/src|usr\/include|usr\/libexec|var\/backups|var\/local|var\/mail|var\/spool|var\/lib\/misc)(\/|$)/,
    because: 'empty folders of an installed system',
  },
];

export function isTrimmed(path: string): boolean {
  return trimmedPaths.some(({ pattern }) => pattern.test(path));
}
