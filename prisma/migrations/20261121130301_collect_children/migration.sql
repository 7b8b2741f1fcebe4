-- As before, but that a child manifest gets no lease: it can go in the same run as the index that held it.
CREATE OR REPLACE FUNCTION "collect_manifest"(
    p_repository_id INTEGER, p_visibility TEXT, p_digest TEXT, p_before TIMESTAMPTZ, p_at TIMESTAMPTZ, p_until TIMESTAMPTZ,
    p_ledger_id INTEGER, p_scope_id TEXT, p_record_ids TEXT[], p_entries BYTEA[], p_bodies BYTEA[]
) RETURNS BOOLEAN LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_holders TEXT[];
BEGIN
    PERFORM FROM repository r WHERE r.id = p_repository_id AND r.visibility = p_visibility FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- Who tags a holder, or puts one into an index, waits for us or has been seen.
    SELECT array_agg(locked.digest ORDER BY locked.digest) INTO v_holders FROM (
        SELECT m.digest FROM manifest m
        WHERE m.repository_id = p_repository_id
            AND m.digest IN (SELECT h.digest FROM list_holders(p_repository_id, p_digest) AS h)
        ORDER BY m.digest FOR UPDATE
    ) AS locked;
    IF v_holders IS DISTINCT FROM (
        SELECT array_agg(h.digest ORDER BY h.digest) FROM list_holders(p_repository_id, p_digest) AS h
    ) OR EXISTS (SELECT FROM tag t WHERE t.repository_id = p_repository_id AND t.digest = ANY(v_holders))
        OR EXISTS (SELECT FROM manifest_reference f WHERE f.repository_id = p_repository_id AND f.digest = p_digest)
        OR EXISTS (SELECT FROM blob_lease l WHERE l.repository_id = p_repository_id AND l.digest = p_digest AND l.until > p_at)
        OR EXISTS (SELECT FROM manifest m WHERE NOT m.has_references)
        OR NOT EXISTS (
            SELECT FROM manifest m
            WHERE m.repository_id = p_repository_id AND m.digest = p_digest AND m.published_at <= p_before
        ) THEN
        RETURN false;
    END IF;
    INSERT INTO blob_lease AS l (repository_id, digest, until)
        SELECT p_repository_id, needed.digest, p_until FROM (
            SELECT f.digest FROM manifest_reference f
            WHERE f.repository_id = p_repository_id AND f.manifest_digest = p_digest AND NOT EXISTS (
                SELECT FROM manifest m WHERE m.repository_id = f.repository_id AND m.digest = f.digest
            )
            UNION SELECT p_digest
        ) AS needed ORDER BY needed.digest
        ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until);
    DELETE FROM manifest m WHERE m.repository_id = p_repository_id AND m.digest = p_digest;
    PERFORM ledger_enqueue(p_ledger_id, p_scope_id, p_record_ids, p_entries, p_bodies);
    RETURN true;
END $$;
