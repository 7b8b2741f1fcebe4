-- Queues entries in the order given, last of all that a transaction does: positions follow it, because the defaults are
-- taken as the rows are inserted.
CREATE FUNCTION "ledger_enqueue"(
    p_ledger_id INTEGER, p_scope_id TEXT, p_record_ids TEXT[], p_entries BYTEA[], p_bodies BYTEA[]
) RETURNS VOID LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO ledger_queue (ledger_id, record_id, entry)
        SELECT p_ledger_id, r.record_id, r.entry
        FROM unnest(p_record_ids, p_entries) WITH ORDINALITY AS r (record_id, entry, n) ORDER BY r.n;
END $$;

-- Before a manifest's bytes go into the blob store: gives what it needs and the repository does not have, or else the
-- record of the manifest, if it is there, and a lease if it is not. Nothing is written where something is missing.
-- The commit is not waited for on disk: what a lost lease protected has not been acknowledged.
CREATE FUNCTION "lease_manifest"(
    p_name TEXT, p_visibility TEXT, p_digest TEXT, p_blobs TEXT[], p_manifests TEXT[], p_until TIMESTAMPTZ,
    OUT repository_id INTEGER, OUT missing TEXT, OUT record_id TEXT, OUT has_references BOOLEAN
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_id INTEGER;
BEGIN
    SELECT r.id INTO v_id FROM repository r WHERE r.name = p_name;
    missing := (
        SELECT n.digest FROM unnest(p_blobs) WITH ORDINALITY AS n (digest, ordinal)
        WHERE NOT EXISTS (SELECT FROM repository_blob l WHERE l.repository_id = v_id AND l.digest = n.digest)
        ORDER BY n.ordinal LIMIT 1
    );
    IF missing IS NULL AND cardinality(p_manifests) > 0 THEN
        missing := (
            SELECT n.digest FROM unnest(p_manifests) WITH ORDINALITY AS n (digest, ordinal)
            WHERE NOT EXISTS (SELECT FROM manifest m WHERE m.repository_id = v_id AND m.digest = n.digest)
            ORDER BY n.ordinal LIMIT 1
        );
    END IF;
    IF missing IS NOT NULL THEN
        RETURN;
    END IF;

    PERFORM set_config('synchronous_commit', 'off', true);
    IF v_id IS NULL THEN
        INSERT INTO repository (name, visibility) VALUES (p_name, p_visibility) ON CONFLICT (name) DO NOTHING;
        SELECT r.id INTO v_id FROM repository r WHERE r.name = p_name;
    END IF;
    repository_id := v_id;
    SELECT m.record_id, m.has_references INTO record_id, has_references
        FROM manifest m WHERE m.repository_id = v_id AND m.digest = p_digest;
    IF NOT FOUND THEN
        INSERT INTO blob_lease AS l (repository_id, digest, until) VALUES (v_id, p_digest, p_until)
            ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until);
        -- A removal that began before the lease could be seen holds this row until the file is gone.
        PERFORM FROM blob b WHERE b.digest = p_digest FOR KEY SHARE;
    END IF;
END $$;

