import { passedText } from '../test-reports/tested-image.ts';
import { Failure } from '../../core/errors.ts';
import { planLocked } from '../../pipeline-plan.ts';
import { describeInput } from '../../sources/input.ts';
import { inputsOf } from '../../stages/resolve/lock.ts';
import { findReports, type TestReport } from '../../stages/test/report.ts';
import { suggest } from '../../core/suggest.ts';
import { readImageConfig, readIndex, readManifest } from '../../store/manifest.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { formatBytes, renderTable } from '../views/text.ts';
import { openStore, openWorkspace, requireLock } from '../workspace.ts';

interface ShownPlatform {
  readonly platform: string;
  readonly digest: string;
  readonly layers: readonly {
    readonly title: string;
    readonly digest: string;
    readonly diffId: string;
    readonly sizeBytes: number;
  }[];
  readonly tests: Pick<TestReport, 'result' | 'startedAt' | 'runtime' | 'cases'> | null;
}

interface ShowResult {
  readonly cell: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** Rules of hardening that the image carries. */
  readonly hardening: readonly string[];
  /** Overlays by name, with their digests. */
  readonly overlays: Readonly<Record<string, string>>;
  readonly endOfLife: string | null;
  readonly inputs: readonly {
    readonly name: string;
    readonly digest: string;
    readonly sizeBytes: number;
    readonly from: string;
  }[];
  readonly platforms: readonly ShownPlatform[];
}

export const show = defineCommand<ShowResult>({
  name: 'show',
  summary: 'Show what a cell, tag or digest is made of, how it was tested, and its tags',
  positional: 'REF',
  options: {
    ...recipeOptions,
    image: { type: 'string', summary: 'Cell, tag or digest; may also be the first word', value: 'REF' },
  },
  async run(input) {
    const workspace = await openWorkspace(input);
    const store = await openStore(workspace);
    const lock = requireLock(workspace);
    const tags = await store.listTags();
    const wanted = String(
      input.options['image'] ??
        input.options['_'] ??
        planLocked({ loaded: workspace.loaded, lock, context: input.context })[0]?.id ??
        '',
    );
    const found = await store.getManifest(wanted);
    if (!found) {
      const near = suggest(wanted, tags);
      throw new Failure('NOT_FOUND', `${workspace.storePath} has no image ${JSON.stringify(wanted)}`, {
        hint: near ? `did you mean ${near}?` : 'run `nodeworthy run` first',
      });
    }
    const { digest } = found.descriptor;
    const index = await readIndex(store, digest);
    const platforms: ShownPlatform[] = [];
    for (const entry of index.manifests) {
      const manifest = await readManifest(store, entry.digest);
      const config = await readImageConfig(store, manifest);
      const [report] = await findReports(store, entry.digest);
      platforms.push({
        platform: `${entry.platform?.os}/${entry.platform?.architecture}`,
        digest: entry.digest,
        layers: manifest.layers.map((layer, at) => ({
          title: config.history?.[at]?.created_by ?? '',
          digest: layer.digest,
          diffId: config.rootfs.diff_ids[at] ?? '',
          sizeBytes: layer.size,
        })),
        tests: report
          ? { result: report.result, startedAt: report.startedAt, runtime: report.runtime, cases: report.cases }
          : null,
      });
    }
    const cell = index.annotations?.['io.nodeworthy.cell'] ?? wanted;
    const locked = lock.cells.find((candidate) => candidate.id === cell);
    const inputs = locked
      ? locked.platforms.flatMap((platform) => {
          const { node, tools, packages } = inputsOf(lock, platform);
          return [node, ...tools, ...packages.flat()].map((item) => ({
            name: describeInput(item),
            digest: item.digest,
            sizeBytes: item.size,
            from: item.kind === 'deb' ? item.origin.suite : item.origin.source,
          }));
        })
      : [];
    const own: string[] = [];
    for (const tag of tags) if ((await store.resolveTag(tag))?.digest === digest) own.push(tag);
    const labels = index.annotations ?? {};
    const prefix = 'io.nodeworthy.overlay.';
    const overlays = Object.entries(labels).filter(([name]) => name.startsWith(prefix));
    return {
      cell,
      digest,
      tags: own,
      hardening: labels['io.nodeworthy.hardening']?.split(' ') ?? [],
      overlays: Object.fromEntries(overlays.map(([name, value]) => [name.slice(prefix.length), value])),
      endOfLife: labels['io.nodeworthy.end-of-life'] ?? null,
      inputs,
      platforms,
    };
  },
  pretty: (result) =>
    [
      `${result.cell}  ${result.digest}`,
      `tags: ${result.tags.join(' ') || 'none'}`,
      `hardening: ${result.hardening.join(' ') || 'none'}`,
      ...Object.entries(result.overlays).map(([name, value]) => `overlay ${name}: ${value}`),
      ...(result.endOfLife === null ? [] : [`end of life: ${result.endOfLife}`]),
      ...result.platforms.flatMap((platform) => [
        '',
        `${platform.platform}  ${platform.digest}`,
        renderTable(
          ['layer', 'size', 'digest'],
          platform.layers.map((layer) => [layer.title, formatBytes(layer.sizeBytes), layer.digest]),
        ),
        '',
        platform.tests
          ? `tests: ${platform.tests.result}, ${passedText(platform.tests.cases, ' of ')} passed with ${platform.tests.runtime.name} ${platform.tests.runtime.version} at ${platform.tests.startedAt}`
          : 'tests: none',
      ]),
      '',
      renderTable(
        ['input', 'size', 'from', 'digest'],
        result.inputs.map((item) => [item.name, formatBytes(item.sizeBytes), item.from, item.digest]),
      ),
    ].join('\n'),
  json: (result) => result,
});
