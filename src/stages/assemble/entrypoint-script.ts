/** Arguments that are options, unknown commands, and files that nobody may execute are for Node.js. */
export const entrypointScript = `#!/bin/sh
set -e
case "\${1:-}" in
  '') set -- node ;;
  -*) set -- node "$@" ;;
  *)
    if ! command -v -- "$1" > /dev/null 2>&1 || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
      set -- node "$@"
    fi
    ;;
esac
exec "$@"
`;
