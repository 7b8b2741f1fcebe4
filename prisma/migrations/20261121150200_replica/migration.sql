-- Another organisation's public log as it is held here. `next` entries are durable: full bundles and tiles in the tile store,
-- the rest in replica_entry; `frontier` and `tails` are the tree of so many. Of the notes, `pending` is being caught up with,
-- `mirrored` is the newest whose entries are all here, under our mirror's `cosignature`, `published` the newest that its
-- organisation published and that the held tree agrees with.
CREATE TABLE "replica" (
    "id" SERIAL NOT NULL,
    "origin" TEXT COLLATE "C" NOT NULL,
    "organisation" TEXT COLLATE "C" NOT NULL,
    "next" BIGINT NOT NULL DEFAULT 0,
    "frontier" BYTEA NOT NULL DEFAULT '',
    "tails" BYTEA NOT NULL DEFAULT '',
    "pending_note" TEXT,
    "mirrored_size" BIGINT NOT NULL DEFAULT 0,
    "mirrored_note" TEXT,
    "cosignature" TEXT,
    "published_size" BIGINT NOT NULL DEFAULT 0,
    "published_note" TEXT,
    "published_at" TIMESTAMPTZ(3),
    "frozen" TEXT,
    "checked_at" TIMESTAMPTZ(3),
    CONSTRAINT "replica_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "replica_origin_key" ON "replica" ("origin");

-- The entries behind the last full bundle, at most 255 of each replica.
CREATE TABLE "replica_entry" (
    "replica_id" INTEGER NOT NULL,
    "index" BIGINT NOT NULL,
    "entry" BYTEA NOT NULL,
    CONSTRAINT "replica_entry_pkey" PRIMARY KEY ("replica_id", "index"),
    CONSTRAINT "replica_entry_replica_id_fkey" FOREIGN KEY ("replica_id") REFERENCES "replica" ("id")
);

-- Proof that a log signed two histories, as a file that verifies alone; by the SHA-256 of its text.
CREATE TABLE "equivocation" (
    "digest" TEXT COLLATE "C" NOT NULL,
    "origin" TEXT COLLATE "C" NOT NULL,
    "proof" TEXT NOT NULL,
    "found_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "equivocation_pkey" PRIMARY KEY ("digest")
);
CREATE INDEX "equivocation_origin_idx" ON "equivocation" ("origin");
