import { parseJson } from '../core/json.ts';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { admissionResponse, AdmissionReviewSchema, imagesOf, type ImageAnswer } from './review.ts';

export interface AdmissionOptions {
  readonly host: string;
  readonly port: number;
  /** PEM texts; without them plain HTTP, for a proxy in front. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Whether one image may run. Everything that goes wrong in it is a no. */
  readonly judge: (image: string) => Promise<Omit<ImageAnswer, 'image'>>;
}

export interface AdmissionServer {
  readonly port: number;
  close(): Promise<void>;
}

const maxBodyBytes = 4 << 20;

/** Answers a cluster's question whether a pod may run: `POST /validate`. It fails closed: an error is a refusal. */
export async function startAdmissionServer({ host, port, tls, judge }: AdmissionOptions): Promise<AdmissionServer> {
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
  judge: AdmissionOptions['judge'],
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
  const answers = await Promise.all(
    imagesOf(review.data).map(async (image): Promise<ImageAnswer> => {
      // A tag may mean something else by the time it is pulled.
      if (!/@sha256:[0-9a-f]{64}$/.test(image)) return { image, ok: false, reason: 'is not named by digest' };
      try {
        return { image, ...(await judge(image)) };
      } catch (error) {
        return { image, ok: false, reason: error instanceof Error ? error.message : 'could not be verified' };
      }
    }),
  );
  return { status: 200, body: admissionResponse(review.data.request.uid, answers) };
}
