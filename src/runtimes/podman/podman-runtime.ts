import { connectEngine, detectEngine, type EnginePlace } from '../engine/detect-engine.ts';
import type { RuntimeMember } from '../runtime.ts';

export const podmanRuntime: RuntimeMember = {
  name: 'podman',
  summary: 'containers of a podman service, over its API on a unix socket: CONTAINER_HOST',
  detect: (env) => detectEngine(placeIn(env)),
  start: (env, version) => connectEngine(placeIn(env), version),
};

function placeIn(env: Readonly<Record<string, string | undefined>>): EnginePlace {
  return {
    name: 'podman',
    host: env['CONTAINER_HOST'] || 'unix:///run/podman/podman.sock',
    variable: 'CONTAINER_HOST',
    hint: 'install it and start its service: apt-get install podman, then `podman system service --time 0`',
  };
}
