import type { World } from './world.ts';

/** Who gets a root field's value: those who may pull from the repository, operators, or everybody. */
export type FieldNeed = 'pull' | 'operator' | 'nothing';

/** A root field with arguments about a repository; those of mutations change nothing, whoever sends them. */
export interface FieldRow {
  readonly need: FieldNeed;
  readonly args?: (repository: string, world: World) => string;
}

const text = JSON.stringify;
const ORIGIN = 'acme.example/ledger/public';

/** Every field of `Query`. */
export const QUERIES: Readonly<Record<string, FieldRow>> = {
  artifact: { need: 'pull', args: (repository) => `reference: ${text(`${repository}:1.0`)}` },
  artifacts: { need: 'nothing', args: (_, { secret }) => `digest: ${text(secret.descriptor.digest)}` },
  repositories: { need: 'nothing', args: () => 'first: 5' },
  search: { need: 'nothing', args: (repository) => `text: ${text(repository)}` },
  catalog: { need: 'nothing' },
  peers: { need: 'nothing' },
  peer: { need: 'nothing', args: () => 'organisation: "globex.example"' },
  record: { need: 'nothing', args: () => `id: ${text('0'.repeat(32))}` },
  ledger: { need: 'nothing', args: () => `origin: ${text(ORIGIN)}` },
  viewer: { need: 'nothing' },
  accounts: { need: 'operator' },
  namespaceRules: { need: 'operator' },
  immutableTagRules: { need: 'operator' },
  mirrorPolicies: { need: 'operator' },
  closedLedgers: { need: 'nothing' },
  equivocations: { need: 'nothing' },
  undecidedHeads: { need: 'nothing' },
  deadLetters: { need: 'operator' },
  deadLetterCount: { need: 'operator' },
  _service: { need: 'nothing' },
  _entities: {
    need: 'nothing',
    args: (repository, { image }) =>
      `representations: [{ __typename: "Artifact", id: ${text(`${repository}@${image.descriptor.digest}`)} }]`,
  },
};

/** Every field of `Mutation`: each is for operators. */
export const MUTATIONS: Readonly<Record<string, FieldRow>> = {
  createAccount: { need: 'operator', args: () => 'username: "", password: "long-enough-1"' },
  setPassword: { need: 'operator', args: () => 'username: "nobody", password: "long-enough-1"' },
  disableAccount: { need: 'operator', args: () => 'username: "nobody"' },
  enableAccount: { need: 'operator', args: () => 'username: "nobody"' },
  setPolicy: {
    need: 'operator',
    args: (repository) => `username: "nobody", pattern: ${text(repository)}, actions: [PULL]`,
  },
  removePolicy: {
    need: 'operator',
    args: (repository) => `username: "nobody", pattern: ${text(repository)}`,
  },
  setNamespaceRule: { need: 'operator', args: () => 'pattern: "NONE", visibility: PUBLIC' },
  removeNamespaceRule: { need: 'operator', args: (repository) => `pattern: ${text(`${repository}/none`)}` },
  addImmutableTagRule: { need: 'operator', args: () => 'pattern: "NONE", tags: "1.0"' },
  removeImmutableTagRule: {
    need: 'operator',
    args: (repository) => `pattern: ${text(`${repository}/none`)}, tags: "1.0"`,
  },
  setRepositoryVisibility: {
    need: 'operator',
    args: (repository) => `repository: ${text(repository)}, visibility: PROTECTED`,
  },
  collect: { need: 'operator', args: () => 'dryRun: true' },
  addPeer: { need: 'operator', args: () => `url: "none", fingerprint: "none"` },
  removePeer: { need: 'operator', args: () => 'organisation: "nobody.example"' },
  setMirrorPolicy: { need: 'operator', args: () => 'pattern: "***", fetch: NEVER' },
  removeMirrorPolicy: { need: 'operator', args: () => 'pattern: "nobody.example/none"' },
  replayDeadLetter: { need: 'operator', args: () => 'id: "1"' },
  dropDeadLetter: { need: 'operator', args: () => 'id: "1"' },
  // What it builds anew is what was there.
  rebuildCatalog: { need: 'operator' },
  createRobot: { need: 'operator', args: () => 'name: "", validHours: 1' },
  rotateRobot: { need: 'operator', args: () => 'name: "nobody", validHours: 1' },
  revokeRobot: { need: 'operator', args: () => 'name: "nobody"' },
};

