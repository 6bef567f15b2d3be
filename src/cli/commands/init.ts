import { access, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Failure, translateFileError } from '../../core/errors.ts';
import { defineCommand } from '../command.ts';
import { defaultRecipe, productLineName } from '../workspace.ts';

const starter = (
  name: string,
): string => `# What this team wants: Node.js images, built, tested and published from one recipe.
# Every key is explained in docs/guides/recipe.md; an unknown key is an error.
name: ${name}

node:
  # Exact versions, lines (24), ranges (">=22 <25"), code names (krypton),
  # or by the release schedule: lts, current, maintenance, supported.
  releases: [lts, current]
  # Where the binaries come from: the registry that npm is configured for on this machine.
  source: npm

# Operating systems. The first is the default of short tags like \`24\`.
bases:
  trixie: { debian: trixie }
#  acme9: { image: registry.example.com/os/acme:9 } # any image with glibc or musl

# runtime: no shell, no package manager. slim: shell, npm, apt. build: compilers and headers as well.
variants: [runtime]
platforms: [linux/amd64] # and linux/arm64
hardening: standard # none, standard, strict, or a list of rules

# What clients or environments want differently: variables, certificates, npm settings, files, users, packages.
overlays: []

# Tests of your own, on top of the built-in battery: folders with a Dockerfile without FROM.
tests: []
#  - dockerfile: tests/smoke

# Registries to publish to. The embedded store gets every image in any case.
publish: []
#  - repository: registry.example.com/acme/node
`;

export const init = defineCommand<{ path: string }>({
  name: 'init',
  summary: 'Write a commented starter recipe',
  options: { recipe: { type: 'string', summary: 'The file to write', value: 'FILE' } },
  async run({ options, cwd }) {
    const path = resolve(cwd, String(options['recipe'] ?? defaultRecipe));
    if (await exists(path))
      throw new Failure('USAGE', `${path} exists already`, {
        hint: 'edit it, or name another file with --recipe FILE',
      });
    const name = productLineName(dirname(path));
    await writeFile(path, starter(name), { flag: 'wx' }).catch((error: unknown) => {
      throw translateFileError(error, path);
    });
    return { path };
  },
  pretty: ({ path }) => `wrote ${path}\nnext: nodeworthy plan, then nodeworthy run`,
  json: (result) => result,
});

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
