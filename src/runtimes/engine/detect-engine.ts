import { existsSync } from 'node:fs';
import { z } from 'zod';
import { Failure } from '../../core/errors.ts';
import type { Availability, Runtime } from '../runtime.ts';
import { openEngine } from './engine-client.ts';
import { startEngine } from './engine-runtime.ts';

const Version = z.looseObject({ Version: z.string() });

export interface EnginePlace {
  readonly name: string;
  /** Where it listens, like `unix:///run/engine.sock`. */
  readonly host: string;
  /** Variable that says so. */
  readonly variable: string;
  readonly hint: string;
}

/** Whether an engine answers on its socket. */
export async function detectEngine({ host, variable, hint }: EnginePlace): Promise<Availability> {
  if (!host.startsWith('unix://'))
    return {
      available: false,
      reason: `${host} is no unix socket`,
      hint: `set ${variable} to unix:///path/of/the.sock`,
    };
  if (!existsSync(host.slice('unix://'.length))) return { available: false, reason: 'no engine listens', hint };
  const engine = openEngine(host);
  try {
    return { available: true, version: Version.parse(await engine.get('/version')).Version };
  } catch {
    return { available: false, reason: 'the engine does not answer', hint };
  } finally {
    await engine.close();
  }
}

/** @throws Failure RUNTIME_MISSING when it went away since it was found */
export async function connectEngine(place: EnginePlace): Promise<Runtime> {
  const found = await detectEngine(place);
  if (!found.available)
    throw new Failure('RUNTIME_MISSING', `${place.name} cannot be used: ${found.reason}`, { hint: found.hint });
  return await startEngine(openEngine(place.host), { name: place.name, version: found.version });
}