/**
 * Every field of every other object, by who may see it: those who were given the object, since the field that gave it has
 * asked; or readers of the repository, asked anew.
 */
export const FIELDS: Readonly<
  Record<string, { readonly given: readonly string[]; readonly anew?: readonly string[] }>
> = {
  Repository: { given: ['name', 'organisation', 'visibility', 'createdAt'], anew: ['tags', 'tagHistory'] },
  Tag: { given: ['name', 'digest', 'recordId', 'updatedAt'], anew: ['record'] },
  TagEvent: {
    given: ['kind', 'digest', 'mediaType', 'size', 'at', 'recordId', 'index'],
    anew: ['record'],
  },
  Artifact: {
    given: ['id', 'repository', 'organisation', 'digest', 'mediaType', 'size', 'tag', 'publishedAt', 'index'],
    anew: ['record'],
  },
  Record: { given: ['id', 'origin', 'kind', 'index', 'state', 'entry', 'statement', 'proof'] },
  Ledger: {
    given: [
      ...['origin', 'verifierKey', 'size', 'publishedSize', 'queued', 'frozen', 'waitingSince'],
      'checkpoint',
    ],
    anew: ['entries'],
  },
  Peer: {
    given: [
      'organisation',
      'url',
      'fingerprint',
      'state',
      'descriptorNumber',
      'registry',
      'addedAt',
      'seenAt',
      'connected',
      'replica',
    ],
  },
  Replica: {
    given: [
      ...['origin', 'held', 'publishedSize', 'publishedAt', 'checkedAt'],
      ...['frozen', 'equivocation'],
    ],
  },
  ClosedLedger: { given: ['organisation', 'origin', 'successor', 'size', 'kept', 'closedAt', 'held'] },
  Equivocation: { given: ['origin', 'foundAt', 'byRevokedKey', 'proof'] },
  UndecidedHead: {
    given: [
      ...['origin', 'shownBy', 'heldSize', 'shownSize', 'since', 'isUnexplained', 'isWithheld'],
      ...['answer', 'file'],
    ],
  },
  DeadLetter: { given: ['id', 'organisation', 'subject', 'reason', 'buriedAt', 'bytes', 'beginning'] },
  MirrorPolicy: { given: ['pattern', 'fetch', 'everySeconds', 'maxBytes'] },
  Catalog: { given: ['rebuilding', 'ledgers'] },
  CatalogLedger: { given: ['origin', 'organisation', 'publishedSize', 'consumed', 'lag', 'rebuilt'] },
  Viewer: { given: ['username', 'principalId', 'policies'] },
  Account: { given: ['username', 'principalId', 'kind', 'disabled', 'expiresAt', 'policies'] },
  Policy: { given: ['pattern', 'actions'] },
  NamespaceRule: { given: ['pattern', 'visibility'] },
  ImmutableTagRule: { given: ['pattern', 'tags'] },
  RepositoryVisibility: { given: ['repository', 'visibility', 'manifests', 'tags'] },
  CollectionStep: { given: ['items', 'freedFiles', 'freedBytes', 'next'] },
  CollectedItem: { given: ['kind', 'repository', 'digest', 'size'] },
  RobotSecret: { given: ['account', 'secret'] },
  PageInfo: { given: ['hasNextPage', 'hasPreviousPage', 'startCursor', 'endCursor'] },
  _Service: { given: ['sdl'] },
};

/** Arguments that fields below the root can't do without. */
export const REQUIRED_ARGUMENTS: Readonly<Record<string, string>> = { 'Repository.tagHistory': 'tag: "1.0"' };
