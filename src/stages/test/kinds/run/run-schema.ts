import { z } from 'zod';

const seconds = z.number().positive().max(86_400);
const size = z
  .string()
  .regex(/^\d+(?:\.\d+)?\s*(?:B|kB|MB|GB|KiB|MiB|GiB)$/, 'a number and B, kB, MB, GB, KiB, MiB or GiB, like 256MiB');
const patterns = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === 'string' ? [value] : value));
const signal = z.enum(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT', 'SIGABRT']);

const TestFile = z
  .strictObject({
    path: z.string().startsWith('/').describe('Where it is in the image'),
    source: z.string().optional().describe('A file beside this one'),
    content: z.string().optional().describe('Its text'),
    mode: z
      .string()
      .regex(/^[0-7]{3,4}$/)
      .default('644'),
  })
  .refine(({ source, content }) => (source === undefined) !== (content === undefined), {
    message: 'name either a source or a content',
  });

const Step = z
  .strictObject({
    waitFor: z
      .strictObject({
        line: z.string().optional().describe('A pattern in stdout or stderr'),
        port: z.number().int().min(1).max(65_535).optional().describe('A port that takes connections'),
        http: z
          .string()
          .startsWith('/')
          .optional()
          .describe('A path on that port that answers with a status below 400'),
        withinSeconds: seconds.default(30),
      })
      .refine(({ line, port }) => (line === undefined) !== (port === undefined), {
        message: 'wait for either a line or a port; http needs its port',
      })
      .optional()
      .describe('Waits until the container is ready'),
    request: z
      .strictObject({
        port: z.number().int().min(1).max(65_535),
        path: z.string().startsWith('/').default('/'),
        method: z.string().default('GET'),
        headers: z.record(z.string(), z.string()).default({}),
        body: z.string().optional(),
        status: z.number().int().default(200),
        answer: patterns.default([]).describe('Patterns that the body has'),
        answerHeaders: z.record(z.string(), z.string()).default({}).describe('Patterns that headers have'),
        withinSeconds: seconds.default(10),
      })
      .optional()
      .describe('Sends a request over the container’s own network'),
    signal: signal.optional().describe('Sends a signal to the first process'),
    write: z.string().optional().describe('Text for stdin'),
    sleepSeconds: seconds.optional(),
    observe: z
      .strictObject({
        running: z.boolean().optional(),
        maxProcesses: z.number().int().min(0).optional(),
        minProcesses: z.number().int().min(0).optional(),
        maxZombies: z.number().int().min(0).optional(),
        maxMemory: size.optional().describe('Resident memory of all processes'),
      })
      .optional()
      .describe('Looks at the container from outside'),
    restart: z.literal(true).optional().describe('Stops it and starts it again, with what it wrote'),
  })
  .refine((step) => Object.values(step).filter((value) => value !== undefined).length === 1, {
    message: 'a step is one thing: waitFor, request, signal, write, sleepSeconds, observe or restart',
  });

const Run = z.strictObject({
  name: z.string().min(1),
  command: z.array(z.string()).optional().describe('Arguments for the image’s entrypoint, as after `docker run IMAGE`'),
  entrypoint: z.array(z.string()).min(1).optional().describe('Replaces entrypoint and command'),
  env: z.record(z.string(), z.string()).default({}),
  timeZone: z.string().optional().describe('TZ'),
  locale: z.string().optional().describe('LANG and LC_ALL'),
  user: z.string().optional().describe('`UID[:GID]` or a name'),
  workingDirectory: z.string().startsWith('/').optional(),
  files: z.array(TestFile).default([]).describe('A layer of files on the image'),
  readOnlyRoot: z.boolean().default(false),
  tmpfs: z.array(z.string().startsWith('/')).default([]),
  capabilities: z
    .union([z.enum(['none', 'default']), z.array(z.string())])
    .default('none')
    .describe('`none`, `default` for what engines give, or names to add to that'),
  memory: size.optional().describe('Limit of memory'),
  cpus: z.number().positive().max(1024).optional(),
  processes: z.number().int().positive().optional().describe('Limit of processes'),
  disk: size.optional().describe('What it may write'),
  stdin: z.string().optional(),
  terminal: z.boolean().default(false),
  hosts: z.array(z.string()).default([]).describe('`HOST:PORT` that it may connect to'),
  timeoutSeconds: seconds.default(60).describe('For the container, until its end'),
  steps: z.array(Step).default([]),
  expect: z
    .strictObject({
      exitCode: z
        .union([z.number().int(), z.array(z.number().int())])
        .transform((value) => (typeof value === 'number' ? [value] : value))
        .optional()
        .describe('0 without it; a container that the test has to end may have any'),
      stdout: patterns.default([]),
      stderr: patterns.default([]),
      notStdout: patterns.default([]),
      notStderr: patterns.default([]),
      withinSeconds: seconds.optional().describe('From its start to its end'),
      endsWithinSeconds: seconds.optional().describe('From the last step to its end; without it, it is ended'),
      maxMemory: size.optional().describe('The most it ever used'),
      changes: z
        .array(z.string())
        .optional()
        .describe('Patterns of paths that it may write; anything else is a failure'),
    })
    .prefault({}),
});

export const RunFileSchema = z.strictObject({
  runs: z.array(Run).min(1).describe('Each is one container, and one case'),
});

export type RunTest = z.infer<typeof Run>;
export type RunStep = z.infer<typeof Step>;

const units: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** Bytes of a size like `256MiB`. */
export function bytesOf(size: string): number {
  const [, number = '', unit = ''] = /^([\d.]+)\s*(\w+)$/.exec(size) ?? [];
  return Math.round(Number(number) * (units[unit] ?? 1));
}
