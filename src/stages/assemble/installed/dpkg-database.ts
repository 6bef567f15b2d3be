import { createHash } from 'node:crypto';
import type { ExpandedInput } from '../../../sources/expand-input.ts';
import type { DebInput } from '../../../sources/input.ts';
import { generatedFile, type FileContent, type ImageTree } from '../../../trees/image-tree.ts';

const root = 'var/lib/dpkg';
/** Control files that dpkg runs: the others are data. */
const scripts = new Set(['preinst', 'postinst', 'prerm', 'postrm', 'config']);

export interface DatabaseInput {
  readonly packages: readonly ExpandedInput[];
  readonly mtime: number;
  readonly read: (content: FileContent) => Buffer;
}

/**
 * dpkg's own records as they are between `--unpack` and `--configure`: status, file lists, control files and the
 * interests in triggers (dpkg(1), "Package states"; dpkg's doc/triggers.txt). What an earlier group wrote stays.
 */
export function writeDpkgDatabase(tree: ImageTree, { packages, mtime, read }: DatabaseInput): void {
  const fileInterests: string[] = [];
  const stanzas: string[] = [];
  for (const expanded of packages) {
    const input = expanded.input as DebInput;
    const control = expanded.control['control'] ?? '';
    const name = recordName(input, control);
    stanzas.push(stanzaOf(expanded, read));
    tree.set(`${root}/info/${name}.list`, generatedFile(fileList(expanded), mtime));
    for (const [member, text] of Object.entries(expanded.control)) {
      if (member === 'control') continue;
      tree.set(`${root}/info/${name}.${member}`, generatedFile(text, mtime, scripts.has(member) ? 0o755 : 0o644));
    }
    for (const { trigger, suffix } of interestsOf(expanded.control['triggers'] ?? '')) {
      const owner = `${input.name}${suffix}`;
      if (trigger.startsWith('/')) fileInterests.push(`${trigger} ${owner}\n`);
      else append(tree, `${root}/triggers/${trigger}`, { text: `${owner}\n`, mtime, read });
    }
  }
  append(tree, `${root}/triggers/File`, { text: fileInterests.sort().join(''), mtime, read });
  append(tree, `${root}/status`, { text: stanzas.join(''), mtime, read });
  for (const empty of ['available', 'diversions', 'statoverride'])
    if (!tree.has(`${root}/${empty}`)) tree.set(`${root}/${empty}`, generatedFile('', mtime));
  tree.set(`${root}/info/format`, generatedFile('1\n', mtime));
}

/** Scripts that run before a package's files are there, by the name of their record; accounts come first. */
export function preinstNames(packages: readonly ExpandedInput[]): string[] {
  const names = packages
    .filter(({ control }) => control['preinst'] !== undefined)
    .map((expanded) => ({
      package: (expanded.input as DebInput).name,
      record: recordName(expanded.input as DebInput, expanded.control['control'] ?? ''),
    }));
  const first = (name: string): number => (name === 'base-passwd' ? 0 : name === 'base-files' ? 1 : 2);
  return names.sort((a, b) => first(a.package) - first(b.package)).map(({ record }) => record);
}

/** A package that may be there for several architectures has its architecture in the name of its records. */
function recordName(input: DebInput, control: string): string {
  return /^Multi-Arch:\s*same\s*$/im.test(control) ? `${input.name}:${input.architecture}` : input.name;
}

function stanzaOf(expanded: ExpandedInput, read: DatabaseInput['read']): string {
  const control = (expanded.control['control'] ?? '').trimEnd();
  const withStatus = control.replace(/^(Package:.*)$/m, '$1\nStatus: install ok unpacked');
  const conffiles = (expanded.control['conffiles'] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('/'))
    .map((path) => ` ${path.trim()} ${md5Of(expanded, path.trim().slice(1), read)}\n`);
  return `${withStatus}\n${conffiles.length > 0 ? `Conffiles:\n${conffiles.join('')}` : ''}\n`;
}

/** dpkg takes a configuration file as unchanged when it has the checksum of its record. */
function md5Of(expanded: ExpandedInput, path: string, read: DatabaseInput['read']): string {
  const found = expanded.entries.find(({ entry }) => entry.path === path && entry.kind === 'file');
  if (!found) return 'newconffile';
  const content: FileContent = {
    kind: 'slice',
    input: expanded.content,
    offset: found.offset,
    sizeBytes: found.entry.sizeBytes,
  };
  return createHash('md5').update(read(content)).digest('hex');
}

function fileList({ entries }: ExpandedInput): string {
  return `/.\n${entries.map(({ entry }) => `/${entry.path}\n`).join('')}`;
}

function interestsOf(text: string): { readonly trigger: string; readonly suffix: string }[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*interest(-noawait|-await)?\s+(\S+)\s*$/.exec(line);
    return match?.[2] ? [{ trigger: match[2], suffix: match[1] === '-noawait' ? '/noawait' : '' }] : [];
  });
}

function append(
  tree: ImageTree,
  path: string,
  { text, mtime, read }: { readonly text: string; readonly mtime: number; readonly read: DatabaseInput['read'] },
): void {
  const before = tree.get(path);
  const known = before?.kind === 'file' ? read(before.content).toString('utf8') : '';
  const gap = known !== '' && path.endsWith('/status') && !known.endsWith('\n\n') ? '\n' : '';
  tree.set(path, generatedFile(`${known}${gap}${text}`, mtime));
}
