import type { LedgerRecord } from './record.ts';

/**
 * One sentence that says exactly what an included record proves, and what it does not (design: "what it says is
 * exact").
 */
export function describeRecord(record: LedgerRecord, index: bigint): string {
  if (record.kind === 'scope-opened') {
    return `${record.organisation} recorded at index ${index} that it opened the scope ${record.scopeId}; of which repository, and what it holds, is not said`;
  }
  if (record.kind === 'scope-closed') {
    return `${record.organisation} recorded at index ${index} that it closed the scope ${record.scopeId} after ${record.count} records; that there are as many is for an audit to find`;
  }
  if (record.kind === 'key-added') {
    return `${record.organisation} recorded at index ${index} that it made ${record.key} its ${record.role} key, by its descriptor ${record.number}; a later replacement is not excluded`;
  }
  if (record.kind === 'key-revoked') {
    return `${record.organisation} recorded at index ${index} that it ${record.state} its ${record.role} key ${record.key}, by its descriptor ${record.number}; what the key signs later is not excluded`;
  }
  if (record.kind === 'ledger-closed') {
    return `${record.organisation} recorded at index ${index} that it closed ${record.origin}, of whose ${record.size} known entries it has ${record.kept}, and goes on in ${record.successor}; that it had more is not excluded`;
  }
  const who = record.principal === undefined ? 'an unnamed principal' : `principal ${record.principal}`;
  const where = `${record.organisation} recorded at index ${index} that ${who}`;
  switch (record.kind) {
    case 'tag-set':
      return `${where} set ${record.repository}:${record.tag} to ${record.digest}; later moves are not excluded`;
    case 'manifest-published':
      return `${where} published ${record.digest} in ${record.repository}; a later deletion is not excluded`;
    case 'tag-deleted':
      return `${where} deleted the tag ${record.repository}:${record.tag}, which was ${record.digest}; a later re-creation is not excluded`;
    case 'manifest-deleted':
      return `${where} deleted ${record.digest} from ${record.repository}; a later re-publication is not excluded`;
    case 'referrer-attached':
      return `${where} attached ${record.digest} to ${record.referrerOf} in ${record.repository}; a later deletion is not excluded`;
    case 'repository-withdrawn':
      return `${where} withdrew ${record.repository} from the public; copies that others made are not excluded`;
    case 'collection-run':
      return `${where} removed ${record.blobs} unused blobs of ${record.bytes} bytes; which ones is not said`;
  }
}
