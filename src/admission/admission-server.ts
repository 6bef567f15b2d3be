import { parseJson } from '../core/json.ts';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createGate, mapConcurrent, SingleFlight } from '../core/concurrency.ts';
import { admissionResponse, AdmissionReviewSchema, imagesOf, type ImageAnswer } from './review.ts';

export interface AdmissionOptions {
  readonly host: string;
  readonly port: number;
  /** PEM texts; without them plain HTTP, for a proxy in front. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Whether one image may run. Everything that goes wrong in it is a no; what ends the signal is worth no more work. */
  readonly judge: (image: string, signal: AbortSignal) => Promise<Omit<ImageAnswer, 'image'>>;
}

export interface AdmissionServer {
  readonly port: number;
  close(): Promise<void>;
}

const maxBodyBytes = 4 << 20;
/** No pod that people write has as many; whoever asks for more has something else in mind. */
const maxImages = 64;
/** Images that are looked at at once, whoever asks. */
const maxWork = 8;
/** Whoever comes when as many wait is told at once: an answer that comes too late is none. */
const maxWaiting = 512;
/** What takes longer than this is given up, and its place is for others. */
const maxWorkMs = 60_000;
/** A question that failed is not asked again for a moment, however often somebody wants it. */
const rememberFailureMs = 5000;
/** A cluster waits for thirty seconds at most, and decides by itself then. */
const maxAnswerMs = 25_000;

/** Answers a cluster's question whether a pod may run: `POST /validate`. It fails closed: an error is a refusal. */
export async function startAdmissionServer({
  host,
  port,
  tls,
  judge: judgeAlone,
}: AdmissionOptions): Promise<AdmissionServer> {
  const gate = createGate(maxWork);
  const flights = new SingleFlight<Omit<ImageAnswer, 'image'>>();
  const failed = new Map<string, { readonly untilMs: number; readonly error: unknown }>();
  let waiting = 0;
  async function judgeInTime(image: string): Promise<Omit<ImageAnswer, 'image'>> {
    const before = failed.get(image);
    if (before && before.untilMs > performance.now()) throw before.error;
    if (waiting >= maxWaiting) throw new Error(`could not be verified: ${waiting} others wait`);
    const asked = performance.now();
    waiting++;
    try {
      return await gate(async () => {
        // Whoever asked has left; one that was begun goes on, for the next who asks.
        if (performance.now() - asked > maxAnswerMs) throw new Error('could not be verified in time');
        return await judgeAlone(image, AbortSignal.timeout(maxWorkMs));
      });
    } catch (error) {
      if (failed.size > 10_000) failed.clear();
      failed.set(image, { untilMs: performance.now() + rememberFailureMs, error });
      throw error;
    } finally {
      waiting--;
    }
  }
  const judge = (image: string) => flights.run(image, () => judgeInTime(image));
  const listener: RequestListener = (request, response) => {
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.method === 'GET' && request.url === '/livez') return send(200, { ok: true });
    const path = request.url?.split('?')[0];
    if (request.method !== 'POST' || path !== '/validate')
      return send(404, { error: 'POST /validate is all there is' });
    answer(request, judge).then(
      ({ status, body }) => send(status, body),
      () => send(500, { error: 'the question could not be answered' }),
    );
  };
  const server = tls ? createHttpsServer(tls, listener) : createHttpServer(listener);
  server.requestTimeout = 15_000;
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, host, done);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

async function answer(
  request: IncomingMessage,
  judge: (image: string) => Promise<Omit<ImageAnswer, 'image'>>,
): Promise<{ readonly status: number; readonly body: object }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) return { status: 413, body: { error: 'the review is too large' } };
    chunks.push(chunk);
  }
  let value: unknown;
  try {
    value = parseJson(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return { status: 400, body: { error: 'not JSON' } };
  }
  const review = AdmissionReviewSchema.safeParse(value);
  if (!review.success) return { status: 400, body: { error: 'no AdmissionReview v1 of a pod' } };
  const { uid } = review.data.request;
  const images = imagesOf(review.data);
  if (images.length > maxImages) {
    const reason = `the pod has ${images.length} images, at most ${maxImages} are looked at`;
    return { status: 200, body: admissionResponse(uid, [{ image: 'it', ok: false, reason }]) };
  }
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), maxAnswerMs);
  const late = new Promise<Omit<ImageAnswer, 'image'>>((resolve) => {
    deadline.signal.addEventListener('abort', () => resolve({ ok: false, reason: 'could not be verified in time' }));
  });
  try {
    const answers = await mapConcurrent(images, maxWork, async (image): Promise<ImageAnswer> => {
      // A tag may mean something else by the time it is pulled.
      if (!/@sha256:[0-9a-f]{64}$/.test(image)) return { image, ok: false, reason: 'is not named by digest' };
      if (deadline.signal.aborted) return { image, ...(await late) };
      try {
        return { image, ...(await Promise.race([judge(image), late])) };
      } catch (error) {
        return { image, ok: false, reason: error instanceof Error ? error.message : 'could not be verified' };
      }
    });
    return { status: 200, body: admissionResponse(uid, answers) };
  } finally {
    clearTimeout(timer);
  }
}
