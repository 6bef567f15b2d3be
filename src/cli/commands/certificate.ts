import { resolve } from 'node:path';
import { Failure } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { describeCertificate, type CertificateView } from '../../stages/verify/describe-certificate.ts';
import { openReference } from '../../stages/obtain/open-reference.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { chooseTrust, trustOptions } from '../trust-options.ts';
import { certificateMarkdown } from '../views/certificate-markdown.ts';
import { renderCertificatePage } from '../views/certificate-page.ts';
import { storeFolder } from '../store-folder.ts';

interface CertificateResult {
  readonly view: CertificateView;
  readonly files: readonly string[];
}

export const certificate = defineCommand<CertificateResult>({
  name: 'certificate',
  summary: 'Show the certificate of an image: what it is, what it was tested with, what the gates said, until when',
  positional: 'REF',
  options: {
    ...recipeOptions,
    ...trustOptions,
    html: { type: 'string', summary: 'Write a page that stands alone', value: 'FILE' },
    markdown: { type: 'string', summary: 'Write it as Markdown', value: 'FILE' },
  },
  async run(input) {
    const { options, context, cwd } = input;
    const reference = options['_'];
    if (typeof reference !== 'string')
      throw new Failure('USAGE', 'certificate: name an image', { hint: 'HOST/REPOSITORY:TAG, oci:PATH:TAG, or a tag' });
    const opened = await openReference(reference, { storePath: storeFolder(input), cwd, context });
    try {
      const { trust, environment } = await chooseTrust(input);
      const view = await describeCertificate(opened.store, opened.image, {
        reference,
        trust,
        now: context.now,
        deep: opened.isFolder,
        environment,
      });
      const files: string[] = [];
      for (const [option, render] of [
        ['html', renderCertificatePage],
        ['markdown', certificateMarkdown],
      ] as const) {
        const file = options[option];
        if (typeof file !== 'string') continue;
        const path = resolve(cwd, file);
        await writeFileAtomic(path, render(view));
        files.push(path);
      }
      return { view, files };
    } finally {
      await opened.close();
    }
  },
  pretty: ({ view, files }) => [certificateMarkdown(view), ...files.map((file) => `written: ${file}`)].join('\n'),
  json: ({ view }) => view,
});
