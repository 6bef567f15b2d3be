import { z } from 'zod';

const Container = z.looseObject({ name: z.string(), image: z.string() });
const PodSpec = z.looseObject({
  containers: z.array(Container).default([]),
  initContainers: z.array(Container).optional(),
  ephemeralContainers: z.array(Container).optional(),
});

/** `AdmissionReview` of `admission.k8s.io/v1`, as far as it is read. */
export const AdmissionReviewSchema = z.looseObject({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.looseObject({
    uid: z.string(),
    object: z.looseObject({ kind: z.literal('Pod'), spec: PodSpec }),
  }),
});
export type AdmissionReview = z.infer<typeof AdmissionReviewSchema>;

/** Every image that a pod would run, each once. */
export function imagesOf({ request }: AdmissionReview): string[] {
  const { containers, initContainers = [], ephemeralContainers = [] } = request.object.spec;
  return [...new Set([...containers, ...initContainers, ...ephemeralContainers].map(({ image }) => image))];
}

export interface ImageAnswer {
  readonly image: string;
  readonly ok: boolean;
  readonly reason: string;
}

export function admissionResponse(uid: string, answers: readonly ImageAnswer[]): object {
  const refused = answers.filter(({ ok }) => !ok);
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: refused.length === 0,
      ...(refused.length > 0
        ? {
            status: {
              code: 403,
              reason: 'Forbidden',
              message: refused.map(({ image, reason }) => `${image}: ${reason}`).join('\n'),
            },
          }
        : {}),
    },
  };
}
