import { Failure } from '../core/errors.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/**
 * What `User` of an image config means (image spec, "config"): `uid`, `uid:gid`, `name` or `name:gid`. A number that
 * passwd does not know has group 0 and the home `/`, as engines do it.
 * @param passwd text of the image's `/etc/passwd`
 */
export function resolveUser(spec: string, passwd: string): ResolvedUser {
  const [userPart, groupPart] = spec.split(':');
  const user = userPart || '0';
  const entry = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === user || fields[2] === user);
  const uid = /^\d+$/.test(user) ? Number(user) : Number(entry?.[2] ?? Number.NaN);
  const gid = groupPart === undefined ? Number(entry?.[3] ?? 0) : Number(groupPart);
  if (Number.isNaN(uid) || Number.isNaN(gid)) {
    throw new Failure('USAGE', `the image has no user ${JSON.stringify(spec)}`, {
      hint: 'use a numeric user and group',
    });
  }
  return { uid, gid, home: entry?.[5] ?? '/' };
}
