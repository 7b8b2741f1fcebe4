-- Names and digests are compared byte by byte (OCI distribution-spec, Listing Tags: lexical order), so their
-- columns carry COLLATE "C" whatever the cluster's locale is.

CREATE TABLE "account" (
    "id" TEXT NOT NULL,
    "username" TEXT COLLATE "C" NOT NULL,
    "password_hash" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "disabled_at" TIMESTAMPTZ(3),
    CONSTRAINT "account_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "account_username_key" ON "account"("username");

CREATE TABLE "policy" (
    "principal_id" TEXT NOT NULL,
    "pattern" TEXT COLLATE "C" NOT NULL,
    "actions" TEXT[],
    CONSTRAINT "policy_pkey" PRIMARY KEY ("principal_id", "pattern"),
    CONSTRAINT "policy_principal_id_fkey" FOREIGN KEY ("principal_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "namespace_rule" (
    "pattern" TEXT COLLATE "C" NOT NULL,
    "visibility" TEXT NOT NULL CHECK ("visibility" IN ('public', 'protected', 'private')),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "namespace_rule_pkey" PRIMARY KEY ("pattern")
);

CREATE TABLE "repository" (
    "id" SERIAL NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "visibility" TEXT NOT NULL CHECK ("visibility" IN ('public', 'protected', 'private')),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "repository_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "repository_name_key" ON "repository"("name");

CREATE TABLE "blob" (
    "digest" TEXT COLLATE "C" NOT NULL,
    "size" BIGINT NOT NULL CHECK ("size" >= 0),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "blob_pkey" PRIMARY KEY ("digest")
);

CREATE TABLE "repository_blob" (
    "repository_id" INTEGER NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "linked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "repository_blob_pkey" PRIMARY KEY ("repository_id", "digest"),
    CONSTRAINT "repository_blob_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "repository_blob_digest_fkey" FOREIGN KEY ("digest") REFERENCES "blob"("digest") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "repository_blob_digest_idx" ON "repository_blob"("digest");

CREATE TABLE "manifest" (
    "repository_id" INTEGER NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "media_type" TEXT NOT NULL,
    "size" INTEGER NOT NULL CHECK ("size" >= 0),
    "subject" TEXT COLLATE "C",
    "artifact_type" TEXT,
    "annotations" JSONB,
    "record_id" TEXT NOT NULL,
    "published_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "manifest_pkey" PRIMARY KEY ("repository_id", "digest"),
    CONSTRAINT "manifest_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "manifest_repository_id_subject_digest_idx" ON "manifest"("repository_id", "subject", "digest");
CREATE INDEX "manifest_digest_idx" ON "manifest"("digest");

CREATE TABLE "tag" (
    "repository_id" INTEGER NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "record_id" TEXT NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "tag_pkey" PRIMARY KEY ("repository_id", "name"),
    CONSTRAINT "tag_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "tag_repository_id_digest_fkey" FOREIGN KEY ("repository_id", "digest") REFERENCES "manifest"("repository_id", "digest") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "tag_repository_id_digest_idx" ON "tag"("repository_id", "digest");

CREATE TABLE "upload" (
    "id" TEXT NOT NULL,
    "repository_id" INTEGER NOT NULL,
    "principal_id" TEXT,
    "received" BIGINT NOT NULL DEFAULT 0 CHECK ("received" >= 0),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "upload_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "upload_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "upload_expires_at_idx" ON "upload"("expires_at");

CREATE TABLE "ledger" (
    "id" SERIAL NOT NULL,
    "origin" TEXT COLLATE "C" NOT NULL,
    "size" BIGINT NOT NULL DEFAULT 0 CHECK ("size" >= 0),
    "root" BYTEA NOT NULL CHECK (octet_length("root") = 32),
    "frontier" BYTEA NOT NULL CHECK (octet_length("frontier") % 32 = 0),
    CONSTRAINT "ledger_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "ledger_origin_key" ON "ledger"("origin");

CREATE TABLE "ledger_queue" (
    "position" BIGSERIAL NOT NULL,
    "ledger_id" INTEGER NOT NULL,
    "record_id" TEXT COLLATE "C" NOT NULL,
    "entry" BYTEA NOT NULL CHECK (octet_length("entry") <= 65535),
    "queued_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "ledger_queue_pkey" PRIMARY KEY ("position"),
    CONSTRAINT "ledger_queue_ledger_id_fkey" FOREIGN KEY ("ledger_id") REFERENCES "ledger"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "ledger_queue_ledger_id_record_id_key" ON "ledger_queue"("ledger_id", "record_id");
CREATE INDEX "ledger_queue_ledger_id_position_idx" ON "ledger_queue"("ledger_id", "position");

CREATE TABLE "ledger_entry" (
    "ledger_id" INTEGER NOT NULL,
    "index" BIGINT NOT NULL,
    "record_id" TEXT COLLATE "C" NOT NULL,
    "entry" BYTEA NOT NULL CHECK (octet_length("entry") <= 65535),
    "leaf_hash" BYTEA NOT NULL CHECK (octet_length("leaf_hash") = 32),
    CONSTRAINT "ledger_entry_pkey" PRIMARY KEY ("ledger_id", "index")
) PARTITION BY RANGE ("index");
CREATE TABLE "ledger_entry_0" PARTITION OF "ledger_entry" FOR VALUES FROM (0) TO (1048576);

CREATE TABLE "ledger_record" (
    "ledger_id" INTEGER NOT NULL,
    "record_id" TEXT COLLATE "C" NOT NULL,
    "index" BIGINT NOT NULL,
    CONSTRAINT "ledger_record_pkey" PRIMARY KEY ("ledger_id", "record_id"),
    CONSTRAINT "ledger_record_ledger_id_fkey" FOREIGN KEY ("ledger_id") REFERENCES "ledger"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE "ledger_node" (
    "ledger_id" INTEGER NOT NULL,
    "level" SMALLINT NOT NULL CHECK ("level" >= 1),
    "index" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL CHECK (octet_length("hash") = 32),
    CONSTRAINT "ledger_node_pkey" PRIMARY KEY ("ledger_id", "level", "index"),
    CONSTRAINT "ledger_node_ledger_id_fkey" FOREIGN KEY ("ledger_id") REFERENCES "ledger"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE "ledger_batch" (
    "ledger_id" INTEGER NOT NULL,
    "end" BIGINT NOT NULL,
    "start" BIGINT NOT NULL,
    "root" BYTEA NOT NULL CHECK (octet_length("root") = 32),
    CONSTRAINT "ledger_batch_pkey" PRIMARY KEY ("ledger_id", "end"),
    CONSTRAINT "ledger_batch_ledger_id_fkey" FOREIGN KEY ("ledger_id") REFERENCES "ledger"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE "signed_head" (
    "ledger_id" INTEGER NOT NULL,
    "size" BIGINT NOT NULL,
    "root" BYTEA NOT NULL CHECK (octet_length("root") = 32),
    "note" TEXT NOT NULL,
    CONSTRAINT "signed_head_pkey" PRIMARY KEY ("ledger_id"),
    CONSTRAINT "signed_head_ledger_id_fkey" FOREIGN KEY ("ledger_id") REFERENCES "ledger"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE "published_checkpoint" (
    "ledger_id" INTEGER NOT NULL,
    "size" BIGINT NOT NULL,
    "root" BYTEA NOT NULL CHECK (octet_length("root") = 32),
    "note" TEXT NOT NULL,
    "published_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "published_checkpoint_pkey" PRIMARY KEY ("ledger_id"),
    CONSTRAINT "published_checkpoint_ledger_id_fkey" FOREIGN KEY ("ledger_id") REFERENCES "ledger"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