-- Stores a manifest whose bytes are in the blob store, moves tags, and queues the records that say so: one statement, one
-- commit. The caller has read what is there before: where that is no longer so, 40001 (serialization_failure) undoes all,
-- and the caller reads anew. Content that is missing is named, and nothing is written then.
-- Locks: repository, blobs by digest, child manifests by digest, the manifest, tags by name, the ledger's queue last.
CREATE FUNCTION "put_manifest"(
    p_repository_id INTEGER, p_visibility TEXT,
    -- The manifest; its row is as it was read if the record is known, and is written under the new record if not.
    p_digest TEXT, p_media_type TEXT, p_size INTEGER, p_subject TEXT, p_artifact_type TEXT, p_annotations JSONB,
    p_known_record_id TEXT, p_new_record_id TEXT, p_at TIMESTAMPTZ,
    p_blobs TEXT[], p_manifests TEXT[],
    -- Tags by name; the digest that each was read with, null if it was not there; the record of its move.
    p_tags TEXT[], p_previous TEXT[], p_tag_record_ids TEXT[],
    p_ledger_id INTEGER, p_scope_id TEXT, p_record_ids TEXT[], p_entries BYTEA[], p_bodies BYTEA[],
    OUT missing TEXT
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_locked INTEGER;
    v_has_references BOOLEAN := false;
BEGIN
    PERFORM FROM repository r WHERE r.id = p_repository_id AND r.visibility = p_visibility FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The repository has changed.' USING ERRCODE = '40001';
    END IF;

    IF cardinality(p_blobs) > 0 THEN
        SELECT count(*) INTO v_locked FROM (
            SELECT FROM repository_blob l WHERE l.repository_id = p_repository_id AND l.digest = ANY(p_blobs)
            ORDER BY l.digest FOR KEY SHARE
        ) AS locked;
        IF v_locked < cardinality(p_blobs) THEN
            missing := (
                SELECT n.digest FROM unnest(p_blobs) AS n (digest)
                WHERE NOT EXISTS (SELECT FROM repository_blob l WHERE l.repository_id = p_repository_id AND l.digest = n.digest)
                LIMIT 1
            );
            IF missing IS NULL THEN
                RAISE EXCEPTION 'A blob has come back.' USING ERRCODE = '40001';
            END IF;
            RETURN;
        END IF;
    END IF;
    IF cardinality(p_manifests) > 0 THEN
        SELECT count(*) INTO v_locked FROM (
            SELECT FROM manifest m WHERE m.repository_id = p_repository_id AND m.digest = ANY(p_manifests)
            ORDER BY m.digest FOR KEY SHARE
        ) AS locked;
        IF v_locked < cardinality(p_manifests) THEN
            missing := (
                SELECT n.digest FROM unnest(p_manifests) AS n (digest)
                WHERE NOT EXISTS (SELECT FROM manifest m WHERE m.repository_id = p_repository_id AND m.digest = n.digest)
                LIMIT 1
            );
            IF missing IS NULL THEN
                RAISE EXCEPTION 'A manifest has come back.' USING ERRCODE = '40001';
            END IF;
            RETURN;
        END IF;
    END IF;

    IF p_known_record_id IS NULL THEN
        INSERT INTO blob (digest, size) VALUES (p_digest, p_size) ON CONFLICT (digest) DO NOTHING;
        INSERT INTO manifest (repository_id, digest, media_type, size, subject, artifact_type, annotations, record_id,
                              published_at, has_references)
            VALUES (p_repository_id, p_digest, p_media_type, p_size, p_subject, p_artifact_type, p_annotations,
                    p_new_record_id, p_at, true)
            ON CONFLICT (repository_id, digest) DO NOTHING;
    ELSE
        SELECT m.has_references INTO v_has_references FROM manifest m
            WHERE m.repository_id = p_repository_id AND m.digest = p_digest AND m.record_id = p_known_record_id
            FOR KEY SHARE;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The manifest has changed.' USING ERRCODE = '40001';
    END IF;
    IF NOT v_has_references THEN
        INSERT INTO manifest_reference (repository_id, manifest_digest, digest)
            SELECT p_repository_id, p_digest, n.digest FROM unnest(p_blobs || p_manifests) AS n (digest)
            ON CONFLICT DO NOTHING;
        IF p_known_record_id IS NOT NULL THEN
            UPDATE manifest m SET has_references = true WHERE m.repository_id = p_repository_id AND m.digest = p_digest;
        END IF;
    END IF;

    FOR i IN 1 .. cardinality(p_tags) LOOP
        IF p_previous[i] IS NULL THEN
            INSERT INTO tag (repository_id, name, digest, record_id, updated_at)
                VALUES (p_repository_id, p_tags[i], p_digest, p_tag_record_ids[i], p_at)
                ON CONFLICT (repository_id, name) DO NOTHING;
        ELSIF p_previous[i] = p_digest THEN
            PERFORM FROM tag t WHERE t.repository_id = p_repository_id AND t.name = p_tags[i] AND t.digest = p_digest
                FOR SHARE;
        ELSE
            UPDATE tag t SET digest = p_digest, record_id = p_tag_record_ids[i], updated_at = p_at
                WHERE t.repository_id = p_repository_id AND t.name = p_tags[i] AND t.digest = p_previous[i];
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'A tag has moved.' USING ERRCODE = '40001';
        END IF;
        IF p_previous[i] IS DISTINCT FROM p_digest THEN
            INSERT INTO tag_event (repository_id, tag, deleted, digest, media_type, size, record_id, at)
                VALUES (p_repository_id, p_tags[i], false, p_digest, p_media_type, p_size, p_tag_record_ids[i], p_at);
        END IF;
    END LOOP;

    IF cardinality(p_record_ids) > 0 THEN
        PERFORM ledger_enqueue(p_ledger_id, p_scope_id, p_record_ids, p_entries, p_bodies);
    END IF;
END $$;

-- Deletes a tag that points where the caller has read it, and queues the record that says so; 40001 as in put_manifest.
CREATE FUNCTION "delete_tag"(
    p_repository_id INTEGER, p_visibility TEXT, p_tag TEXT, p_digest TEXT, p_record_id TEXT, p_at TIMESTAMPTZ,
    p_ledger_id INTEGER, p_scope_id TEXT, p_record_ids TEXT[], p_entries BYTEA[], p_bodies BYTEA[]
) RETURNS VOID LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM repository r WHERE r.id = p_repository_id AND r.visibility = p_visibility FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The repository has changed.' USING ERRCODE = '40001';
    END IF;
    WITH gone AS (
        DELETE FROM tag t WHERE t.repository_id = p_repository_id AND t.name = p_tag AND t.digest = p_digest
        RETURNING t.digest
    )
    INSERT INTO tag_event (repository_id, tag, deleted, digest, media_type, size, record_id, at)
        SELECT p_repository_id, p_tag, true, m.digest, m.media_type, m.size, p_record_id, p_at
        FROM gone g JOIN manifest m ON m.repository_id = p_repository_id AND m.digest = g.digest;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The tag has moved.' USING ERRCODE = '40001';
    END IF;
    PERFORM ledger_enqueue(p_ledger_id, p_scope_id, p_record_ids, p_entries, p_bodies);
END $$;

-- Deletes a manifest that has exactly the tags which the caller has read, by name, with them, and queues the records that
-- say so; 40001 as in put_manifest. What it needed stays for a lease more, and so do its own bytes.
CREATE FUNCTION "delete_manifest"(
    p_repository_id INTEGER, p_visibility TEXT, p_digest TEXT, p_tags TEXT[], p_tag_record_ids TEXT[],
    p_at TIMESTAMPTZ, p_until TIMESTAMPTZ,
    p_ledger_id INTEGER, p_scope_id TEXT, p_record_ids TEXT[], p_entries BYTEA[], p_bodies BYTEA[]
) RETURNS VOID LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_tags TEXT[];
    v_media_type TEXT;
    v_size INTEGER;
BEGIN
    PERFORM FROM repository r WHERE r.id = p_repository_id AND r.visibility = p_visibility FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The repository has changed.' USING ERRCODE = '40001';
    END IF;
    SELECT m.media_type, m.size INTO v_media_type, v_size
        FROM manifest m WHERE m.repository_id = p_repository_id AND m.digest = p_digest FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The manifest is gone.' USING ERRCODE = '40001';
    END IF;
    SELECT COALESCE(array_agg(locked.name ORDER BY locked.name), '{}') INTO v_tags FROM (
        SELECT t.name FROM tag t WHERE t.repository_id = p_repository_id AND t.digest = p_digest ORDER BY t.name FOR UPDATE
    ) AS locked;
    IF v_tags <> p_tags THEN
        RAISE EXCEPTION 'Tags have moved.' USING ERRCODE = '40001';
    END IF;

    INSERT INTO tag_event (repository_id, tag, deleted, digest, media_type, size, record_id, at)
        SELECT p_repository_id, g.tag, true, p_digest, v_media_type, v_size, g.record_id, p_at
        FROM unnest(p_tags, p_tag_record_ids) WITH ORDINALITY AS g (tag, record_id, n) ORDER BY g.n;
    INSERT INTO blob_lease AS l (repository_id, digest, until)
        SELECT p_repository_id, needed.digest, p_until FROM (
            SELECT f.digest FROM manifest_reference f WHERE f.repository_id = p_repository_id AND f.manifest_digest = p_digest
            UNION SELECT p_digest
        ) AS needed ORDER BY needed.digest
        ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until);
    DELETE FROM tag t WHERE t.repository_id = p_repository_id AND t.digest = p_digest;
    DELETE FROM manifest m WHERE m.repository_id = p_repository_id AND m.digest = p_digest;
    PERFORM ledger_enqueue(p_ledger_id, p_scope_id, p_record_ids, p_entries, p_bodies);
END $$;
