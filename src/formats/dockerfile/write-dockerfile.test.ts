import { expect, it } from 'vitest';
import { writeDockerfile } from './write-dockerfile.ts';

it('writes layers and configuration, and nothing that a Dockerfile would expand', () => {
  const text = writeDockerfile({
    cell: '24.1.0-x-runtime',
    digest: 'sha256:abc',
    config: {
      architecture: 'amd64',
      os: 'linux',
      config: {
        Env: ['A=b "c" $HOME \\', 'B=x=y'],
        Labels: { 'org.example': 'v' },
        User: '1000:1000',
        WorkingDir: '/app',
        Entrypoint: ['/usr/bin/tini', '--'],
        Cmd: ['node'],
        StopSignal: 'SIGTERM',
      },
      rootfs: { type: 'layers', diff_ids: [] },
    },
    layers: [{ file: 'layers/1.tar.gz', title: 'system\nRUN evil' }],
  });
  expect(text)
    .toBe(`# Generated with \`nodeworthy dockerfile 24.1.0-x-runtime\`. Do not edit: change the recipe and generate it again.
# Makes what sha256:abc holds.
FROM scratch
# system RUN evil
ADD ["layers/1.tar.gz", "/"]
ENV A="b \\"c\\" \\$HOME \\\\"
ENV B="x=y"
LABEL "org.example"="v"
WORKDIR /app
USER 1000:1000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/tini","--"]
CMD ["node"]
`);
});
