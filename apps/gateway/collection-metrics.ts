import type { CollectionRun } from '@dockchains/registry';
import { Counter, Histogram, type Registry } from 'prom-client';

const BUCKETS_SECONDS = [0.01, 0.1, 1, 10, 60, 600];

/** Adds the collection's metrics to a registry, and gives what counts a run of it. */
export function openCollectionMetrics(registry: Registry): (run: CollectionRun, seconds: number) => void {
  const registers = [registry];
  const counter = (name: string, help: string): Counter =>
    new Counter({ name: `dockchains_collection_${name}_total`, help, registers });
  const released = counter('released', 'Blobs and manifests that a repository had and let go of.');
  const files = counter('freed_files', 'Files of digests that no repository had any more.');
  const bytes = counter('freed_bytes', 'Bytes of those files.');
  const duration = new Histogram({
    name: 'dockchains_collection_duration_seconds',
    help: 'Time that a run of the collection took.',
    buckets: BUCKETS_SECONDS,
    registers,
  });
  return (run, seconds) => {
    released.inc(run.released);
    files.inc(run.freedFiles);
    bytes.inc(run.freedBytes);
    duration.observe(seconds);
  };
}
