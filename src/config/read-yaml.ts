import { LineCounter, isMap, isNode, isPair, isScalar, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { Failure } from '../core/errors.ts';
import { suggest } from '../core/suggest.ts';

const maxCharacters = 4 << 20;

export interface ReadYaml<Value> {
  readonly value: Value;
  /** `file:line:column` of a part of the file. */
  readonly locate: (path: readonly PropertyKey[]) => string;
}

export interface YamlFile<Schema extends z.ZodType> {
  readonly file: string;
  readonly schema: Schema;
  /** What the file is, for messages, like `recipe`. */
  readonly what: string;
  /** Where its keys are explained. */
  readonly guide: string;
}

/** @throws Failure RECIPE_INVALID with every mistake, its line and what to do */
export function readYaml<Schema extends z.ZodType>(
  text: string,
  { file, schema, what, guide }: YamlFile<Schema>,
): ReadYaml<z.infer<Schema>> {
  const lines = new LineCounter();
  const whole = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      // The parser gives up on aliases that multiply, and the stack on what is nested without end.
      throw new Failure('RECIPE_INVALID', `${file} is no ${what}: it is nested too deep, or repeats itself too often`, {
        hint: 'write it without aliases, as people do',
        cause: error,
      });
    }
  };
  if (text.length > maxCharacters)
    throw new Failure('RECIPE_INVALID', `${file} is no ${what}: it has ${text.length} characters`, {
      hint: `at most ${maxCharacters} make sense`,
    });
  const document = whole(() => parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true }));
  const [syntax] = document.errors;
  if (syntax) {
    const { line, col } = lines.linePos(syntax.pos[0]);
    throw new Failure('RECIPE_INVALID', `${file}:${line}:${col}: ${firstLine(syntax.message)}`, {
      hint: 'the file is not valid YAML',
    });
  }
  const place: Place = { document, lines, file, what, schema };
  const value = whole(() => document.toJS({ maxAliasCount: 100 }) as unknown);
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: withoutPrototypes(parsed.data), locate: (path) => at(place, path) };
  const problems = parsed.error.issues.flatMap((issue) => describe(issue, place));
  const [first, ...rest] = problems;
  throw new Failure(
    'RECIPE_INVALID',
    [first?.message ?? `${file} is no ${what}`, ...rest.map((problem) => problem.message)].join('\n'),
    {
      hint:
        problems.map((problem) => problem.hint).find((hint) => hint !== undefined) ??
        `the keys are explained in ${guide}`,
      details: { problems: problems.map((problem) => problem.message) },
    },
  );
}

/**
 * Names of others are looked up in these maps: one called `constructor` must be found only when it was written. What
 * is no plain object stays what it is.
 */
function withoutPrototypes<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutPrototypes) as T;
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const made = Object.create(null) as Record<string, unknown>;
  for (const [name, item] of Object.entries(value)) made[name] = withoutPrototypes(item);
  return made as T;
}

interface Place {
  readonly what: string;
  readonly schema: z.ZodType;
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
    const known = knownKeys(place.schema, issue.path.map(String));
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
  return [{ message: `${at(place, issue.path)}: ${where || `the ${place.what}`}: ${issue.message}` }];
}

/** Keys the schema knows at a path; records and arrays are passed through. */
function knownKeys(root: z.ZodType, path: readonly string[]): string[] {
  let schema: unknown = root.toJSONSchema({ io: 'input' });
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
