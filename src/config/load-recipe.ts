import { resolve, dirname } from 'node:path';
import { LineCounter, isMap, isNode, isPair, isScalar, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { Failure } from '../core/errors.ts';
import { readTextIfExists } from '../core/files.ts';
import { suggest } from '../core/suggest.ts';
import { findSecret, namesSecret } from './find-secret.ts';
import { loadOverlay, type Overlay } from './overlay.ts';
import { RecipeSchema, type Recipe } from './recipe-schema.ts';

export interface LoadedRecipe {
  readonly recipe: Recipe;
  readonly path: string;
  /** Folder of the recipe: relative paths in it start here. */
  readonly folder: string;
  /** The recipe's overlays with their files read, in its order. */
  readonly overlays: readonly Overlay[];
}

/** @throws Failure RECIPE_INVALID with every mistake, its line and what to do; USAGE when there is no file. */
export async function loadRecipe(file: string, now: Date): Promise<LoadedRecipe> {
  const path = resolve(file);
  const text = await readTextIfExists(path).catch((error: unknown) => {
    throw new Failure('USAGE', `${file} cannot be read`, { hint: 'name a file with --recipe FILE', cause: error });
  });
  if (text === undefined) {
    throw new Failure('USAGE', `there is no recipe ${file}`, {
      hint: 'write one with `nodeworthy init`, or name another with --recipe FILE',
    });
  }
  const { recipe, locate } = parseRecipe(text, file);
  const folder = dirname(path);
  const overlays: Overlay[] = [];
  for (const [at, overlay] of recipe.overlays.entries())
    overlays.push(await loadOverlay(overlay, { folder, now, locate: (inside) => locate(['overlays', at, ...inside]) }));
  refuseSecretArguments(recipe, locate);
  return { recipe, path, folder, overlays };
}

/** Values of ARG are in the image's history, for everybody to read. */
function refuseSecretArguments(recipe: Recipe, locate: ParsedRecipe['locate']): void {
  for (const [at, image] of recipe.images.entries()) {
    for (const [name, value] of Object.entries(image.buildArguments)) {
      const what = namesSecret(name, value) ? 'a secret, by its name' : findSecret(`${name}=${value}`)?.what;
      if (what === undefined) continue;
      throw new Failure(
        'RECIPE_INVALID',
        `${locate(['images', at, 'buildArguments', name])}: images.${at}.buildArguments.${name} holds ${what}`,
        { hint: 'values of ARG are in the image’s history; give secrets to the build as secret mounts' },
      );
    }
  }
}

interface ParsedRecipe {
  readonly recipe: Recipe;
  /** `file:line:column` of a part of the recipe. */
  readonly locate: (path: readonly PropertyKey[]) => string;
}

export function parseRecipe(text: string, file: string): ParsedRecipe {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const [syntax] = document.errors;
  if (syntax) {
    const { line, col } = lines.linePos(syntax.pos[0]);
    throw new Failure('RECIPE_INVALID', `${file}:${line}:${col}: ${firstLine(syntax.message)}`, {
      hint: 'the file is not valid YAML',
    });
  }
  const parsed = RecipeSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (parsed.success) return { recipe: parsed.data, locate: (path) => at({ document, lines, file }, path) };
  const problems = parsed.error.issues.flatMap((issue) => describe(issue, { document, lines, file }));
  const [first, ...rest] = problems;
  throw new Failure(
    'RECIPE_INVALID',
    [first?.message ?? `${file} is not a recipe`, ...rest.map((problem) => problem.message)].join('\n'),
    {
      hint:
        problems.map((problem) => problem.hint).find((hint) => hint !== undefined) ??
        'the keys are explained in docs/guides/recipe.md',
      details: { problems: problems.map((problem) => problem.message) },
    },
  );
}

interface Place {
  readonly document: Document;
  readonly lines: LineCounter;
  readonly file: string;
}

interface Problem {
  readonly message: string;
  readonly hint?: string;
}

function describe(issue: z.core.$ZodIssue, place: Place): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path.map(String));
    return issue.keys.map((key) => {
      if (known.includes(key))
        return {
          message: `${at(place, [...issue.path, key])}: ${JSON.stringify(key)} does not go together with the other keys here`,
          hint: 'these are two forms of the same thing: keep the keys of one',
        };
      const near = suggest(key, known);
      return {
        message: `${at(place, [...issue.path, key])}: unknown key ${JSON.stringify(key)}`,
        hint: near ? `did you mean ${JSON.stringify(near)}?` : `known keys here: ${known.join(', ') || 'none'}`,
      };
    });
  }
  if (issue.code === 'invalid_union') {
    const nested = issue.errors.flat().find((inner) => inner.code === 'unrecognized_keys' || inner.path.length > 0);
    if (nested) return describe({ ...nested, path: [...issue.path, ...nested.path] } as z.core.$ZodIssue, place);
    const choices = issue.errors.flat().flatMap((inner) => ('values' in inner ? (inner.values as unknown[]) : []));
    if (choices.length > 0)
      return [
        {
          message: `${at(place, issue.path)}: ${issue.path.join('.')}: expected one of ${choices.map(String).join(', ')}`,
        },
      ];
  }
  const where = issue.path.join('.');
  return [{ message: `${at(place, issue.path)}: ${where || 'the recipe'}: ${issue.message}` }];
}

/** Keys the schema knows at a path; records and arrays are passed through. */
function knownKeys(path: readonly string[]): string[] {
  let schema: unknown = RecipeSchema.toJSONSchema({ io: 'input' });
  for (const step of path) schema = child(schema, step);
  return propertiesOf(schema);
}

interface JsonSchema {
  readonly properties?: Record<string, unknown>;
  readonly additionalProperties?: unknown;
  readonly items?: unknown;
  readonly anyOf?: readonly unknown[];
}

function child(schema: unknown, step: string): unknown {
  const node = (schema ?? {}) as JsonSchema;
  const direct = node.properties?.[step];
  if (direct !== undefined) return direct;
  for (const choice of node.anyOf ?? []) {
    const found = child(choice, step);
    if (found !== undefined) return found;
  }
  if (node.items !== undefined) return node.items;
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
}

function propertiesOf(schema: unknown): string[] {
  const node = (schema ?? {}) as JsonSchema;
  return [...Object.keys(node.properties ?? {}), ...(node.anyOf ?? []).flatMap(propertiesOf)];
}

/** `file:line:column` of the deepest part of the path that is in the file. */
function at({ document, lines, file }: Place, path: readonly PropertyKey[]): string {
  for (let depth = path.length; depth > 0; depth--) {
    const offset = offsetOf(document, path.slice(0, depth));
    if (offset === undefined) continue;
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  }
  return `${file}:1:1`;
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  const last = path.at(-1);
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(last),
    );
    if (pair && isNode(pair.key)) return pair.key.range?.[0];
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
