import { join, resolve } from 'node:path';
import type { CommandContext } from './command.ts';

/** Folder of the store: as it was asked for, or beside the recipe. */
export function storeFolder({ options, context, cwd }: CommandContext, recipeFolder: string = cwd): string {
  const chosen = (options['store'] as string | undefined) ?? context.env['NODEWORTHY_STORE'];
  return chosen ? resolve(cwd, chosen) : join(recipeFolder, '.nodeworthy', 'store');
}
