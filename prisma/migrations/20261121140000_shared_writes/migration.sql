-- Several pushes in one transaction. What lease_manifest and put_manifest do for one, these do for those that wait for it at
-- the same time: fewer statements, and one commit for all.

-- As lease_manifest, of repositories that are there: for each push, in the order given, what it needs and the repository does
-- not have, or else the record of the manifest, if it is there, and a lease if it is not. No row for a repository that is
-- not there.
CREATE FUNCTION "lease_manifests"(
    p_names TEXT[], p_digests TEXT[], p_until TIMESTAMPTZ[],
    -- What each needs: the number of the push, from 1, and the blob.
    p_needing INTEGER[], p_needed TEXT[]
) RETURNS TABLE (push BIGINT, repository_id INTEGER, missing TEXT, record_id TEXT, has_references BOOLEAN)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_fresh INTEGER[] := array_fill(NULL::INTEGER, ARRAY[cardinality(p_digests)]);
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR push, repository_id, missing, record_id, has_references IN
        SELECT w.n, r.id, l.digest, m.record_id, COALESCE(m.has_references, false)
        FROM unnest(p_names, p_digests) WITH ORDINALITY AS w (name, digest, n)
        CROSS JOIN LATERAL (SELECT id FROM repository WHERE name = w.name LIMIT 1) AS r
        LEFT JOIN LATERAL (
            SELECT n.digest FROM unnest(p_needing, p_needed) WITH ORDINALITY AS n (push, digest, ordinal)
            WHERE n.push = w.n AND NOT EXISTS (
                SELECT FROM repository_blob k WHERE k.repository_id = r.id AND k.digest = n.digest
            )
            ORDER BY n.ordinal LIMIT 1
        ) AS l ON true
        LEFT JOIN LATERAL (
            SELECT record_id, has_references FROM manifest WHERE repository_id = r.id AND digest = w.digest LIMIT 1
        ) AS m ON true
    LOOP
        IF missing IS NULL AND record_id IS NULL THEN
            v_fresh[push] := repository_id;
        END IF;
        RETURN NEXT;
    END LOOP;
    INSERT INTO blob_lease AS l (repository_id, digest, until)
        SELECT f.repository_id, f.digest, max(f.until) FROM unnest(v_fresh, p_digests, p_until) AS f (repository_id, digest, until)
        WHERE f.repository_id IS NOT NULL GROUP BY f.repository_id, f.digest ORDER BY f.repository_id, f.digest
        ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until);
END $$;

-- As put_manifest, of manifests that are new, need blobs alone and come with tags that are new, in the clear. Where anything
-- is not as it was read, 40001 undoes all, and each is written by itself.
-- Locks in the same order, each kind for all pushes before the next: repositories, blobs, manifests, tags, the queue last.
CREATE FUNCTION "put_manifests"(
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
                          published_at, has_references)
        SELECT p.*, true
        FROM unnest(p_repository_ids, p_digests, p_media_types, p_sizes, p_subjects, p_artifact_types, p_annotations::jsonb[],
                    p_record_ids, p_at) AS p (repository_id, digest)
        ORDER BY p.repository_id, p.digest
        ON CONFLICT (repository_id, digest) DO NOTHING;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found < cardinality(p_digests) THEN
        RAISE EXCEPTION 'A manifest has come to be.' USING ERRCODE = '40001';
    END IF;
    INSERT INTO manifest_reference (repository_id, manifest_digest, digest)
        SELECT p_repository_ids[n.push], p_digests[n.push], n.digest FROM unnest(p_needing, p_needed) AS n (push, digest)
        ON CONFLICT DO NOTHING;

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

-- As link_content: which of these, by number from 1, are blobs of their repositories now.
CREATE FUNCTION "link_contents"(p_repository_ids INTEGER[], p_digests TEXT[], p_sizes BIGINT[], p_upload_ids TEXT[])
RETURNS SETOF BIGINT LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_leased BIGINT[];
BEGIN
    SELECT COALESCE(array_agg(w.n), '{}') INTO v_leased FROM (
            SELECT p.n, p.id, p.digest FROM unnest(p_repository_ids, p_digests) WITH ORDINALITY AS p (id, digest, n)
            ORDER BY p.id, p.digest COLLATE "C"
        ) AS w
        CROSS JOIN LATERAL (
            SELECT FROM blob_lease l WHERE l.repository_id = w.id AND l.digest = w.digest FOR KEY SHARE
        ) AS l;
    INSERT INTO blob (digest, size)
        SELECT p_digests[n], p_sizes[n] FROM unnest(v_leased) AS n ORDER BY p_digests[n] COLLATE "C"
        ON CONFLICT (digest) DO NOTHING;
    INSERT INTO repository_blob (repository_id, digest)
        SELECT p_repository_ids[n], p_digests[n] FROM unnest(v_leased) AS n
        ORDER BY p_repository_ids[n], p_digests[n] COLLATE "C"
        ON CONFLICT DO NOTHING;
    DELETE FROM upload u WHERE u.id = ANY(ARRAY(SELECT p_upload_ids[n] FROM unnest(v_leased) AS n));
    RETURN QUERY SELECT unnest(v_leased);
END $$;

-- Checked with the row of a statement, not by itself: as before, whoever slept for longer than the lease begins again.
DROP TRIGGER "manifest_require_lease" ON "manifest";
CREATE OR REPLACE FUNCTION "require_lease"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM new_manifest n
        LEFT JOIN LATERAL (
            SELECT l.digest FROM blob_lease l
            WHERE l.repository_id = n.repository_id AND l.digest = n.digest FOR KEY SHARE
        ) AS l ON true
        WHERE l.digest IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'The lease of the manifest is over.' USING ERRCODE = '40001';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER "manifest_require_lease" AFTER INSERT ON "manifest"
    REFERENCING NEW TABLE AS new_manifest FOR EACH STATEMENT EXECUTE FUNCTION "require_lease"();
