import type { Answer, World } from './world.ts';

/** How an error's body is written: distribution-spec, Error Codes; GraphQL over HTTP; RFC 6749 §5.2; plain text; or no body. */
export type BodyShape = 'oci' | 'graphql' | 'oauth' | 'text' | 'none';

/** One rule of one route: what breaks it, and the error that the named section asks for. */
export interface Rule {
  readonly route: string;
  readonly rule: string;
  /** Of the specification, or of the design. */
  readonly section: string;
  readonly status: number;
  /** The error's code; undefined where the shape has none. */
  readonly code?: string;
  readonly shape?: BodyShape;
  /** Brings the world to where the rule can be broken, before it is compared; what it gives is handed to `send`. */
  readonly prepare?: (world: World) => Promise<string>;
  readonly send: (world: World, prepared: string) => Promise<Answer>;
}

/** Names sections once. */
export const SECTIONS = {
  pulling: 'distribution-spec 1.1.1, Pulling manifests',
  pullingBlobs: 'distribution-spec 1.1.1, Pulling blobs',
  pushingManifests: 'distribution-spec 1.1.1, Pushing manifests',
  pushingTags: 'distribution-spec main, Pushing manifests with tags',
  pushingBlobs: 'distribution-spec 1.1.1, Pushing blobs',
  chunks: 'distribution-spec 1.1.1, Pushing a blob in chunks',
  cancelling: 'distribution-spec main, Cancel a blob upload',
  algorithm: 'distribution-spec main, Pushing blobs (digest-algorithm)',
  mounting: 'distribution-spec 1.1.1, Mounting a blob from another repository',
  tags: 'distribution-spec 1.1.1, Listing tags',
  referrers: 'distribution-spec 1.1.1, Listing referrers',
  deleting: 'distribution-spec 1.1.1, Content management',
  errors: 'distribution-spec 1.1.1, Error codes',
  history: 'distribution-spec, pull request 606 (tag history)',
  proxying: 'distribution-spec main, Registry proxying',
  digests: 'image-spec 1.1, Descriptors (digests)',
  descriptors: 'image-spec 1.1, Descriptors',
  image: 'image-spec 1.1, Image manifest',
  index: 'image-spec 1.1, Image index',
  ranges: 'RFC 9110 §14.2, Range',
  json: 'RFC 8259 §4, Objects',
  methods: 'RFC 9110 §15.5.6, 405 Method not allowed',
  tokens: 'Docker token authentication',
  oauth: 'RFC 6749 §5.2',
  bearer: 'RFC 6750 §3.1',
  graphql: 'GraphQL over HTTP',
  limits: 'design §7, limits of depth, aliases, cost',
  lists: 'design §7, Relay connections',
  tiles: 'C2SP tlog-tiles',
  bounded: 'design §8, Bounded',
  decision: 'design §8, One decision point',
} as const;
