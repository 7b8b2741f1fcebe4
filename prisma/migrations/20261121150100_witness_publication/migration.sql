-- The head that peers are asked to cosign, one of a ledger at a time: those signed behind it wait until it is published.
CREATE TABLE "announced_head" (
    "ledger_id" INTEGER NOT NULL,
    "size" BIGINT NOT NULL,
    "root" BYTEA NOT NULL CHECK (octet_length("root") = 32),
    "note" TEXT NOT NULL,
    "announced_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "announced_head_pkey" PRIMARY KEY ("ledger_id")
);

-- Verified cosignatures of the announced and of the published head, the latest of each key; `key` is its name and id, `line` a line of
-- the note, `timestamp` in it, POSIX seconds.
CREATE TABLE "head_cosignature" (
    "ledger_id" INTEGER NOT NULL,
    "size" BIGINT NOT NULL,
    "key" TEXT COLLATE "C" NOT NULL,
    "line" TEXT NOT NULL,
    "timestamp" BIGINT NOT NULL,
    CONSTRAINT "head_cosignature_pkey" PRIMARY KEY ("ledger_id", "size", "key")
);

-- Who has ever cosigned a ledger of ours, by the key's name: a peer counts in the quorum from then on.
CREATE TABLE "cosigner" (
    "ledger_id" INTEGER NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,
    "last_size" BIGINT NOT NULL,
    CONSTRAINT "cosigner_pkey" PRIMARY KEY ("ledger_id", "name")
);

-- What this organisation's witness last cosigned of another's log. Never deleted, also when the peer is removed: a witness that
-- begins anew could be made to cosign a fork. `note` carries our cosignature.
CREATE TABLE "witnessed_head" (
    "origin" TEXT COLLATE "C" NOT NULL,
    "size" BIGINT NOT NULL,
    "root" BYTEA NOT NULL CHECK (octet_length("root") = 32),
    "note" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "witnessed_head_pkey" PRIMARY KEY ("origin")
);
