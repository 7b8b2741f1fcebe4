-- Up to which index a peer's public ledger is applied to the mirrors of its repositories.
CREATE TABLE "mirror_position" (
    "origin" TEXT COLLATE "C" NOT NULL,
    "next" BIGINT NOT NULL,
    CONSTRAINT "mirror_position_pkey" PRIMARY KEY ("origin")
);
