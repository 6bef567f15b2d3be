import { contentFile, expandInput } from '../../sources/expand-input.ts';
import type { NodeInput, ToolInput } from '../../sources/input.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { openContents } from '../../trees/content-access.ts';
import type { LayerPart } from '../../trees/layer-part.ts';
import { imagePaths, type Variant } from '../plan/variants.ts';
import type { ElfInTree } from './closure.ts';
import { elfFilesOf } from './elf-files.ts';
import { decideHeadersLayer, decideNodeLayer, decideToolsLayer } from './node-layer.ts';

export interface NodePartsJob {
  readonly variant: Variant;
  readonly node: NodeInput;
  readonly tools: readonly ToolInput[];
}

export interface NodeParts {
  readonly parts: readonly LayerPart[];
  /** The binary, as the dynamic loader reads it. */
  readonly programs: readonly ElfInTree[];
}

/** The parts of the Node.js distribution that a variant has, each a layer that other variants and bases share. */
export async function decideNodeParts(store: LayoutStore, { variant, node, tools }: NodePartsJob): Promise<NodeParts> {
  const binary = await expandInput(store, node);
  const tree = decideNodeLayer(binary);
  const files = [contentFile(binary)];
  const contents = openContents(files);
  let programs: readonly ElfInTree[];
  try {
    programs = elfFilesOf(tree, contents, { ownerOf: () => 'node' });
  } finally {
    await contents.close();
  }
  const parts: LayerPart[] = [
    { title: `Node.js ${node.version} at /${imagePaths.node}`, entries: tree.entries(), files },
  ];
  const wantsTools = variant.node.includes('npm');
  const wantsHeaders = variant.node.includes('headers');
  if (!wantsTools && !wantsHeaders) return { parts, programs };
  const expandedTools = await Promise.all(tools.map((tool) => expandInput(store, tool)));
  // Only where something of it is needed: the whole tarball is read for it.
  const distribution = wantsHeaders || tools.length === 0 ? await expandInput(store, node, 'development') : undefined;
  if (wantsTools) {
    const names = tools.length > 0 ? tools.map((tool) => `${tool.name} ${tool.version}`).join(', ') : 'npm';
    parts.push({
      title: names,
      entries: decideToolsLayer(expandedTools, distribution).entries(),
      files: [...expandedTools, ...(distribution ? [distribution] : [])].map(contentFile),
    });
  }
  if (wantsHeaders && distribution)
    parts.push({
      title: `headers of Node.js ${node.version}`,
      entries: decideHeadersLayer(distribution).entries(),
      files: [contentFile(distribution)],
    });
  return { parts, programs };
}
