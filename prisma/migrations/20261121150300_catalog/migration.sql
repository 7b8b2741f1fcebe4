-- The searchable view over the ledgers that this organisation holds, own and replicated. All of it can be built anew from them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- One generation is served; a rebuild fills another one beside it, and takes its place when it has caught up.
CREATE TABLE "catalog_generation" (
    "generation" INTEGER NOT NULL,
    "state" TEXT NOT NULL CHECK ("state" IN ('serving', 'building', 'dropped')),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "catalog_generation_pkey" PRIMARY KEY ("generation")
);
INSERT INTO "catalog_generation" ("generation", "state") VALUES (1, 'serving');

-- How far each ledger is consumed. Moves in the transaction of what was consumed.
CREATE TABLE "catalog_position" (
    "generation" INTEGER NOT NULL,
    "origin" TEXT COLLATE "C" NOT NULL,
    "next" BIGINT NOT NULL DEFAULT 0 CHECK ("next" >= 0),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "catalog_position_pkey" PRIMARY KEY ("generation", "origin")
);

-- A repository as one ledger tells of it; "visibility" is the ledger's, and names what may be searched without any right.
CREATE TABLE "catalog_repository" (
    "id" BIGSERIAL NOT NULL,
    "generation" INTEGER NOT NULL,
    "origin" TEXT COLLATE "C" NOT NULL,
    "organisation" TEXT COLLATE "C" NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "visibility" TEXT NOT NULL,
    "source" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_index" BIGINT NOT NULL,
    "document" TSVECTOR NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('simple', regexp_replace("name", '[^a-z0-9]+', ' ', 'g')), 'A')
        || setweight(to_tsvector('simple', regexp_replace("organisation", '[^a-z0-9]+', ' ', 'g')), 'B')
        || setweight(to_tsvector('simple', regexp_replace(lower(COALESCE("source", '')), '[^a-z0-9]+', ' ', 'g')), 'C')
    ) STORED,
    CONSTRAINT "catalog_repository_pkey" PRIMARY KEY ("id")
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX "catalog_repository_generation_origin_name_key" ON "catalog_repository" ("generation", "origin", "name");
CREATE INDEX "catalog_repository_generation_organisation_name_idx" ON "catalog_repository" ("generation", "organisation", "name");
-- What is public has indexes of its own, so that whoever sees no more neither waits for what is hidden nor can measure it.
CREATE INDEX "catalog_repository_public_document_idx" ON "catalog_repository" USING gin ("document") WHERE "visibility" = 'public';
CREATE INDEX "catalog_repository_public_name_idx" ON "catalog_repository" USING gin ("name" gin_trgm_ops) WHERE "visibility" = 'public';
CREATE INDEX "catalog_repository_private_document_idx" ON "catalog_repository" USING gin ("document") WHERE "visibility" <> 'public';
CREATE INDEX "catalog_repository_private_name_idx" ON "catalog_repository" USING gin ("name" gin_trgm_ops) WHERE "visibility" <> 'public';

CREATE TABLE "catalog_tag" (
    "repository_id" BIGINT NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "index" BIGINT NOT NULL,
    "record_id" TEXT COLLATE "C" NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "catalog_tag_pkey" PRIMARY KEY ("repository_id", "name")
);
CREATE INDEX "catalog_tag_repository_id_digest_idx" ON "catalog_tag" ("repository_id", "digest");

CREATE TABLE "catalog_artifact" (
    "repository_id" BIGINT NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "media_type" TEXT NOT NULL,
    "artifact_type" TEXT,
    "size" BIGINT NOT NULL,
    "subject" TEXT COLLATE "C",
    "source" TEXT,
    "index" BIGINT NOT NULL,
    "record_id" TEXT COLLATE "C" NOT NULL,
    "published_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "catalog_artifact_pkey" PRIMARY KEY ("repository_id", "digest")
);
CREATE INDEX "catalog_artifact_digest_idx" ON "catalog_artifact" ("digest");
