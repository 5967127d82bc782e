-- Adding a batch of messages: mailbox counters, blobs, chunks, content, threads, rows (I2, I3, I4, I12).
--
-- A function of eight small statements and not one statement of twenty steps: what a delivery costs is mostly the
-- executor's setting up, and that is less than half this way.

CREATE FUNCTION messages_append(
    -- Mailboxes by id, and what each gets.
    p_box int8[], p_box_n int4[], p_box_bytes int8[], p_box_unseen int4[], p_box_deleted int4[],
    -- Do not wait for a mailbox that somebody else has locked.
    p_skip boolean,
    p_now timestamptz,
    -- Blobs by hash, each once; chunks and content rows of each.
    p_hash bytea[], p_blob_size int8[],
    p_chunk_blob int4[], p_chunk_n int4[], p_chunk_bytes bytea[],
    p_version int2[], p_attachment boolean[], p_sent_at timestamptz[], p_parts bytea[], p_envelope bytea[],
    p_envelope_utf8 bytea[], p_body bytea[], p_bodystructure bytea[],
    -- Ten texts a blob; its references are p_refs[from:to].
    p_texts text[], p_refs text[], p_refs_from int4[], p_refs_to int4[],
    -- The thread that each group of related messages begins unless one is known; message ids by account and hash.
    p_thread int8[], p_ref_account int8[], p_ref_hash int8[], p_ref_thread int4[],
    -- Messages: places (from 1) in the arrays above, then their own columns.
    p_at_box int4[], p_offset int4[], p_at_blob int4[], p_at_thread int4[],
    p_email int8[], p_internal_at timestamptz[], p_size int4[], p_flags int2[], p_keywords text[], p_prefix bytea[],
    -- The mailboxes that could be locked. Fewer than asked for: nothing was done, the rest is NULL.
    OUT o_locked int8[],
    -- First UID, modseq and UIDVALIDITY of each mailbox; id of each blob; thread of each group.
    OUT o_uid int8[], OUT o_modseq int8[], OUT o_uidvalidity int8[], OUT o_blob int8[], OUT o_thread int8[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_fresh  boolean[];
    v_group  int4;
    v_thread int8;
BEGIN
    IF p_skip THEN
        SELECT array_agg(l.id) INTO o_locked FROM (
            SELECT id FROM mailbox WHERE id = ANY(p_box) AND removed_at IS NULL AND selectable AND uidnext < 4290000000
            ORDER BY id FOR UPDATE SKIP LOCKED) l;
    ELSE
        SELECT array_agg(l.id) INTO o_locked FROM (
            SELECT id FROM mailbox WHERE id = ANY(p_box) AND removed_at IS NULL AND selectable AND uidnext < 4290000000
            ORDER BY id FOR UPDATE) l;
    END IF;
    IF o_locked IS NULL OR cardinality(o_locked) < cardinality(p_box) THEN
        RETURN;
    END IF;

    WITH bumped AS (
        UPDATE mailbox m SET uidnext = m.uidnext + c.n, modseq = m.modseq + 1, messages = m.messages + c.n,
            bytes = m.bytes + c.bytes, unseen = m.unseen + c.unseen, deleted = m.deleted + c.deleted
        FROM unnest(p_box, p_box_n, p_box_bytes, p_box_unseen, p_box_deleted) AS c(id, n, bytes, unseen, deleted)
        WHERE m.id = c.id RETURNING m.id, m.uidnext - c.n AS uid, m.modseq, m.uidvalidity
    )
    SELECT array_agg(b.uid ORDER BY b.id), array_agg(b.modseq ORDER BY b.id), array_agg(b.uidvalidity ORDER BY b.id)
    INTO o_uid, o_modseq, o_uidvalidity FROM bumped b;

    WITH b AS (
        INSERT INTO blob (hash, size, touched_at)
        SELECT i.hash, i.size, p_now FROM unnest(p_hash, p_blob_size) AS i(hash, size)
        ON CONFLICT (hash) DO UPDATE SET touched_at = EXCLUDED.touched_at
        RETURNING id, hash, xmax = 0 AS fresh
    )
    SELECT array_agg(b.id ORDER BY b.hash), array_agg(b.fresh ORDER BY b.hash) INTO o_blob, v_fresh FROM b;

    INSERT INTO blob_chunk (blob, n, bytes)
    SELECT o_blob[c.blob], c.n, c.bytes FROM unnest(p_chunk_blob, p_chunk_n, p_chunk_bytes) AS c(blob, n, bytes)
    WHERE v_fresh[c.blob];

    INSERT INTO content (blob, version, attachment, sent_at, parts, envelope, envelope_utf8, body, bodystructure,
        subject, subject_base, from_key, to_key, cc_key, from_display, to_display, message_id, list_id, preview, refs)
    SELECT o_blob[i], p_version[i], p_attachment[i], p_sent_at[i], p_parts[i], p_envelope[i], p_envelope_utf8[i],
        p_body[i], p_bodystructure[i], p_texts[i * 10 - 9], p_texts[i * 10 - 8], p_texts[i * 10 - 7],
        p_texts[i * 10 - 6], p_texts[i * 10 - 5], p_texts[i * 10 - 4], p_texts[i * 10 - 3], p_texts[i * 10 - 2],
        p_texts[i * 10 - 1], p_texts[i * 10], p_refs[p_refs_from[i]:p_refs_to[i]]
    FROM generate_series(1, cardinality(p_hash)) AS i
    -- What only the queue pointed to has none yet.
    ON CONFLICT (blob) DO NOTHING;

    -- The oldest thread that any of a group's ids is known by wins; a claim that lost a race takes the winner's.
    o_thread := p_thread;
    IF cardinality(p_ref_hash) > 0 THEN
        FOR v_group, v_thread IN
            SELECT r.thread, min(t.thread)
            FROM unnest(p_ref_account, p_ref_hash, p_ref_thread) AS r(account, ref, thread)
            JOIN thread_ref t ON t.account = r.account AND t.ref = r.ref GROUP BY r.thread
        LOOP
            o_thread[v_group] := v_thread;
        END LOOP;
        FOR v_group, v_thread IN
            WITH claimed AS (
                INSERT INTO thread_ref (account, ref, thread)
                SELECT r.account, r.ref, o_thread[r.thread]
                FROM unnest(p_ref_account, p_ref_hash, p_ref_thread) AS r(account, ref, thread)
                WHERE NOT EXISTS (SELECT FROM thread_ref t WHERE t.account = r.account AND t.ref = r.ref)
                ORDER BY r.account, r.ref
                ON CONFLICT (account, ref) DO UPDATE SET thread = thread_ref.thread
                RETURNING account, ref, thread
            )
            SELECT r.thread, min(c.thread) FROM claimed c
            JOIN unnest(p_ref_account, p_ref_hash, p_ref_thread) AS r(account, ref, thread)
                ON r.account = c.account AND r.ref = c.ref
            GROUP BY r.thread
        LOOP
            o_thread[v_group] := LEAST(o_thread[v_group], v_thread);
        END LOOP;
    END IF;

    INSERT INTO message (mailbox, uid, blob, email, thread, modseq, internal_at, saved_at, size, flags, keywords, prefix)
    SELECT p_box[m.box], o_uid[m.box] + m.nth, o_blob[m.blob], m.email, o_thread[m.thread], o_modseq[m.box],
        m.internal_at, p_now, m.size, m.flags, m.keywords::int2[], m.prefix
    FROM unnest(p_at_box, p_offset, p_at_blob, p_at_thread, p_email, p_internal_at, p_size, p_flags, p_keywords, p_prefix)
        AS m(box, nth, blob, thread, email, internal_at, size, flags, keywords, prefix);
END $$;
COMMENT ON FUNCTION messages_append IS 'Adds a batch of messages: all of it, or nothing where a mailbox is locked or gone.';
