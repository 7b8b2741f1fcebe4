import type { LedgerRecord } from './record.ts';

/**
 * One sentence that says exactly what an included record proves, and what it does not (design: "what it says is
 * exact").
 */
export function describeRecord(record: LedgerRecord, index: bigint): string {
  const who = record.principal === undefined ? 'an unnamed principal' : `principal ${record.principal}`;
  const where = `${record.organisation} recorded at index ${index} that ${who}`;
  const { repository, digest } = record;
  switch (record.kind) {
    case 'tag-set':
      return `${where} set ${repository}:${record.tag} to ${digest}; later moves are not excluded`;
    case 'manifest-published':
      return `${where} published ${digest} in ${repository}; a later deletion is not excluded`;
    case 'tag-deleted':
      return `${where} deleted the tag ${repository}:${record.tag}, which was ${digest}; a later re-creation is not excluded`;
    case 'manifest-deleted':
      return `${where} deleted ${digest} from ${repository}; a later re-publication is not excluded`;
    case 'referrer-attached':
      return `${where} attached ${digest} to ${record.referrerOf} in ${repository}; a later deletion is not excluded`;
  }
}
