import { parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { Failure } from '../core/errors.ts';

/** One or several of something. */
const list = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === 'string' ? [value] : value))
  .default([]);

const Inventory = z.looseObject({
  images: z.array(z.looseObject({ name: z.string(), path: z.string(), test: list, alias: list })).min(1),
});

export interface ImportedInventory {
  /** Text of the recipe. */
  readonly recipe: string;
  readonly images: number;
  /** What is different from before, for people. */
  readonly notes: readonly string[];
}

/**
 * A recipe for an `inventory.yml` of Dante: `images` with `name`, `path`, `test` and `alias`. Tests run on the frozen
 * digest, and aliases are tags of the same digest: nothing is built or pushed twice.
 * @throws Failure RECIPE_INVALID when the file is no inventory
 */
export function importInventory(text: string, file: string, line: string): ImportedInventory {
  const document = parseDocument(text);
  const [syntax] = document.errors;
  if (syntax)
    throw new Failure('RECIPE_INVALID', `${file}: ${syntax.message.split('\n')[0]}`, { hint: 'the file is no YAML' });
  const parsed = Inventory.safeParse(document.toJS());
  if (!parsed.success)
    throw new Failure('RECIPE_INVALID', `${file}: ${z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' ')}`, {
      hint: 'an inventory has a list of images, each with name, path, test and alias',
    });
  const repositories = new Set(parsed.data.images.flatMap(({ name, alias }) => [name, ...alias].map(repositoryOf)));
  const isOne = repositories.size <= 1;
  const used = new Set<string>();
  const notes: string[] = [];
  const images = parsed.data.images.map(({ name, path, test, alias }) => {
    const tag = unique(tagOf(name, isOne), used);
    if (tag !== name) notes.push(`${name} has the tag ${tag}`);
    const aliases = alias.map((other) => unique(tagOf(other, isOne), used));
    return {
      name: tag,
      dockerfile: path,
      ...(aliases.length > 0 ? { aliases } : {}),
      ...(test.length > 0 ? { tests: test.map((folder) => ({ dockerfile: folder })) } : {}),
    };
  });
  for (const { name, test } of parsed.data.images)
    if (test.length === 0) notes.push(`${name} has no test: only that it starts Node.js is checked`);
  if (repositories.size > 0 && ![...repositories].every((repository) => repository === ''))
    notes.push(`published before to ${[...repositories].sort().join(', ')}: name the registry in full under publish`);
  const recipe = stringify({ name: line, images, publish: [] });
  return { recipe: `# Imported from ${file}.\n${recipe}`, images: images.length, notes };
}

/** `org/name` of `org/name:tag`. */
function repositoryOf(name: string): string {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name.includes('/') ? name : '';
}

/** The tag, with the repository in front when there are several. */
function tagOf(name: string, isOne: boolean): string {
  const repository = repositoryOf(name);
  const tag = repository === '' ? name : name.slice(repository.length + 1) || 'latest';
  const text = isOne ? tag : `${repository}-${tag}`;
  return (
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, '-')
      .replaceAll(/[._-]{2,}/g, '-')
      .replaceAll(/^[._-]+|[._-]+$/g, '') || 'image'
  );
}

function unique(name: string, used: Set<string>): string {
  let candidate = name;
  for (let number = 2; used.has(candidate); number++) candidate = `${name}-${number}`;
  used.add(candidate);
  return candidate;
}
