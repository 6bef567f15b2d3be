import { Failure } from '../../core/errors.ts';
import { suggest } from '../../core/suggest.ts';
import { readFeed, updateFeed, type FeedRecord } from '../../stages/scan/feed-store.ts';
import { readSecurityArchive } from '../../stages/scan/read-security-archive.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { renderTable } from '../views/text.ts';
import { aptFolder, openStore, openWorkspace, requireLock } from '../workspace.ts';

interface FeedRow {
  readonly name: string;
  readonly kind: string;
  /** Null for one that was never fetched. */
  readonly record: Omit<FeedRecord, 'origin' | 'file'> | null;
  readonly ageDays: number | null;
}

export const feeds = defineCommand<{ readonly feeds: readonly FeedRow[] }>({
  name: 'feeds',
  summary: 'List the feeds of vulnerabilities with their age, or fetch them: feeds update [NAME…]',
  positional: '[update]',
  rest: 'NAME…',
  options: recipeOptions,
  async run(input) {
    const { options, context } = input;
    const action = options['_'];
    if (action !== undefined && action !== 'update')
      throw new Failure('USAGE', `feeds: ${JSON.stringify(action)} is nothing to do`, {
        hint: 'nodeworthy feeds, or nodeworthy feeds update',
      });
    const workspace = await openWorkspace(input);
    const store = await openStore(workspace);
    const { loaded } = workspace;
    const all = loaded.recipe.feeds;
    const wanted = (options['rest'] as readonly string[] | undefined) ?? [];
    for (const name of wanted) {
      if (all.some((feed) => feed.name === name)) continue;
      const names = all.map((feed) => feed.name);
      const near = suggest(name, names);
      throw new Failure('USAGE', `the recipe has no feed ${JSON.stringify(name)}`, {
        hint: near ? `did you mean ${near}?` : `feeds: ${names.join(', ') || 'none; name some under feeds'}`,
      });
    }
    const rows: FeedRow[] = [];
    for (const feed of all) {
      const isWanted = action === 'update' && (wanted.length === 0 || wanted.includes(feed.name));
      const ports = { store, loaded, context };
      const record = isWanted
        ? await updateFeed(feed, ports, () =>
            readSecurityArchive({ ...ports, lock: requireLock(workspace), aptFolder }),
          )
        : await readFeed(store, feed);
      const ageDays = record ? (context.now.getTime() - Date.parse(record.date)) / 86_400_000 : null;
      rows.push({ name: feed.name, kind: feed.kind, record: record ?? null, ageDays });
    }
    return { feeds: rows };
  },
  pretty: ({ feeds: rows }) =>
    rows.length === 0
      ? 'the recipe names no feed: no scan is made, and no gate that asks for one opens'
      : renderTable(
          ['feed', 'kind', 'entries', 'made', 'age', 'digest'],
          rows.map(({ name, kind, record, ageDays }) =>
            record
              ? [
                  name,
                  kind,
                  String(record.entries),
                  record.date.slice(0, 16),
                  `${Math.max(0, ageDays ?? 0).toFixed(1)} days`,
                  record.digest,
                ]
              : [name, kind, '-', 'never fetched', '-', 'nodeworthy feeds update'],
          ),
        ),
  json: ({ feeds: rows }) => ({
    feeds: rows.map(({ name, kind, record, ageDays }) => ({
      name,
      kind,
      digest: record?.digest ?? null,
      date: record?.date ?? null,
      fetchedOn: record?.fetchedOn ?? null,
      entries: record?.entries ?? null,
      ageDays,
    })),
  }),
});
