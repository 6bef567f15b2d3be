import { connectEngine, detectEngine, type EnginePlace } from '../engine/detect-engine.ts';
import type { RuntimeMember } from '../runtime.ts';

export const dockerRuntime: RuntimeMember = {
  name: 'docker',
  summary: 'containers of a docker engine, over its API on a unix socket: DOCKER_HOST',
  detect: (env) => detectEngine(placeIn(env)),
  start: (env, version) => connectEngine(placeIn(env), version),
};

function placeIn(env: Readonly<Record<string, string | undefined>>): EnginePlace {
  return {
    name: 'docker',
    host: env['DOCKER_HOST'] || 'unix:///var/run/docker.sock',
    variable: 'DOCKER_HOST',
    hint: 'install it and start it: apt-get install docker.io',
  };
}
