import type { Descriptor } from '@dockchains/identity';

/** Another organisation, whose certificate was pinned by its fingerprint. */
export type Peer = {
  readonly organisation: string;
  /** Root of its gateway, without a slash at the end. */
  readonly url: string;
  /** Of its OpenPGP certificate: 40 hexadecimal digits, uppercase. */
  readonly fingerprint: string;
  readonly state: 'active' | 'removed';
  /** Whether it has us among its peers; until then it is asked again and again. */
  readonly mutual: boolean;
  readonly addedAt: Date;
  /** When its descriptor was last fetched. */
  readonly seenAt: Date;
  /** The newest descriptor of it that was verified. */
  readonly descriptor: Descriptor;
};

/** The organisations that this one federates with; every gateway of the organisation sees a change within a second. */
export interface Peers {
  /** Those that are peers now, in the order of their names. */
  list(): Promise<readonly Peer[]>;
  /** Also those that were removed: what was witnessed for them is never forgotten. */
  all(): Promise<readonly Peer[]>;
  /** The active peer of this name. */
  find(organisation: string): Promise<Peer | undefined>;
  /**
   * Makes the organisation whose gateway answers at `url` a peer, if its descriptor is signed by the certificate of this
   * fingerprint; one that was removed comes back, one that is there gets the new address.
   * @throws FederationError PEER_UNREACHABLE, PEER_REFUSED
   */
  add(request: { readonly url: string; readonly fingerprint: string }): Promise<Peer>;
  /** Ends the peering on this side. @throws FederationError PEER_UNKNOWN */
  remove(organisation: string): Promise<Peer>;
  /** Fetches a peer's descriptor now, since a signature by an unknown key was met; not again within a second. */
  refresh(organisation: string): Promise<void>;
  /** Calls the listener after the set of active peers or a descriptor has changed; gives the function that ends it. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}
