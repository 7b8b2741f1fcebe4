-- What a manifest needs stands in its own row. As a row and two entries of indexes for each of what it needs, it was a third of all that a
-- push wrote. Null is what an earlier version left to be read out of the manifests' bytes.
ALTER TABLE "manifest" ADD COLUMN "needs" TEXT[] COLLATE "C";
UPDATE "manifest" m SET "needs" = ARRAY(
    SELECT f."digest" FROM "manifest_reference" f WHERE f."repository_id" = m."repository_id" AND f."manifest_digest" = m."digest"
) WHERE m."has_references";
DROP TRIGGER "manifest_drop_references" ON "manifest";
DROP FUNCTION "drop_references"();
DROP TABLE "manifest_reference";

-- Who needs something is looked up by a number for each digest in each repository, so that what all repositories need is found in one of
-- them at once. Two digests may have one number: whoever looks up compares the digests as well.
CREATE FUNCTION "reference_keys"(p_repository_id INTEGER, p_digests TEXT[]) RETURNS BIGINT[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT hashtextextended(n.digest, p_repository_id) FROM unnest(p_digests) AS n (digest))
$$;
-- New entries wait in a list of the index and go to their places together, a few hundred manifests at a time.
CREATE INDEX "manifest_reference_keys_idx" ON "manifest" USING gin ("reference_keys"("repository_id", "needs"))
    WITH (fastupdate = on, gin_pending_list_limit = 64);

-- By manifest. By what is needed see find_needing and list_needing.
CREATE VIEW "manifest_reference" ("repository_id", "manifest_digest", "digest") AS
    SELECT m."repository_id", m."digest", n."digest" FROM "manifest" m CROSS JOIN LATERAL unnest(m."needs") AS n ("digest");

-- A manifest of the repository that needs this, or null. The index is the only way, because without statistics the planner hopes to
-- meet one soon in the table; what is inside the inner query is what it may choose by.
CREATE FUNCTION "find_needing"(p_repository_id INTEGER, p_digest TEXT) RETURNS TEXT
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN (
        SELECT c.digest FROM (
            SELECT m.repository_id, m.digest, m.needs FROM manifest m
            WHERE reference_keys(m.repository_id, m.needs) @> ARRAY[hashtextextended(p_digest, p_repository_id)] OFFSET 0
        ) AS c
        WHERE c.repository_id = p_repository_id AND p_digest = ANY (c.needs) LIMIT 1
    );
END $$;

-- All of them, which are few where what is needed is a manifest.
CREATE FUNCTION "list_needing"(p_repository_id INTEGER, p_digest TEXT) RETURNS TABLE (digest TEXT)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT c.digest FROM (
            SELECT m.repository_id, m.digest, m.needs FROM manifest m
            WHERE reference_keys(m.repository_id, m.needs) @> ARRAY[hashtextextended(p_digest, p_repository_id)] OFFSET 0
        ) AS c
        WHERE c.repository_id = p_repository_id AND p_digest = ANY (c.needs);
END $$;

-- As before, but that references are asked for and written so.
CREATE OR REPLACE FUNCTION "put_manifest"(
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
    v_needs TEXT[] := ARRAY(SELECT DISTINCT n.digest FROM unnest(p_blobs || p_manifests) AS n (digest));
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
                              published_at, has_references, needs)
            VALUES (p_repository_id, p_digest, p_media_type, p_size, p_subject, p_artifact_type, p_annotations,
                    p_new_record_id, p_at, true, v_needs)
            ON CONFLICT (repository_id, digest) DO NOTHING;
    ELSE
        SELECT m.has_references INTO v_has_references FROM manifest m
            WHERE m.repository_id = p_repository_id AND m.digest = p_digest AND m.record_id = p_known_record_id
            FOR KEY SHARE;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The manifest has changed.' USING ERRCODE = '40001';
    END IF;
    IF p_known_record_id IS NOT NULL AND NOT v_has_references THEN
        UPDATE manifest m SET has_references = true, needs = v_needs
            WHERE m.repository_id = p_repository_id AND m.digest = p_digest;
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

