import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { hexOf, type Digest } from '../../core/digest.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import type { TestReport } from './report.ts';

const Failed = z.array(z.strictObject({ suite: z.string(), id: z.string() }));

/** Notes which cases did not pass on a digest, for whoever wants to run only those again. */
export async function noteFailed(store: LayoutStore, { subject, cases }: TestReport): Promise<void> {
  const failed = cases.filter(({ result }) => result !== 'passed').map(({ suite, id }) => ({ suite, id }));
  await store.notes.write('test-results', hexOf(subject), canonicalJson(failed), { durable: false });
}

/** Cases that did not pass the last time; undefined when a digest was never tested here. */
export async function readFailed(store: LayoutStore, subject: Digest): Promise<z.infer<typeof Failed> | undefined> {
  const text = await store.notes.read('test-results', hexOf(subject));
  if (text === undefined) return undefined;
  const parsed = Failed.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : undefined;
}
