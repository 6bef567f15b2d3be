import { readFile, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { importInventory } from '../../config/import-inventory.ts';
import { Failure, systemCode, translateFileError } from '../../core/errors.ts';
import { defineCommand } from '../command.ts';
import { defaultRecipe, productLineName } from '../workspace.ts';

interface ImportResult {
  readonly path: string;
  readonly images: number;
  readonly notes: readonly string[];
}

export const importCommand = defineCommand<ImportResult>({
  name: 'import',
  summary: 'Write a recipe for an inventory.yml of Dante',
  positional: 'FILE',
  options: {
    recipe: { type: 'string', summary: 'The file to write; beside the inventory without it', value: 'FILE' },
  },
  async run({ options, cwd }) {
    const file = resolve(cwd, String(options['_'] ?? 'inventory.yml'));
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new Failure('USAGE', `${file} cannot be read: ${systemCode(error) ?? String(error)}`, {
        hint: 'name the inventory: nodeworthy import inventory.yml',
      });
    });
    const path = resolve(cwd, String(options['recipe'] ?? resolve(dirname(file), defaultRecipe)));
    const name = productLineName(dirname(path));
    const { recipe, images, notes } = importInventory(text, relative(dirname(path), file) || file, name);
    await writeFile(path, recipe, { flag: 'wx' }).catch((error: unknown) => {
      if (systemCode(error) === 'EEXIST')
        throw new Failure('USAGE', `${path} exists already`, { hint: 'name another file with --recipe FILE' });
      throw translateFileError(error, path);
    });
    return { path, images, notes };
  },
  pretty: ({ path, images, notes }) =>
    [
      `wrote ${path} with ${images} images`,
      ...notes.map((note) => `note: ${note}`),
      'next: nodeworthy plan, then nodeworthy run',
    ].join('\n'),
  json: (result) => result,
});
