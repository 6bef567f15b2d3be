import { z } from 'zod';
import { isAlive } from '../process-alive.ts';
import { imageName, processLabel } from './container-body.ts';
import type { EngineClient } from './engine-client.ts';

const Containers = z
  .array(z.looseObject({ Id: z.string(), Labels: z.record(z.string(), z.string()).nullish() }))
  .nullish();
const Images = z.array(z.looseObject({ RepoTags: z.array(z.string()).nullish() })).nullish();

/** Takes away what runs left in the engine that were killed: their number is on everything. */
export async function sweepEngine(engine: EngineClient): Promise<void> {
  const filters = (value: Record<string, string[]>): string => encodeURIComponent(JSON.stringify(value));
  const containers = await engine.get(`/containers/json?all=1&filters=${filters({ label: [processLabel] })}`);
  for (const { Id, Labels } of Containers.parse(containers) ?? []) {
    const owner = Number(Labels?.[processLabel]);
    if (owner > 0 && !isAlive(owner)) await engine.remove(`/containers/${Id}?force=1&v=1`).catch(() => {});
  }
  const images = await engine.get(`/images/json?filters=${filters({ reference: [imageName] })}`);
  for (const tag of (Images.parse(images) ?? []).flatMap(({ RepoTags }) => RepoTags ?? [])) {
    const owner = Number(/:(\d+)-/.exec(tag.slice(imageName.length))?.[1]);
    if (owner > 0 && !isAlive(owner)) await engine.remove(`/images/${encodeURIComponent(tag)}?force=1`).catch(() => {});
  }
}
