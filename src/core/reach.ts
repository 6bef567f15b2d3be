import { BlockList, isIP } from 'node:net';

/** From where an address can be reached; each one is closer than the one before. */
export const reaches = ['public', 'private', 'loopback', 'link-local'] as const;
export type Reach = (typeof reaches)[number];

/** Ranges that do not lead into the internet (IANA special-purpose address registries). */
const ranges: readonly (readonly [Reach, string])[] = [
  ['link-local', '169.254.0.0/16'],
  ['link-local', 'fe80::/10'],
  // Metadata services of clouds that speak IPv6.
  ['link-local', 'fd00:ec2::/32'],
  ['loopback', '127.0.0.0/8'],
  ['loopback', '0.0.0.0/8'],
  ['loopback', '::/127'],
  ['private', '10.0.0.0/8'],
  ['private', '100.64.0.0/10'],
  ['private', '172.16.0.0/12'],
  ['private', '192.0.0.0/24'],
  ['private', '192.168.0.0/16'],
  ['private', '198.18.0.0/15'],
  ['private', '224.0.0.0/3'],
  ['private', 'fc00::/7'],
  ['private', 'fec0::/10'],
  ['private', 'ff00::/8'],
];

const lists = new Map<Reach, BlockList>(reaches.map((reach) => [reach, new BlockList()]));
for (const [reach, range] of ranges) {
  const [address = '', prefix] = range.split('/');
  lists.get(reach)?.addSubnet(address, Number(prefix), isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** @param address an IP address, an IPv4 one inside of IPv6 included */
export function reachOf(address: string): Reach {
  const inner = innerIpv4(address);
  if (inner !== undefined) return reachOf(inner);
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return reaches.findLast((reach) => lists.get(reach)?.check(address, family)) ?? 'public';
}

/** Reach of a host of a URL that is an address or the name of this machine; undefined for a name that has to be looked up. */
export function reachOfHost(hostname: string): Reach | undefined {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  if (isIP(host) !== 0) return reachOf(host);
  return /^(?:.*\.)?localhost\.?$/i.test(host) ? 'loopback' : undefined;
}

/**
 * Whether somebody at one place may lead us to another: into the internet everybody may, to machines near us only who
 * is as near, and to the addresses of this link, where clouds keep credentials, nobody.
 */
export function mayLead(from: Reach, to: Reach): boolean {
  return to !== 'link-local' && reaches.indexOf(to) <= reaches.indexOf(from);
}

/** IPv4 in IPv6: mapped, compatible, translated (RFC 4291, 6052) or in 6to4 (RFC 3056). */
function innerIpv4(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  const groups = groupsOf(address);
  const zeros = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0);
  const at = (index: number): number => groups[index] ?? 0;
  const ipv4 = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  if (at(0) === 0x2002) return ipv4(at(1), at(2));
  const isMapped = zeros(0, 5) && (at(5) === 0xffff || (at(5) === 0 && (at(6) !== 0 || at(7) > 1)));
  const isTranslated = at(0) === 0x64 && at(1) === 0xff9b && zeros(2, 6);
  return isMapped || isTranslated ? ipv4(at(6), at(7)) : undefined;
}

/** The eight groups of an IPv6 address that is one. */
function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : address;
  const [left = '', right] = text.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [head, tail] = [parse(left), parse(right ?? '')];
  return right === undefined
    ? head
    : [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}
