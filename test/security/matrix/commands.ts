/** Who gets something from a command: those who may pull from the repository, operators, the signed in, or everybody. */
export type CommandNeed = 'pull' | 'operator' | 'account' | 'nothing';

/** A command line about a repository; those for operators change nothing, whoever runs them. */
export interface CommandRow {
  readonly need: CommandNeed;
  /** The exit code for those who get an answer, 0 unless it says otherwise; where `need` is `nothing`. */
  readonly exitCode?: number;
  /** What follows the command's own words. `image` is `<host>/<repository>:1.0`. */
  readonly args: (target: {
    host: string;
    image: string;
    policy: string;
    username: string;
  }) => readonly string[];
}

const registry = ({ host }: { host: string }): readonly string[] => ['-r', host];
const operator = (...words: readonly string[]): CommandRow => ({
  need: 'operator',
  args: (target) => [...words, ...registry(target)],
});
const trusted = ({ image, policy }: { image: string; policy: string }) => [image, '--policy', policy];
const untagged = ({ image }: { image: string }): readonly string[] => [
  image.slice(0, image.lastIndexOf(':')),
];

/** Every command of the program, by its words. */
export const COMMANDS: Readonly<Record<string, CommandRow>> = {
  login: {
    need: 'account',
    args: ({ host, username }) => [host, '--username', username, '--password-stdin'],
  },
  'account list': operator(),
  'account add': operator('UPPER', '--generate'),
  'account passwd': operator('nobody', '--generate'),
  'account disable': operator('nobody'),
  'account enable': operator('nobody'),
  'account allow': operator('nobody', 'hidden/**', 'pull'),
  'account revoke': operator('nobody', 'hidden/**'),
  'account robot list': operator(),
  'account robot add': operator('UPPER'),
  'account robot rotate': operator('nobody'),
  'account robot revoke': operator('nobody'),
  'repo list': { need: 'nothing', args: registry },
  'repo show': { need: 'pull', args: untagged },
  'repo tags': { need: 'pull', args: untagged },
  // To what it is.
  'repo visibility': {
    need: 'operator',
    args: ({ image }) => [...untagged({ image }), 'public'],
  },
  'repo rule list': operator(),
  'repo rule set': operator('UPPER', 'public'),
  'repo rule remove': operator('hidden/none'),
  collect: operator('--dry-run'),
  'repo immutable list': operator(),
  'repo immutable add': operator('UPPER', '1.0'),
  'repo immutable remove': operator('hidden/none', '1.0'),
  search: { need: 'nothing', args: ({ host }) => ['hidden', ...registry({ host })] },
  'catalog rebuild': operator(),
  'peer list': { need: 'nothing', args: registry },
  'peer add': operator('none', '--fingerprint', 'none'),
  'peer show': {
    need: 'nothing',
    exitCode: 2,
    args: ({ host }) => ['nobody.example', ...registry({ host })],
  },
  'mirror list': operator(),
  'mirror set': operator('***', '--fetch', 'never'),
  'mirror remove': operator('nobody.example/none'),
  'peer remove': operator('nobody.example'),
  'messages list': operator(),
  'messages show': operator('1'),
  'messages replay': operator('1'),
  'messages drop': operator('1'),
  inspect: { need: 'pull', args: ({ image }) => [image] },
  prove: { need: 'pull', args: trusted },
  verify: { need: 'pull', args: trusted },
  audit: { need: 'nothing', args: ({ host, policy }) => [`http://${host}/log/public`, '--policy', policy] },
  status: { need: 'nothing', args: ({ host }) => [host] },
};
