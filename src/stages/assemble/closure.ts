import { Failure } from '../../core/errors.ts';
import type { ElfFile } from '../../formats/elf/read-elf.ts';

export interface ElfInTree {
  readonly path: string;
  /** Name under which others find it: its soname, or its file name. */
  readonly provides: string;
  readonly owner: string;
  readonly elf: ElfFile;
}

export interface Closure {
  /** Libraries that the programs load, directly or not, by name, with the package that brings them. */
  readonly libraries: Readonly<Record<string, string>>;
  /** Packages that a program loads a library from. */
  readonly loaded: readonly string[];
  /** Packages with libraries that no program loads: they are there for native add-ons or by a package's own wish. */
  readonly unused: readonly string[];
}

/**
 * Follows the needs of programs through the libraries of an image (System V ABI, DT_NEEDED).
 * @throws Failure DEPENDENCY_UNSATISFIED names the file and the library it does not find
 */
export function computeClosure(programs: readonly ElfInTree[], available: readonly ElfInTree[]): Closure {
  const byName = new Map(available.map((library) => [library.provides, library]));
  const libraries: Record<string, string> = {};
  const queue = [...programs];
  const loaded = new Set<string>();
  while (queue.length > 0) {
    const current = queue.shift() as ElfInTree;
    for (const name of current.elf.needed) {
      if (libraries[name] !== undefined) continue;
      const library = byName.get(name);
      if (!library) {
        throw new Failure(
          'DEPENDENCY_UNSATISFIED',
          `/${current.path} needs ${name}, which no package of the image has`,
          {
            hint: 'add the package that brings it to the variant in src/stages/plan/variants.ts',
          },
        );
      }
      libraries[name] = library.owner;
      loaded.add(library.owner);
      queue.push(library);
    }
  }
  const owners = new Set(available.map((library) => library.owner));
  return { libraries, loaded: [...loaded].sort(), unused: [...owners].filter((owner) => !loaded.has(owner)).sort() };
}
