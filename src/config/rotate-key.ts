import { isMap, isNode, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { Failure } from '../core/errors.ts';

export interface Rotation {
  readonly role: 'release' | 'failures';
  /** Paths as the recipe writes them. */
  readonly oldPublicKey: string;
  readonly newKey: string;
  readonly newPublicKey: string;
  /** ISO days: the first of the new key, and the first without the old one. */
  readonly from: string;
  readonly until: string;
}

export interface Rotated {
  readonly text: string;
  readonly name: string;
  readonly until: string;
}

/**
 * A recipe in which another key signs, and the old one is believed for a while: everything else stays as it was written.
 * @returns the text, the name of the new entry under trust, and the first day without the old key
 * @throws Failure RECIPE_INVALID for a recipe whose trust list does not name the old key
 */
export function rotateInRecipe(text: string, rotation: Rotation): Rotated {
  const document = parseDocument(text);
  const trust = document.get('trust');
  if (isSeq(trust) && trust.flow)
    throw new Failure('RECIPE_INVALID', 'trust is a list in brackets, to which no entry is added here', {
      hint: 'write each of its entries on a line of its own, beginning with `- `',
    });
  const entries = isSeq(trust) ? trust.items.filter((item): item is YAMLMap => isMap(item)) : [];
  const old = entries.find((entry) => isSame(entry.get('publicKey'), rotation.oldPublicKey));
  if (!old)
    throw new Failure('RECIPE_INVALID', `trust does not list ${rotation.oldPublicKey}, the key that signs now`, {
      hint: 'list it under trust with what it states: whoever verifies has to know both keys for a while',
    });
  const signer = document.getIn(['signing', rotation.role, 'key'], true);
  if (!isScalar(signer))
    throw new Failure('RECIPE_INVALID', `signing.${rotation.role} names no key in a file`, {
      hint: 'keys of services and commands are rotated there; then name the new public key in the recipe',
    });
  const names = new Set(entries.map((entry) => String(entry.get('name'))));
  const name = nextName(String(old.get('name')), (candidate) => names.has(candidate));
  const { until: planned, ...fields } = old.toJSON() as Record<string, unknown>;
  // A key that was about to end does not get longer by this.
  const until = typeof planned === 'string' && planned < rotation.until ? planned : rotation.until;
  const added = { ...fields, name, publicKey: rotation.newPublicKey, from: rotation.from };
  const entry = Object.entries(added).map(([field, value]) => `${field}: ${flow(value)}`);
  const edits = [
    edit(signer, rotation.newKey),
    // Of two at one place the first is put last in the text.
    entryEdit(text, old, `- { ${entry.join(', ')} }`),
    ...untilEdits(text, old, until),
  ];
  // From the end, so that places before stay where they are.
  const changed = edits
    .toSorted((a, b) => b.from - a.from)
    .reduce((before, { from, to, text: put }) => before.slice(0, from) + put + before.slice(to), text);
  requireMeant(changed, { name, entries: entries.length + 1 });
  return { text: changed, name, until };
}

/** Recipes are written in more ways than are known here: what would be none any more is not written. */
function requireMeant(text: string, { name, entries }: { readonly name: string; readonly entries: number }): void {
  const document = parseDocument(text);
  const trust = document.errors.length === 0 ? document.get('trust') : undefined;
  const isMeant =
    isSeq(trust) &&
    trust.items.length === entries &&
    trust.items.some((entry) => isMap(entry) && entry.get('name') === name);
  if (isMeant) return;
  throw new Failure('RECIPE_INVALID', 'the trust list is written in a way that cannot be changed here', {
    hint: 'write each of its entries on a line of its own, beginning with `- `; nothing was changed',
  });
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function edit(node: unknown, text: string): Edit {
  const [from, to] = rangeOf(node);
  return { from, to, text };
}

/** Where a value begins and ends in the text. */
function rangeOf(node: unknown): readonly [number, number] {
  const range = isNode(node) ? node.range : undefined;
  if (!range) throw new TypeError('a node of a parsed document has a range');
  return [range[0], range[1]];
}

/** End of an entry's last value; a block ends with the line breaks and comments after it. */
function endOf(text: string, entry: YAMLMap): number {
  const end = Math.max(...entry.items.map(({ value }) => rangeOf(value)[1]));
  return text.slice(0, end).trimEnd().length;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

function untilEdits(text: string, entry: YAMLMap, until: string): Edit[] {
  const known = entry.get('until', true);
  if (known) return [edit(known, until)];
  const end = endOf(text, entry);
  if (entry.flow) return [{ from: end, to: end, text: `, until: ${until}` }];
  const [from] = rangeOf(entry);
  const indent = ' '.repeat(from - (text.lastIndexOf('\n', from - 1) + 1));
  return [{ from: lineEnd(text, end), to: lineEnd(text, end), text: `\n${indent}until: ${until}` }];
}

/** Puts another entry on the line after one. */
function entryEdit(text: string, entry: YAMLMap, added: string): Edit {
  const [from] = rangeOf(entry);
  const indent = /^[ ]*/.exec(text.slice(text.lastIndexOf('\n', from - 1) + 1))?.[0] ?? '';
  const at = lineEnd(text, endOf(text, entry));
  return { from: at, to: at, text: `\n${indent}${added}` };
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (
    typeof value === 'string' &&
    /^[A-Za-z0-9_./@-]+$/.test(value) &&
    !/^[\d.-]*$|^(?:true|false|null|yes|no)$/i.test(value)
  )
    return value;
  return JSON.stringify(value);
}

/** `release`, `release-2`, `release-3` … */
export function nextName(name: string, isTaken: (name: string) => boolean): string {
  const [, stem = name, number] = /^(.*?)-(\d+)$/.exec(name) ?? [];
  for (let next = Number(number ?? 1) + 1; ; next++) if (!isTaken(`${stem}-${next}`)) return `${stem}-${next}`;
}

function isSame(value: unknown, path: string): boolean {
  return typeof value === 'string' && value.replace(/^\.\//, '') === path.replace(/^\.\//, '');
}
