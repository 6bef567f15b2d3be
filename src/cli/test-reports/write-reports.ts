import { extname, resolve } from 'node:path';
import { Failure } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { visible } from '../../core/visible.ts';
import { htmlReport } from './html.ts';
import { junitReport } from './junit.ts';
import { markdownReport } from './markdown.ts';
import { tapReport } from './tap.ts';
import type { TestedImage } from './tested-image.ts';

const formats: Readonly<Record<string, (images: readonly TestedImage[]) => string>> = {
  '.html': htmlReport,
  '.json': (images) =>
    `${visible(JSON.stringify({ images: images.map(({ name, report }) => ({ name, ...report })) }, null, 2))}\n`,
  '.md': markdownReport,
  '.tap': tapReport,
  '.xml': junitReport,
};

export const reportFormats = Object.keys(formats);

/** @throws Failure USAGE for a file whose ending is none of the formats: asked before anything runs */
export function requireReportFormats(files: readonly string[]): void {
  for (const file of files)
    if (!formats[extname(file)])
      throw new Failure('USAGE', `--report ${file}: ${extname(file) || 'no ending'} is no format of reports`, {
        hint: `end it with ${reportFormats.join(', ')}`,
      });
}

export async function writeReports(
  files: readonly string[],
  images: readonly TestedImage[],
  cwd: string,
): Promise<void> {
  for (const file of files) {
    const format = formats[extname(file)];
    if (format) await writeFileAtomic(resolve(cwd, file), format(images));
  }
}
