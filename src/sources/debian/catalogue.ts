/** A command of a maintainer script that would change the image, and what does it instead of the script. */
export interface ScriptEffect {
  /** A verb of {@link watchedVerbs}. */
  readonly verb: string;
  readonly instead: string;
}

export interface CatalogueEntry {
  /** Maintainer scripts and triggers somebody has read; another one in a later version is an error. */
  readonly scripts: readonly string[];
  readonly would: string;
  readonly effects: readonly ScriptEffect[];
  /** Dependencies that only those scripts use, with the reason they can be left out. */
  readonly skipDependencies?: Readonly<Record<string, string>>;
}

/** Control files that run, or make others run, at installation. Removal scripts never run in an image. */
export const runningControlFiles = ['preinst', 'postinst', 'triggers', 'config'] as const;

/**
 * Commands by which maintainer scripts change a system beyond their own files. A script that uses one which its
 * entry does not explain is refused.
 */
export const watchedVerbs = [
  'adduser',
  'addgroup',
  'useradd',
  'groupadd',
  'usermod',
  'update-alternatives',
  'dpkg-divert',
  'dpkg-statoverride',
  'ldconfig',
  'update-ca-certificates',
  'systemctl',
  'deb-systemd-helper',
  'invoke-rc.d',
  'update-rc.d',
  'setcap',
  'mknod',
  'update-initramfs',
  'install-info',
  'add-shell',
  'update-passwd',
  'iconvconfig',
  'locale-gen',
  'systemd-sysusers',
  'systemd-tmpfiles',
  'ln',
  'mkdir',
  'chown',
  'chmod',
  'cat >',
  'cp',
  'mv',
] as const;

const ldconfigTrigger: CatalogueEntry = {
  scripts: ['triggers'],
  would: 'ask for ldconfig once all packages are unpacked',
  effects: [{ verb: 'ldconfig', instead: 'rule ld-so-cache writes /etc/ld.so.cache from the libraries in the image' }],
};

/** Every package whose scripts were read, what they would have done in a new image, and which rule does it instead. */
export const packageCatalogue: Readonly<Record<string, CatalogueEntry>> = {
  'base-files': {
    scripts: ['preinst', 'postinst', 'triggers'],
    would:
      'make the standard folders, /var/run and /var/lock links, default profile files, log files, and the /lib64 link',
    effects: [
      { verb: 'mkdir', instead: 'rule skeleton makes the folders that something reads' },
      { verb: 'ln', instead: 'rule skeleton makes /var/run, /var/lock and the merged /bin, /lib, /lib64, /sbin' },
      { verb: 'chown', instead: 'rule skeleton states owner and mode of each entry; no log file is made' },
      { verb: 'chmod', instead: 'rule skeleton states owner and mode of each entry; no log file is made' },
      { verb: 'cp', instead: 'profile files are for shells; the runtime variant has none' },
      { verb: 'mv', instead: 'moves only happen when an installed system is converted' },
      { verb: 'dpkg-divert', instead: 'removes a diversion of an older release; a new image has none' },
    ],
    skipDependencies: { awk: 'Pre-Depends for scripts of an upgrade; nothing in the image calls it' },
  },
  'ca-certificates': {
    scripts: ['postinst', 'triggers', 'config'],
    would:
      'ask which authorities to trust (default: all of Mozilla’s), write ca-certificates.conf and run update-ca-certificates',
    effects: [
      { verb: 'update-ca-certificates', instead: 'rule ca-bundle writes the bundle, the links and their hashes' },
      { verb: 'mkdir', instead: '/usr/local/share/ca-certificates is for later additions; a derived image makes it' },
      { verb: 'chmod', instead: 'as for mkdir' },
      { verb: 'chown', instead: 'as for mkdir' },
      { verb: 'dpkg-statoverride', instead: 'reads local overrides; a new image has none' },
      { verb: 'mv', instead: 'replaces an older ca-certificates.conf; rule ca-bundle writes it' },
      { verb: 'cat >', instead: 'rule ca-bundle writes ca-certificates.conf' },
    ],
    skipDependencies: {
      openssl: 'only for `openssl rehash` in update-ca-certificates, which rule ca-bundle replaces',
      debconf: 'only for the question which authorities to trust',
      'debconf-2.0': 'only for the question which authorities to trust',
    },
  },
  libatomic1: ldconfigTrigger,
  libcrypt1: ldconfigTrigger,
  'libgcc-s1': ldconfigTrigger,
  'libstdc++6': ldconfigTrigger,
  libc6: {
    scripts: ['preinst', 'postinst', 'triggers'],
    would: 'restart services after an upgrade, check the kernel, and ask for ldconfig',
    effects: [
      { verb: 'ldconfig', instead: 'rule ld-so-cache writes /etc/ld.so.cache from the libraries in the image' },
      { verb: 'invoke-rc.d', instead: 'an image has no services to restart' },
      { verb: 'systemctl', instead: 'an image has no services to restart' },
      { verb: 'dpkg-divert', instead: 'moves files of older releases aside; a new image has none' },
      { verb: 'ln', instead: 'repairs links of an upgrade; rule skeleton makes them' },
      { verb: 'mv', instead: 'repairs links of an upgrade; rule skeleton makes them' },
      { verb: 'iconvconfig', instead: 'the conversion modules are trimmed; Node.js brings its own' },
      { verb: 'mkdir', instead: 'repairs folders of an upgrade; rule skeleton makes them' },
    ],
  },
  netbase: {
    scripts: ['postinst'],
    would: 'write /etc/hosts, /etc/networks and a sysctl file when there is none',
    effects: [
      { verb: 'cat >', instead: 'the runtime gives each container its own /etc/hosts; sysctl belongs to the host' },
      { verb: 'mkdir', instead: 'as above' },
    ],
  },
  tzdata: {
    scripts: ['preinst', 'postinst', 'config'],
    would: 'ask for the time zone (default: Etc/UTC) and link /etc/localtime to it',
    effects: [
      { verb: 'ln', instead: 'rule time-zone links /etc/localtime to Etc/UTC and writes /etc/timezone' },
      { verb: 'mv', instead: 'as for ln' },
      { verb: 'cp', instead: 'converts the setting of an older release; a new image has none' },
    ],
    skipDependencies: {
      debconf: 'only for the question of the time zone',
      'debconf-2.0': 'only for the question of the time zone',
    },
  },
};

export function isSkippedDependency(owner: string, dependency: string): boolean {
  return packageCatalogue[owner]?.skipDependencies?.[dependency] !== undefined;
}
