-- Most manifests have no subject, and who asks by subject names one.
DROP INDEX "manifest_repository_id_subject_digest_idx";
CREATE INDEX "manifest_repository_id_subject_digest_idx" ON "manifest"("repository_id", "subject", "digest")
    WHERE "subject" IS NOT NULL;

-- Whoever asks by position names the ledger too: one index does for what two did.
DROP INDEX "ledger_queue_ledger_id_position_idx";
ALTER TABLE "ledger_queue" DROP CONSTRAINT "ledger_queue_pkey";
ALTER TABLE "ledger_queue" ADD CONSTRAINT "ledger_queue_pkey" PRIMARY KEY ("ledger_id", "position");
