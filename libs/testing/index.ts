export {
  createDatabaseOn,
  createEmptyDatabase,
  createTestDatabase,
  startPrivatePostgres,
} from './postgres.ts';
export type { PrivatePostgres, TestDatabase } from './postgres.ts';
export { buildImage, buildIndex, buildLayer, contentOf, EMPTY_JSON } from './images.ts';
export type {
  BuiltManifest,
  Content,
  ImageOptions,
  Layer,
  ManifestContent,
  ManifestOptions,
} from './images.ts';
export { tarOf } from './tar.ts';
export type { TarFile } from './tar.ts';
export { serveFiles } from './file-server.ts';
export type { FileServer } from './file-server.ts';
export { buildLog, flipBit, tagSetRecord } from './logs.ts';
export type { BuiltLog, LogOptions } from './logs.ts';
export { sealExample } from './sealed.ts';
export type { SealedExample } from './sealed.ts';
export { addPeer, makePeers } from './peering.ts';
export { runGateway, startGateway } from './gateway.ts';
export type { GatewayOptions, TestAccount, TestGateway } from './gateway.ts';
export { balanceConnections, balanceRequests } from './balancer.ts';
export type { Balancer } from './balancer.ts';
export { startGatewayPair } from './gateways.ts';
export type { GatewayPair } from './gateways.ts';
export { startFederation, startOrganisation } from './federation.ts';
export type { TestFederation, TestOrganisation } from './federation.ts';
export type { LinkMode } from './link.ts';
export { LINKED_STOP_SECONDS, startLinkedFederation } from './linked-federation.ts';
export type { LinkedFederation, LinkedOrganisation } from './linked-federation.ts';
export { createShiftedClock } from './shifted-clock.ts';
export type { ShiftedClock } from './shifted-clock.ts';
export { exhaustLog } from './exhaust-log.ts';
export { findMountObstacle, mountSmallDisk } from './small-disk.ts';
export type { SmallDisk } from './small-disk.ts';
export { freezeProcesses, killProcesses } from './frozen.ts';
export { cutPower } from './power.ts';
export { startRecorder } from './recorder.ts';
export type { Recorder } from './recorder.ts';
export { findFreePort } from './ports.ts';
export { startNats } from './nats.ts';
export type { TestNats } from './nats.ts';
