-- What the organisation says of itself, signed; never changed once it is here.
CREATE TABLE "descriptor" (
    "number" INTEGER NOT NULL,
    "envelope" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "descriptor_pkey" PRIMARY KEY ("number")
);

-- Grows with each change of a peer, so that gateways find what changed by one small question.
CREATE SEQUENCE "peer_revision";

CREATE TABLE "peer" (
    "organisation" TEXT COLLATE "C" NOT NULL,
    "url" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "envelope" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "mutual" BOOLEAN NOT NULL DEFAULT false,
    "added_at" TIMESTAMPTZ(3) NOT NULL,
    "removed_at" TIMESTAMPTZ(3),
    "seen_at" TIMESTAMPTZ(3) NOT NULL,
    "revision" BIGINT NOT NULL,
    CONSTRAINT "peer_pkey" PRIMARY KEY ("organisation"),
    CONSTRAINT "peer_state_check" CHECK (("state" = 'active') = ("removed_at" IS NULL) AND "state" IN ('active', 'removed'))
);
CREATE INDEX "peer_revision_idx" ON "peer" ("revision");
