import { collectTestLeftovers } from '../../stages/test/collect-leftovers.ts';
import { openLayoutStore } from '../../store/layout/layout-store.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { storeFolder } from '../store-folder.ts';

export const clean = defineCommand<{ readonly removed: number }>({
  name: 'clean',
  summary: 'Throw away what tests left to be used again: layers, dependencies, images of others',
  options: {
    store: recipeOptions.store,
    all: { type: 'boolean', summary: 'Also the layers that --keep saved' },
  },
  async run(input) {
    const store = await openLayoutStore(storeFolder(input));
    const limits = { maxAgeMs: -1, maxLayers: 0, saved: input.options['all'] === true, othersMaxAgeMs: -1 };
    return { removed: await collectTestLeftovers(store, Date.now(), limits) };
  },
  pretty: ({ removed }) =>
    removed === 0 ? 'there was nothing to throw away' : `threw away ${removed} folders and files`,
  json: (result) => result,
});
