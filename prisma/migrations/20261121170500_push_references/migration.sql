-- A manifest's references go with it by one statement for all that a statement deletes. The foreign key asked for the manifest once for
-- each of its references when they were written, nine times for a common image, although whoever writes references holds the
-- manifest's row: it was made in the same transaction, or is locked.
ALTER TABLE "manifest_reference" DROP CONSTRAINT "manifest_reference_repository_id_manifest_digest_fkey";
CREATE FUNCTION "drop_references"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM manifest_reference f USING old_manifest o
        WHERE f.repository_id = o.repository_id AND f.manifest_digest = o.digest;
    RETURN NULL;
END $$;
CREATE TRIGGER "manifest_drop_references" AFTER DELETE ON "manifest"
    REFERENCING OLD TABLE AS old_manifest FOR EACH STATEMENT EXECUTE FUNCTION "drop_references"();

-- As before, but for the references.
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
    -- The manifests are new, so nothing can be there: to look for it first is half of what these rows cost.
    INSERT INTO manifest_reference (repository_id, manifest_digest, digest)
        SELECT p_repository_ids[n.push], p_digests[n.push], n.digest FROM unnest(p_needing, p_needed) AS n (push, digest);

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
