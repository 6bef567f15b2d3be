/** Kinds of feed that a scan can use. */
export const feedKinds = [
  'osv',
  'debian-tracker',
  'debian-archive',
  'node-core',
  'node-dist',
  'kev',
  'epss',
  'openvex',
] as const;

export type FeedKind = (typeof feedKinds)[number];
