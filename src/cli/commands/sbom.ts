import { Failure } from '../../core/errors.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { cycloneDxDocument } from '../../formats/sbom/cyclonedx.ts';
import type { SbomModel } from '../../formats/sbom/model.ts';
import { spdxDocument } from '../../formats/sbom/spdx.ts';
import { sbomOfImage } from '../../stages/attest/sbom-of-image.ts';
import { obtainImage } from '../../stages/obtain/obtain-image.ts';
import { choosePlatform } from '../../stages/test/test-image.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { renderTable } from '../views/text.ts';
import { storeFolder } from '../store-folder.ts';

interface SbomResult {
  readonly model: SbomModel;
  readonly format: 'table' | 'cyclonedx' | 'spdx';
}

export const sbom = defineCommand<SbomResult>({
  name: 'sbom',
  summary: 'List what an image is made of, as a table, CycloneDX or SPDX; the same image gives the same bytes',
  positional: 'REF',
  options: {
    store: recipeOptions.store,
    platform: { type: 'string', summary: 'Platform of REF; this machine’s without it', value: 'OS/ARCH' },
    format: { type: 'string', summary: 'table, cyclonedx or spdx', value: 'NAME' },
  },
  async run(input) {
    const { options, context, cwd } = input;
    const reference = options['_'];
    if (typeof reference !== 'string')
      throw new Failure('USAGE', 'sbom: name an image', { hint: 'a tag, or any reference' });
    const format = String(options['format'] ?? 'table');
    if (format !== 'table' && format !== 'cyclonedx' && format !== 'spdx')
      throw new Failure('USAGE', `sbom: there is no format ${JSON.stringify(format)}`, {
        hint: 'table, cyclonedx or spdx',
      });
    const obtained = await obtainImage(reference, { storePath: storeFolder(input), cwd, context });
    const { manifest, platform } = await choosePlatform(obtained, options['platform'] as string | undefined);
    const model = await sbomOfImage(obtained.store, manifest, platform);
    const hasNode = model.components.some(({ kind }) => kind === 'node');
    if (hasNode && !model.components.some(({ kind }) => kind === 'nested'))
      context.report({
        kind: 'notice',
        text: 'what is built into the Node.js binary is not listed: it says so itself when the image is tested, and this store has no report',
      });
    return { model, format };
  },
  pretty: ({ model, format }) =>
    format === 'table'
      ? [
          `${model.name} ${model.platform} ${model.digest}`,
          `${model.files.total} files: ${model.files.owned} of packages, ${model.files.listed} listed by themselves`,
          '',
          renderTable(
            ['component', 'version', 'licences', 'package URL'],
            model.components
              .filter(({ kind }) => kind !== 'file')
              .map(({ name, version, licenses, purl }) => [name, version, licenses.slice(0, 3).join(' '), purl ?? '']),
          ),
        ].join('\n')
      : canonicalJson(format === 'spdx' ? spdxDocument(model) : cycloneDxDocument(model)),
  json: ({ model, format }) => (format === 'spdx' ? spdxDocument(model) : cycloneDxDocument(model)),
});
