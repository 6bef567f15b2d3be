import { z } from 'zod';
import { allow, commonConfig, defineGate, deny } from '../gate.ts';

export const sizeGate = defineGate({
  name: 'size',
  summary: 'No platform is larger than its budget',
  reason: 'Size is start-up time, traffic and attack surface; it grows unless somebody looks.',
  Config: z.strictObject({
    ...commonConfig,
    maxMegabytes: z.number().positive().describe('Most megabytes (10^6 bytes, compressed) on one platform'),
  }),
  evaluate: ({ platforms }, { maxMegabytes }) =>
    platforms.map(({ platform, sizeBytes }) => {
      const size = `${platform} has ${(sizeBytes / 1e6).toFixed(1)} MB, and its budget is ${maxMegabytes} MB`;
      return sizeBytes <= maxMegabytes * 1e6
        ? allow(size)
        : deny(size, 'look with `nodeworthy show` at what grew, or raise the budget');
    }),
});
