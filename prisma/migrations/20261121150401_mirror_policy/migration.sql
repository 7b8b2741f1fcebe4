-- How much of peers' repositories is kept here, by patterns of their names with their organisation.
CREATE TABLE "mirror_policy" (
    "pattern" TEXT COLLATE "C" NOT NULL,
    "fetch_mode" TEXT NOT NULL,
    "every_seconds" INTEGER,
    "max_bytes" BIGINT,
    "swept_at" TIMESTAMPTZ(3),
    CONSTRAINT "mirror_policy_pkey" PRIMARY KEY ("pattern")
);
