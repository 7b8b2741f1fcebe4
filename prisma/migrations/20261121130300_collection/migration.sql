-- Bytes that nobody names any more and whose file is about to be removed: the work list of the collection's second half,
-- which survives a crash. A removal that finds them named again strikes them off.
CREATE TABLE "blob_removal" (
    "digest" TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "blob_removal_pkey" PRIMARY KEY ("digest")
);

-- What repositories of each visibility let go of and what no record says yet; written with each removal.
CREATE TABLE "collection_tally" (
    "visibility" TEXT COLLATE "C" NOT NULL,
    "blobs" BIGINT NOT NULL,
    "bytes" BIGINT NOT NULL,
    CONSTRAINT "collection_tally_pkey" PRIMARY KEY ("visibility")
);

-- Whether anything keeps the bytes of a digest in the store.
CREATE FUNCTION "is_named"(p_digest TEXT) RETURNS BOOLEAN LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (SELECT FROM repository_blob k WHERE k.digest = p_digest)
        OR EXISTS (SELECT FROM manifest m WHERE m.digest = p_digest)
        OR EXISTS (SELECT FROM blob_lease l WHERE l.digest = p_digest)
$$;

-- A lease waits for a removal of the same bytes that is under way, and a removal waits for it and then sees it: so what is
-- placed in the store under a lease stays there. A lock of its own, because there may be no row of the bytes to lock.
CREATE FUNCTION "await_removal"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1684104044, hashtext(NEW.digest));
    RETURN NEW;
END $$;
CREATE TRIGGER "blob_lease_await_removal" BEFORE INSERT ON "blob_lease"
    FOR EACH ROW EXECUTE FUNCTION "await_removal"();

-- A manifest comes with the lease that its bytes were placed under. Where that is over and gone, so may the bytes be: whoever
-- slept for so long begins again (40001, serialization_failure).
CREATE FUNCTION "require_lease"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM blob_lease l WHERE l.repository_id = NEW.repository_id AND l.digest = NEW.digest FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The lease of the manifest is over.' USING ERRCODE = '40001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER "manifest_require_lease" BEFORE INSERT ON "manifest"
    FOR EACH ROW EXECUTE FUNCTION "require_lease"();

-- Makes bytes that are in the store a blob of a repository, as long as their lease stands; false if it does not, because
-- then they may have been removed again. Ends the upload session that they came by, if there was one.
CREATE FUNCTION "link_content"(p_repository_id INTEGER, p_digest TEXT, p_size BIGINT, p_upload_id TEXT)
RETURNS BOOLEAN LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM blob_lease l WHERE l.repository_id = p_repository_id AND l.digest = p_digest FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO blob (digest, size) VALUES (p_digest, p_size) ON CONFLICT (digest) DO NOTHING;
    INSERT INTO repository_blob (repository_id, digest) VALUES (p_repository_id, p_digest) ON CONFLICT DO NOTHING;
    DELETE FROM upload u WHERE u.id = p_upload_id;
    RETURN true;
END $$;

-- Keeps a repository's blob that somebody about to push was told to be there; false if it is not there any more.
CREATE FUNCTION "keep_content"(p_repository_id INTEGER, p_digest TEXT, p_until TIMESTAMPTZ)
RETURNS BOOLEAN LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM repository_blob k WHERE k.repository_id = p_repository_id AND k.digest = p_digest FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO blob_lease AS l (repository_id, digest, until) VALUES (p_repository_id, p_digest, p_until)
        ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until);
    RETURN true;
END $$;

-- Takes a blob out of a repository, unless a manifest needs it: 'taken', 'needed' or 'unknown'. The bytes go after a lease.
CREATE FUNCTION "unlink_content"(p_name TEXT, p_digest TEXT, p_until TIMESTAMPTZ)
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
    IF EXISTS (SELECT FROM manifest_reference f WHERE f.repository_id = v_id AND f.digest = p_digest) THEN
        RETURN 'needed';
    END IF;
    INSERT INTO blob_lease AS l (repository_id, digest, until) VALUES (v_id, p_digest, p_until)
        ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until);
    DELETE FROM repository_blob k WHERE k.repository_id = v_id AND k.digest = p_digest;
    RETURN 'taken';
END $$;

-- The collection's first half, over at most `p_limit` leases that are over: takes away links that no manifest of their
-- repository needs, and lists for removal what then has no link, no manifest and no lease anywhere. What somebody is at is
-- left for the next time instead of being waited for, so a push never waits for us longer than one page takes. Gives the
-- leases that were ended; `released` are those whose digest the repository does not have any more.
CREATE FUNCTION "release_content"(p_now TIMESTAMPTZ, p_limit INTEGER)
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
            released := NOT EXISTS (
                SELECT FROM manifest_reference f
                WHERE f.repository_id = v_lease.repository_id AND f.digest = v_lease.digest
            );
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

-- Whether a tag reaches a manifest: its own, or one of an index that holds it, or of its subject, and so on upwards.
CREATE FUNCTION "list_holders"(p_repository_id INTEGER, p_digest TEXT)
RETURNS TABLE (digest TEXT) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE holder (digest) AS (
        SELECT p_digest COLLATE "C"
        UNION
        SELECT n.digest FROM holder h, LATERAL (
            SELECT f.manifest_digest AS digest FROM manifest_reference f
            WHERE f.repository_id = p_repository_id AND f.digest = h.digest
            UNION ALL
            SELECT s.digest FROM manifest m JOIN manifest s ON s.repository_id = m.repository_id AND s.digest = m.subject
            WHERE m.repository_id = p_repository_id AND m.digest = h.digest
        ) AS n
    )
    SELECT h.digest FROM holder h
$$;

-- Deletes a manifest that no tag reaches, that was published before `p_before` and that no index holds, and queues the
-- record that says so; false if it is none or has changed while its holders were locked.
CREATE FUNCTION "collect_manifest"(
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
            WHERE f.repository_id = p_repository_id AND f.manifest_digest = p_digest
            UNION SELECT p_digest
        ) AS needed ORDER BY needed.digest
        ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until);
    DELETE FROM manifest m WHERE m.repository_id = p_repository_id AND m.digest = p_digest;
    PERFORM ledger_enqueue(p_ledger_id, p_scope_id, p_record_ids, p_entries, p_bodies);
    RETURN true;
END $$;
