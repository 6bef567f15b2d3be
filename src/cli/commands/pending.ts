import { resolve } from 'node:path';
import { writeFileAtomic } from '../../core/files.ts';
import { reviewCells } from '../../pipeline-review.ts';
import { describePending, type PendingImage } from '../../stages/approve/describe-pending.ts';
import { cellsOption, environmentOption } from '../cell-options.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { pendingText } from '../views/pending-view.ts';
import { renderPendingPage } from '../views/pending-page.ts';
import { openStore, openWorkspace, requireLock } from '../workspace.ts';

interface PendingResult {
  readonly environment: string;
  readonly images: readonly PendingImage[];
  readonly page: string | undefined;
}

export const pending = defineCommand<PendingResult>({
  name: 'pending',
  summary: 'List images that wait for people, with everything an approver needs',
  options: {
    ...recipeOptions,
    ...cellsOption,
    ...environmentOption,
    html: { type: 'string', summary: 'Write a page that stands alone', value: 'FILE' },
    all: { type: 'boolean', summary: 'Those that gates deny as well' },
  },
  async run(input) {
    const { options, context, cwd } = input;
    const workspace = await openWorkspace(input);
    const store = await openStore(workspace);
    const { cells, judging } = await reviewCells(
      {
        store,
        loaded: workspace.loaded,
        lock: requireLock(workspace),
        context,
        environment: options['environment'] as string | undefined,
      },
      options['cells'] as string | undefined,
    );
    const wanted = options['all'] === true ? ['waiting', 'denied'] : ['waiting'];
    const waiting = cells.filter(({ gated }) => wanted.includes(gated.decision.result));
    const { environment, config } = judging.policy;
    const images = await Promise.all(waiting.map((cell) => describePending(store, cell, config.tagSuffix)));
    const file = options['html'];
    const page = typeof file === 'string' ? resolve(cwd, file) : undefined;
    if (page !== undefined)
      await writeFileAtomic(
        page,
        renderPendingPage({ name: workspace.loaded.recipe.name, environment, images, now: context.now }),
      );
    return { environment, images, page };
  },
  pretty: ({ environment, images, page }) =>
    [
      images.length === 0 ? `nothing waits for ${environment}` : images.map(pendingText).join('\n\n'),
      ...(page === undefined ? [] : ['', `page: ${page}`]),
    ].join('\n'),
  json: ({ environment, images }) => ({ environment, images }),
});