CREATE OR REPLACE FUNCTION "put_manifests"(
    p_repository_ids INTEGER[], p_visibilities TEXT[], p_digests TEXT[], p_media_types TEXT[], p_sizes INTEGER[],
    p_subjects TEXT[], p_artifact_types TEXT[], p_annotations TEXT[], p_record_ids TEXT[], p_at TIMESTAMPTZ[],
    -- The number of the push, from 1, and a blob that it needs.
    p_needing INTEGER[], p_needed TEXT[],
    -- The number of the push, one of its tags and the record of the tag.
    p_tagging INTEGER[], p_tags TEXT[], p_tag_record_ids TEXT[],
    -- Entries in the order in which they are queued.
    p_ledger_ids INTEGER[], p_entry_record_ids TEXT[], p_entries BYTEA[]
) RETURNS VOID LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_wanted INTEGER;
    v_found INTEGER;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1919250543, r.id)
        FROM (SELECT DISTINCT id FROM unnest(p_repository_ids) AS p (id) ORDER BY id) AS r;
    SELECT count(*), count(r.id) INTO v_wanted, v_found
        FROM (SELECT DISTINCT id, visibility FROM unnest(p_repository_ids, p_visibilities) AS p (id, visibility) ORDER BY id) AS w
        LEFT JOIN LATERAL (
            SELECT id FROM repository WHERE id = w.id AND visibility = w.visibility FOR KEY SHARE
        ) AS r ON true;
    IF v_found < v_wanted THEN
        RAISE EXCEPTION 'A repository has changed.' USING ERRCODE = '40001';
    END IF;

    SELECT count(*), count(k.digest) INTO v_wanted, v_found
        FROM (
            SELECT DISTINCT p_repository_ids[n.push] AS id, n.digest FROM unnest(p_needing, p_needed) AS n (push, digest)
            ORDER BY id, digest
        ) AS w
        LEFT JOIN LATERAL (
            SELECT digest FROM repository_blob WHERE repository_id = w.id AND digest = w.digest FOR KEY SHARE
        ) AS k ON true;
    IF v_found < v_wanted THEN
        RAISE EXCEPTION 'A blob has gone.' USING ERRCODE = '40001';
    END IF;

    INSERT INTO blob (digest, size)
        SELECT p.digest, p.size FROM unnest(p_digests, p_sizes) AS p (digest, size) ORDER BY p.digest
        ON CONFLICT (digest) DO NOTHING;
    INSERT INTO manifest (repository_id, digest, media_type, size, subject, artifact_type, annotations, record_id,
                          published_at, has_references, needs)
        SELECT p.repository_id, p.digest, p.media_type, p.size, p.subject, p.artifact_type, p.annotations, p.record_id, p.at,
            true, COALESCE(w.needs, '{}')
        FROM unnest(p_repository_ids, p_digests, p_media_types, p_sizes, p_subjects, p_artifact_types, p_annotations::jsonb[],
                    p_record_ids, p_at) WITH ORDINALITY
                AS p (repository_id, digest, media_type, size, subject, artifact_type, annotations, record_id, at, n)
            LEFT JOIN (
                SELECT n.push, array_agg(n.digest) AS needs FROM unnest(p_needing, p_needed) AS n (push, digest) GROUP BY n.push
            ) AS w ON w.push = p.n
        ORDER BY p.repository_id, p.digest
        ON CONFLICT (repository_id, digest) DO NOTHING;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found < cardinality(p_digests) THEN
        RAISE EXCEPTION 'A manifest has come to be.' USING ERRCODE = '40001';
    END IF;

    INSERT INTO tag (repository_id, name, digest, record_id, updated_at)
        SELECT p_repository_ids[t.push], t.name, p_digests[t.push], t.record_id, p_at[t.push]
        FROM unnest(p_tagging, p_tags, p_tag_record_ids) AS t (push, name, record_id)
        ORDER BY p_repository_ids[t.push], t.name COLLATE "C"
        ON CONFLICT (repository_id, name) DO NOTHING;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found < cardinality(p_tags) THEN
        RAISE EXCEPTION 'A tag has come to be.' USING ERRCODE = '40001';
    END IF;
    INSERT INTO tag_event (repository_id, tag, deleted, digest, media_type, size, record_id, at)
        SELECT p_repository_ids[t.push], t.name, false, p_digests[t.push], p_media_types[t.push], p_sizes[t.push], t.record_id,
            p_at[t.push]
        FROM unnest(p_tagging, p_tags, p_tag_record_ids) WITH ORDINALITY AS t (push, name, record_id, n) ORDER BY t.n;

    INSERT INTO ledger_queue (ledger_id, record_id, entry)
        SELECT e.ledger_id, e.record_id, e.entry
        FROM unnest(p_ledger_ids, p_entry_record_ids, p_entries) WITH ORDINALITY AS e (ledger_id, record_id, entry, n) ORDER BY e.n;
END $$;

