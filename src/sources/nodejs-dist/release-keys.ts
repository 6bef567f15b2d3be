/**
 * Primary key fingerprints of the people who may release Node.js, as its README and the release-keys repository list
 * them. The keys themselves come from a keyring the recipe names; only these of it are trusted.
 */
export const nodeReleaseKeys: readonly string[] = [
  '5BE8A3F6C8A5C01D106C0AD820B1A390B168D356', // Antoine du Hamel
  'DD792F5973C6DE52C432CBDAC77ABFA00DDBF2B7', // Juan José Arboleda
  'CC68F5A3106FF448322E48ED27F5E38D5B0A215F', // Marco Ippolito
  '8FCCA13FEF1D0C2E91008E09770F7A9A5AE15600', // Michaël Zasso
  '890C08DB8579162FEE0DF9DB8BEAB4DFCF555EF4', // Rafael Gonzaga
  'C82FA3AE1CBEDC6BE46B9360C43CEC45C17AB93C', // Richard Lau
  '108F52B48DB57BB0CC439B2997B01419BD92F80A', // Ruy Adorno
  'A363A499291CBBC940DD62E41F10027AF002F8B0', // Ulises Gascón
];
