import { existsSync } from 'node:fs';
import { z } from 'zod';
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

export async function connectEngine({ name, host }: EnginePlace, version: string): Promise<Runtime> {
  return await startEngine(openEngine(host), { name, version });
}