CREATE OR REPLACE FUNCTION "unlink_content"(p_name TEXT, p_digest TEXT, p_until TIMESTAMPTZ)
RETURNS TEXT LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_id INTEGER;
BEGIN
    -- A push that names the blob holds this row until its references are there.
    SELECT k.repository_id INTO v_id FROM repository_blob k JOIN repository r ON r.id = k.repository_id
        WHERE r.name = p_name AND k.digest = p_digest FOR UPDATE OF k;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    IF find_needing(v_id, p_digest) IS NOT NULL THEN
        RETURN 'needed';
    END IF;
    INSERT INTO blob_lease AS l (repository_id, digest, until) VALUES (v_id, p_digest, p_until)
        ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until);
    DELETE FROM repository_blob k WHERE k.repository_id = v_id AND k.digest = p_digest;
    RETURN 'taken';
END $$;

CREATE OR REPLACE FUNCTION "release_content"(p_now TIMESTAMPTZ, p_limit INTEGER)
RETURNS TABLE (repository TEXT, digest TEXT, size BIGINT, released BOOLEAN) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_lease RECORD;
    v_removable TEXT[] := '{}';
    v_visibilities TEXT[] := '{}';
    v_sizes BIGINT[] := '{}';
BEGIN
    -- One at a time: of two that each take one of a digest's last two leases, neither would see that it is the last.
    PERFORM pg_advisory_xact_lock(1684104045);
    -- Manifests of an earlier version don't say yet what they need.
    IF EXISTS (SELECT FROM manifest m WHERE NOT m.has_references) THEN
        RETURN;
    END IF;
    FOR v_lease IN
        SELECT l.repository_id, l.digest, r.name, r.visibility,
            COALESCE((SELECT b.size FROM blob b WHERE b.digest = l.digest), 0) AS size
        FROM blob_lease l JOIN repository r ON r.id = l.repository_id
        WHERE l.until <= p_now
        ORDER BY l.until, l.repository_id, l.digest LIMIT p_limit FOR UPDATE OF l SKIP LOCKED
    LOOP
        released := EXISTS (
            SELECT FROM repository_blob k WHERE k.repository_id = v_lease.repository_id AND k.digest = v_lease.digest
        );
        IF released THEN
            PERFORM FROM repository_blob k WHERE k.repository_id = v_lease.repository_id AND k.digest = v_lease.digest
                FOR UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND OR EXISTS (SELECT FROM manifest m WHERE NOT m.has_references);
            released := find_needing(v_lease.repository_id, v_lease.digest) IS NULL;
            DELETE FROM repository_blob k
                WHERE released AND k.repository_id = v_lease.repository_id AND k.digest = v_lease.digest;
        ELSE
            released := NOT EXISTS (
                SELECT FROM manifest m WHERE m.repository_id = v_lease.repository_id AND m.digest = v_lease.digest
            );
        END IF;
        DELETE FROM blob_lease l WHERE l.repository_id = v_lease.repository_id AND l.digest = v_lease.digest;
        IF released THEN
            v_removable := v_removable || v_lease.digest;
            v_visibilities := v_visibilities || v_lease.visibility;
            v_sizes := v_sizes || v_lease.size;
        END IF;
        repository := v_lease.name;
        digest := v_lease.digest;
        size := v_lease.size;
        RETURN NEXT;
    END LOOP;

    INSERT INTO collection_tally AS t (visibility, blobs, bytes)
        SELECT g.visibility, count(*), sum(g.size) FROM unnest(v_visibilities, v_sizes) AS g (visibility, size)
        GROUP BY g.visibility ORDER BY g.visibility
        ON CONFLICT (visibility) DO UPDATE SET blobs = t.blobs + excluded.blobs, bytes = t.bytes + excluded.bytes;
    INSERT INTO blob_removal (digest)
        SELECT DISTINCT g.digest FROM unnest(v_removable) AS g (digest) WHERE NOT is_named(g.digest) ORDER BY g.digest
        ON CONFLICT (digest) DO NOTHING;
END $$;

CREATE OR REPLACE FUNCTION "list_holders"(p_repository_id INTEGER, p_digest TEXT)
RETURNS TABLE (digest TEXT) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE holder (digest) AS (
        SELECT p_digest COLLATE "C"
        UNION
        SELECT n.digest FROM holder h, LATERAL (
            SELECT f.digest FROM list_needing(p_repository_id, h.digest) AS f
            UNION ALL
            SELECT s.digest FROM manifest m JOIN manifest s ON s.repository_id = m.repository_id AND s.digest = m.subject
            WHERE m.repository_id = p_repository_id AND m.digest = h.digest
        ) AS n
    )
    SELECT h.digest FROM holder h
$$;

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
        OR find_needing(p_repository_id, p_digest) IS NOT NULL
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
