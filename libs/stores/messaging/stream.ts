import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';

import type { Connection } from './connection.ts';
import { MAX_PAYLOAD_BYTES } from './envelope.ts';
import { announcementSubjects, consumerOf, streamOf } from './names.ts';

const MAX_BYTES = 256 * 2 ** 20;
const MAX_AGE_MS = 24 * 3_600_000;
const DUPLICATE_WINDOW_MS = 120_000;
const HEADER_BYTES = 64 * 1024;
const ACK_WAIT_MS = 30_000;
const MAX_ACK_PENDING = 256;
const NO_CONSUMER = 10_014;

/**
 * Makes the organisation's stream and a durable consumer for each peer, and removes those of who is no peer any more. The
 * stream is bounded: what has aged out, peers fetch over HTTP. May be called again, and by several gateways.
 */
export async function ensureAnnouncements(
  { nats }: Connection,
  { organisation, peers }: { organisation: string; peers: readonly string[] },
): Promise<void> {
  const stream = streamOf(organisation);
  const manager = await jetstreamManager(nats);
  const limits = {
    ...{ max_bytes: MAX_BYTES, max_age: nanos(MAX_AGE_MS), duplicate_window: nanos(DUPLICATE_WINDOW_MS) },
    ...{ max_msg_size: MAX_PAYLOAD_BYTES + HEADER_BYTES, discard: DiscardPolicy.Old },
    subjects: announcementSubjects(organisation),
  };
  try {
    await manager.streams.update(stream, limits);
  } catch (error) {
    if (!(error instanceof JetStreamApiError)) throw error;
    await manager.streams.add({
      ...{ name: stream, retention: RetentionPolicy.Limits, storage: StorageType.File, ...limits },
    });
  }
  const wanted = new Set(peers.map(consumerOf));
  for await (const { name } of manager.consumers.list(stream)) {
    if (!wanted.delete(name)) await dropConsumer(() => manager.consumers.delete(stream, name));
  }
  for (const name of wanted) {
    await manager.consumers.add(stream, {
      ...{ durable_name: name, ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All },
      ...{ ack_wait: nanos(ACK_WAIT_MS), max_ack_pending: MAX_ACK_PENDING },
    });
  }
}

/** Whether the stream and the peers' consumers are there. */
export async function hasAnnouncements(
  { nats }: Connection,
  { organisation, peers }: { organisation: string; peers: readonly string[] },
): Promise<boolean> {
  const missing = new Set(peers.map(consumerOf));
  const manager = await jetstreamManager(nats, { checkAPI: false });
  try {
    for await (const { name } of manager.consumers.list(streamOf(organisation))) missing.delete(name);
    return missing.size === 0;
  } catch (error) {
    if (error instanceof JetStreamApiError) return false;
    throw error;
  }
}

/** Another gateway may have been first. */
const dropConsumer = async (remove: () => Promise<unknown>): Promise<void> => {
  try {
    await remove();
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === NO_CONSUMER)) throw error;
  }
};
