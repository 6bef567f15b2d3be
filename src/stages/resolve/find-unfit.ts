import { Failure } from '../../core/errors.ts';
import { readElf, type ElfFile } from '../../formats/elf/read-elf.ts';
import { contentFile, expandInput } from '../../sources/expand-input.ts';
import { describeInput, type NodeInput } from '../../sources/input.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { openContents } from '../../trees/content-access.ts';
import { found, nodeKey, settled, type Acquired } from './acquired.ts';
import { requireCompatible } from './detect-base.ts';
import type { SystemResult } from './resolve-systems.ts';

/** Whether each release's binary starts on each image of somebody else; failures by `nodeKey` and system. */
export async function findUnfit(
  store: LayoutStore,
  systems: readonly Extract<SystemResult, { kind: 'resolved' }>[],
  nodes: ReadonlyMap<string, Acquired<NodeInput>>,
): Promise<Map<string, Acquired<never>>> {
  const unfit = new Map<string, Acquired<never>>();
  for (const { system } of systems) {
    const { image } = system;
    if (!image) continue;
    const [base = '', , platform = ''] = system.id.split(' ');
    for (const node of found(nodes)) {
      if (node.platform !== platform || node.libc !== image.libc) continue;
      const checked = await settled(async () => {
        const binary = await readNodeBinary(store, node);
        await requireCompatible(store, image.digest, { binary, release: node.version, base, found: image });
      });
      if (checked.kind === 'failed') unfit.set(`${nodeKey(node)} ${system.id}`, checked);
    }
  }
  return unfit;
}

async function readNodeBinary(store: LayoutStore, node: NodeInput): Promise<ElfFile> {
  const expanded = await expandInput(store, node);
  const entry = expanded.entries.find((candidate) => candidate.entry.path === 'bin/node');
  const contents = openContents([contentFile(expanded)]);
  try {
    const { offset = 0, entry: file } = entry ?? {};
    const content = { kind: 'slice', input: expanded.content, offset, sizeBytes: file?.sizeBytes ?? 0 } as const;
    const elf = readElf(contents.random(content), describeInput(node));
    if (elf) return elf;
    throw new Failure('SOURCE_INVALID', `${describeInput(node)}: bin/node is no program`);
  } finally {
    await contents.close();
  }
}
