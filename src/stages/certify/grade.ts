import type { Finding } from '../../formats/attestation/predicate-shapes.ts';

export const grades = ['A', 'B', 'C', 'D', 'F'] as const;
export type Grade = (typeof grades)[number];

/** Days since the inputs were last looked at after which a grade is lost: an image that nobody rebuilds decays. */
const decayDays: Readonly<Record<Exclude<Grade, 'F'>, number>> = { A: 14, B: 30, C: 60, D: 90 };
/** The best grade that a repairable vulnerability leaves, once its days are over. */
const limits = [
  { severity: 'critical', days: 7, grade: 'F' },
  { severity: 'critical', days: 0, grade: 'C' },
  { severity: 'high', days: 30, grade: 'D' },
  { severity: 'high', days: 0, grade: 'B' },
  { severity: 'medium', days: 90, grade: 'C' },
] as const;
const dayMs = 86_400_000;

export interface GradeInput {
  /** When the inputs were chosen, or the image was last certified. */
  readonly since: Date;
  readonly now: Date;
  readonly findings: readonly Finding[];
  /** Days after which the image is worth nothing: end of the line, of the base. */
  readonly ends: readonly string[];
}

export interface Graded {
  readonly grade: Grade;
  readonly reason: string;
  /** ISO day of the next drop if nothing is done; undefined when it cannot drop any more. */
  readonly nextDrop: string | undefined;
}

/** How well an image stands today, and until when. It drops by itself unless somebody rebuilds. */
export function gradeImage(input: GradeInput): Graded {
  const today = gradeOn(input, input.now);
  if (today.grade === 'F') return { ...today, nextDrop: undefined };
  for (let day = 1; day <= 400; day++) {
    const then = new Date(input.now.getTime() + day * dayMs);
    if (grades.indexOf(gradeOn(input, then).grade) > grades.indexOf(today.grade))
      return { ...today, nextDrop: then.toISOString().slice(0, 10) };
  }
  return { ...today, nextDrop: undefined };
}

function gradeOn({ since, findings, ends }: GradeInput, day: Date): { readonly grade: Grade; readonly reason: string } {
  const ended = ends.find((end) => end <= day.toISOString().slice(0, 10));
  if (ended !== undefined) return { grade: 'F', reason: `something in it came to its end on ${ended}` };
  const age = (day.getTime() - since.getTime()) / dayMs;
  const byAge = grades.find((grade) => grade === 'F' || age <= decayDays[grade]) ?? 'F';
  let worst: { grade: Grade; reason: string } = { grade: byAge, reason: `made ${Math.floor(age)} days ago` };
  for (const finding of findings) {
    if (finding.fixedVersion === undefined || finding.vex) continue;
    // Nobody knows since when it is repaired: all days are over.
    const fixedDays =
      finding.fixedSince === undefined
        ? Number.POSITIVE_INFINITY
        : (day.getTime() - Date.parse(finding.fixedSince)) / dayMs;
    const severity = finding.kev ? 'critical' : finding.severity;
    const limit = limits.find((item) => item.severity === severity && fixedDays >= item.days);
    if (limit && grades.indexOf(limit.grade) > grades.indexOf(worst.grade))
      worst = {
        grade: limit.grade,
        reason: `${finding.id} (${severity}) in ${finding.name} is repaired in ${finding.fixedVersion}`,
      };
  }
  return worst;
}
