-- Each row inserted took a FOR KEY SHARE lock on its ledger's row for its foreign key: pushes waited for the sequencer's
-- transaction, and the sequencer for pushes. A ledger's row is never deleted and its id never changes.
ALTER TABLE "ledger_queue" DROP CONSTRAINT "ledger_queue_ledger_id_fkey";
ALTER TABLE "ledger_record" DROP CONSTRAINT "ledger_record_ledger_id_fkey";
ALTER TABLE "ledger_node" DROP CONSTRAINT "ledger_node_ledger_id_fkey";
