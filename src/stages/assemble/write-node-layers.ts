import type { Compression } from '../../formats/layer-compression.ts';
import { expandInput } from '../../sources/expand-input.ts';
import type { NodeInput, ToolInput } from '../../sources/input.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { imagePaths, type Variant } from '../plan/variants.ts';
import type { ElfInTree } from './closure.ts';
import { contentFile, openContents } from './content-access.ts';
import { elfFilesOf } from './elf-files.ts';
import type { ImageLayer } from './image-documents.ts';
import type { ImageTree } from './image-tree.ts';
import { decideHeadersLayer, decideNodeLayer, decideToolsLayer } from './node-layer.ts';
import { writeLayer } from './write-layer.ts';

export interface NodeLayersJob {
  readonly variant: Variant;
  readonly node: NodeInput;
  readonly tools: readonly ToolInput[];
  readonly compression: Compression;
}

/** The parts of the Node.js distribution that a variant has, each a layer that other variants and bases share. */
export async function writeNodeLayers(
  store: LayoutStore,
  job: NodeLayersJob,
): Promise<{ readonly layers: readonly ImageLayer[]; readonly files: readonly ElfInTree[] }> {
  const { variant, node, tools, compression } = job;
  const layers: ImageLayer[] = [];
  const binary = await expandInput(store, node);
  const contents = openContents([contentFile(binary)]);
  let files: readonly ElfInTree[];
  try {
    const tree = decideNodeLayer(binary);
    files = elfFilesOf(tree, contents, { ownerOf: () => 'node' });
    const written = await writeLayer(store, tree.entries(), { compression, read: contents.stream });
    layers.push({ ...written, title: `Node.js ${node.version} at /${imagePaths.node}` });
  } finally {
    await contents.close();
  }
  const wantsTools = variant.node.includes('npm');
  const wantsHeaders = variant.node.includes('headers');
  if (!wantsTools && !wantsHeaders) return { layers, files };
  const expandedTools = await Promise.all(tools.map((tool) => expandInput(store, tool)));
  // Only where something of it is needed: the whole tarball is read for it.
  const distribution = await expandInput(store, node, 'development');
  const parts = openContents([contentFile(distribution), ...expandedTools.map(contentFile)]);
  async function add(tree: ImageTree, title: string): Promise<void> {
    layers.push({ ...(await writeLayer(store, tree.entries(), { compression, read: parts.stream })), title });
  }
  try {
    if (wantsTools) {
      const names = tools.length > 0 ? tools.map((tool) => `${tool.name} ${tool.version}`).join(', ') : 'npm';
      await add(decideToolsLayer(expandedTools, distribution), names);
    }
    if (wantsHeaders) await add(decideHeadersLayer(distribution), `headers of Node.js ${node.version}`);
  } finally {
    await parts.close();
  }
  return { layers, files };
}
