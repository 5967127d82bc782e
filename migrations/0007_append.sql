-- Adding a batch of messages: mailbox counters, blobs, chunks, content, threads, rows (I2, I3, I4, I12).
--
-- A function of eight small statements and not one statement of twenty steps: what a delivery costs is mostly the
-- executor's setting up, and that is less than half this way. Arrays are read by subscript: an unnest of several sets up
-- a store of rows for each.

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
    v_i      int8;
    v_n      int4 := 0;
    v_id     int8;
    v_hash   bytea;
    v_new    boolean;
    v_uid    int8;
    v_modseq int8;
    v_validity int8;
    v_thread int8;
    v_account int8;
    v_ref int8;
    v_lost boolean;
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

    FOR v_i, v_uid, v_modseq, v_validity IN
        UPDATE mailbox m SET uidnext = m.uidnext + p_box_n[c.i], modseq = m.modseq + 1,
            messages = m.messages + p_box_n[c.i], bytes = m.bytes + p_box_bytes[c.i],
            unseen = m.unseen + p_box_unseen[c.i], deleted = m.deleted + p_box_deleted[c.i]
        FROM unnest(p_box) WITH ORDINALITY AS c(id, i)
        WHERE m.id = c.id RETURNING c.i, m.uidnext - p_box_n[c.i], m.modseq, m.uidvalidity
    LOOP
        o_uid[v_i] := v_uid;
        o_modseq[v_i] := v_modseq;
        o_uidvalidity[v_i] := v_validity;
    END LOOP;

    FOR v_id, v_hash, v_new IN
        INSERT INTO blob (hash, size, touched_at)
        SELECT p_hash[i], p_blob_size[i], p_now FROM generate_series(1, cardinality(p_hash)) AS i
        ON CONFLICT (hash) DO UPDATE SET touched_at = EXCLUDED.touched_at
        RETURNING id, hash, xmax = 0
    LOOP
        v_n := v_n + 1;
        IF v_hash <> p_hash[v_n] THEN
            RAISE 'blobs came back in another order';
        END IF;
        o_blob[v_n] := v_id;
        v_fresh[v_n] := v_new;
    END LOOP;

    INSERT INTO blob_chunk (blob, n, bytes)
    SELECT o_blob[p_chunk_blob[i]], p_chunk_n[i], p_chunk_bytes[i] FROM generate_series(1, cardinality(p_chunk_n)) AS i
    WHERE v_fresh[p_chunk_blob[i]];

    INSERT INTO content (blob, version, attachment, sent_at, parts, envelope, envelope_utf8, body, bodystructure,
        subject, subject_base, from_key, to_key, cc_key, from_display, to_display, message_id, list_id, preview, refs)
    SELECT o_blob[i], p_version[i], p_attachment[i], p_sent_at[i], p_parts[i], p_envelope[i], p_envelope_utf8[i],
        p_body[i], p_bodystructure[i], p_texts[i * 10 - 9], p_texts[i * 10 - 8], p_texts[i * 10 - 7],
        p_texts[i * 10 - 6], p_texts[i * 10 - 5], p_texts[i * 10 - 4], p_texts[i * 10 - 3], p_texts[i * 10 - 2],
        p_texts[i * 10 - 1], p_texts[i * 10], p_refs[p_refs_from[i]:p_refs_to[i]]
    FROM generate_series(1, cardinality(p_hash)) AS i
    -- What only the queue pointed to has none yet.
    ON CONFLICT (blob) DO NOTHING;

    -- The oldest thread that any of a group's ids is known by wins; a claim that lost a race takes the winner's. Claims are
    -- made in the order given, which is everybody's.
    o_thread := p_thread;
    IF cardinality(p_ref_hash) > 0 THEN
        FOR v_group, v_thread IN
            SELECT p_ref_thread[r.i], min(t.thread) FROM unnest(p_ref_hash) WITH ORDINALITY AS r(ref, i)
            JOIN thread_ref t ON t.account = p_ref_account[r.i] AND t.ref = r.ref GROUP BY 1
        LOOP
            o_thread[v_group] := v_thread;
        END LOOP;
        FOR v_account, v_ref, v_thread, v_lost IN
            INSERT INTO thread_ref (account, ref, thread)
            SELECT p_ref_account[r.i], r.ref, o_thread[p_ref_thread[r.i]]
            FROM unnest(p_ref_hash) WITH ORDINALITY AS r(ref, i)
            WHERE NOT EXISTS (SELECT FROM thread_ref t WHERE t.account = p_ref_account[r.i] AND t.ref = r.ref)
            ORDER BY r.i
            ON CONFLICT (account, ref) DO UPDATE SET thread = thread_ref.thread
            RETURNING account, ref, thread, xmax <> 0
        LOOP
            IF v_lost THEN
                FOR i IN 1..cardinality(p_ref_hash) LOOP
                    IF p_ref_hash[i] = v_ref AND p_ref_account[i] = v_account THEN
                        o_thread[p_ref_thread[i]] := LEAST(o_thread[p_ref_thread[i]], v_thread);
                    END IF;
                END LOOP;
            END IF;
        END LOOP;
    END IF;

    INSERT INTO message (mailbox, uid, blob, email, thread, modseq, internal_at, saved_at, size, flags, keywords, prefix)
    SELECT p_box[p_at_box[i]], o_uid[p_at_box[i]] + p_offset[i], o_blob[p_at_blob[i]], p_email[i],
        o_thread[p_at_thread[i]], o_modseq[p_at_box[i]], p_internal_at[i], p_now, p_size[i], p_flags[i],
        p_keywords[i]::int2[], p_prefix[i]
    FROM generate_series(1, cardinality(p_email)) AS i;
END $$;
COMMENT ON FUNCTION messages_append IS 'Adds a batch of messages: all of it, or nothing where a mailbox is locked or gone.';
