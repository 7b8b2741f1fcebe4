-- The scopes of sealed records (escrow.md): one repository, one period, at most one open at a time. `repo_salt` and the
-- repository's name are here for the organisation itself; what the ledger shows of a scope is its record.
CREATE TABLE "scope" (
    "scope_id" TEXT COLLATE "C" NOT NULL,
    "ledger_id" INTEGER NOT NULL,
    "repository" TEXT COLLATE "C" NOT NULL,
    -- The repository while the scope takes records, null from then on.
    "open_repository" TEXT COLLATE "C",
    -- When there is something to do: at the end of the period; null once its closing is on record.
    "due_at" TIMESTAMPTZ(3),
    "label" BYTEA NOT NULL,
    "r_point" BYTEA NOT NULL,
    "repo_salt" BYTEA NOT NULL,
    "open_record_id" TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "scope_pkey" PRIMARY KEY ("scope_id"),
    CONSTRAINT "scope_ledger_id_fkey" FOREIGN KEY ("ledger_id") REFERENCES "ledger" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
-- A repeated R within an origin would let one opening open two scopes.
CREATE UNIQUE INDEX "scope_ledger_id_r_point_key" ON "scope" ("ledger_id", "r_point");
CREATE UNIQUE INDEX "scope_open_repository_key" ON "scope" ("open_repository");
CREATE INDEX "scope_due_at_idx" ON "scope" ("due_at");

-- The body of a sealed record, and of the record that opens a scope (its wrapped secret): off the tree.
CREATE TABLE "sealed_record" (
    "ledger_id" INTEGER NOT NULL,
    "record_id" TEXT COLLATE "C" NOT NULL,
    "scope_id" TEXT COLLATE "C" NOT NULL,
    "body" BYTEA NOT NULL,
    CONSTRAINT "sealed_record_pkey" PRIMARY KEY ("ledger_id", "record_id"),
    CONSTRAINT "sealed_record_scope_id_fkey" FOREIGN KEY ("scope_id") REFERENCES "scope" ("scope_id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "sealed_record_scope_id_idx" ON "sealed_record" ("scope_id");
-- Ciphertext does not compress.
ALTER TABLE "sealed_record" ALTER COLUMN "body" SET STORAGE EXTERNAL;

-- As before, and with bodies: the scope is held open until the transaction ends, so that what closes it has seen all of
-- its records. 40001 (serialization_failure) tells the caller that it has closed: prepare anew, under a new one.
CREATE OR REPLACE FUNCTION "ledger_enqueue"(
    p_ledger_id INTEGER, p_scope_id TEXT, p_record_ids TEXT[], p_entries BYTEA[], p_bodies BYTEA[]
) RETURNS VOID LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF p_scope_id IS NOT NULL THEN
        PERFORM FROM scope s WHERE s.scope_id = p_scope_id AND s.open_repository IS NOT NULL FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'The scope has closed.' USING ERRCODE = '40001';
        END IF;
        INSERT INTO sealed_record (ledger_id, record_id, scope_id, body)
            SELECT p_ledger_id, r.record_id, p_scope_id, r.body
            FROM unnest(p_record_ids, p_bodies) AS r (record_id, body);
    END IF;
    INSERT INTO ledger_queue (ledger_id, record_id, entry)
        SELECT p_ledger_id, r.record_id, r.entry
        FROM unnest(p_record_ids, p_entries) WITH ORDINALITY AS r (record_id, entry, n) ORDER BY r.n;
END $$;
