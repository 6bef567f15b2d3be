import { describe, expect, it } from 'vitest';
import type { ImageConfig } from '../../formats/oci/descriptor.ts';
import type { RunRequest } from '../runtime.ts';
import { containerBody } from './container-body.ts';

const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } } as ImageConfig;
const hostConfig = (request: Partial<RunRequest>): Record<string, unknown> =>
  (
    containerBody({ config, image: 'x', request: { timeoutMs: 1, ...request } }) as {
      HostConfig: Record<string, unknown>;
    }
  ).HostConfig;

describe('a container of an engine', () => {
  it('has no network, no capabilities, no way to more, and limits, unless it asks', () => {
    expect(hostConfig({})).toMatchObject({
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 512,
      Memory: 4 * 2 ** 30,
      MemorySwap: 4 * 2 ** 30,
    });
  });

  it('gets capabilities that end with its namespaces', () => {
    expect(hostConfig({ capabilities: ['CAP_NET_ADMIN'] })).toMatchObject({ CapAdd: ['NET_ADMIN'] });
    expect(hostConfig({ capabilities: 'default' })).toMatchObject({ SecurityOpt: ['no-new-privileges'] });
  });

  it.each(['all', ['SYS_ADMIN'], ['sys_module'], ['CAP_SYS_TIME'], ['NET_ADMIN', 'DAC_READ_SEARCH']] as const)(
    'gets none that reach the machine: %s',
    (capabilities) => {
      expect(() => hostConfig({ capabilities })).toThrow(/reaches the machine itself under this engine/);
    },
  );
});
