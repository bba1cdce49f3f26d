-- The spot-check: sessions with their plan, and verdicts that say in which session and showing they were given.

CREATE TABLE audits (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.i1.set0.audit1
  set_id TEXT NOT NULL REFERENCES ranking_sets (id),        -- whose pairs are audited
  plan TEXT NOT NULL CHECK (json_valid(plan)),              -- the drawn pairs with inclusion probabilities, and the showings in order, as JSON
  annotator TEXT NOT NULL,                                  -- who judges
  criterion TEXT NOT NULL,                                  -- by what
  line REAL NOT NULL CHECK (line > 0 AND line < 1),         -- the agreement that the gate demands
  idempotency_key TEXT NOT NULL UNIQUE,                     -- of the request, so that a repeat starts no second session
  started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), -- when
  closed_at TEXT                                            -- when; no figure may be shown before
) STRICT;
CREATE INDEX audits_by_set ON audits (set_id, id);
CREATE TRIGGER audits_keep_plan BEFORE UPDATE OF id, set_id, plan, annotator, criterion, line, idempotency_key ON audits
  BEGIN SELECT RAISE(ABORT, 'an audit''s plan does not change'); END;
CREATE TRIGGER audits_stay_closed BEFORE UPDATE OF closed_at ON audits WHEN OLD.closed_at IS NOT NULL
  BEGIN SELECT RAISE(ABORT, 'a closed audit stays closed'); END;
CREATE TRIGGER audits_no_delete BEFORE DELETE ON audits BEGIN SELECT RAISE(ABORT, 'audits are kept'); END;

-- A column's CHECK cannot be changed in place. 'unsure' becomes 'skip'; 'flag' is new.
ALTER TABLE verdicts RENAME TO verdicts_before;
CREATE TABLE verdicts (
  id INTEGER PRIMARY KEY,                                   -- in the order given
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x
  response_a_id TEXT NOT NULL,                              -- as shown on side a (left)
  response_b_id TEXT NOT NULL CHECK (response_b_id <> response_a_id), -- as shown on side b (right)
  verdict TEXT CHECK (verdict IN ('a', 'b', 'tie', 'skip', 'flag')), -- the better side, neither, no answer, a broken pair; null in an undo
  undone_of INTEGER UNIQUE REFERENCES verdicts (id),        -- the verdict this row takes back
  audit_id TEXT REFERENCES audits (id),                     -- the session it was given in; null outside of one
  showing INTEGER CHECK (showing >= 0),                     -- which showing of its plan
  note TEXT,                                                -- what the person wrote beside it
  annotator TEXT NOT NULL,                                  -- who judged
  criterion TEXT NOT NULL,                                  -- by what
  idempotency_key TEXT NOT NULL UNIQUE,                     -- of the request, so that a repeat adds no row
  elapsed_ms INTEGER NOT NULL CHECK (elapsed_ms >= 0),      -- from shown to judged
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), -- when
  FOREIGN KEY (prompt_id, response_a_id) REFERENCES responses (prompt_id, id),
  FOREIGN KEY (prompt_id, response_b_id) REFERENCES responses (prompt_id, id),
  CHECK ((verdict IS NULL) = (undone_of IS NOT NULL)),
  CHECK ((audit_id IS NULL) = (showing IS NULL))
) STRICT;
INSERT INTO verdicts (id, prompt_id, response_a_id, response_b_id, verdict, undone_of, annotator, criterion, idempotency_key, elapsed_ms, created_at)
  SELECT id, prompt_id, response_a_id, response_b_id, CASE verdict WHEN 'unsure' THEN 'skip' ELSE verdict END, undone_of, annotator, criterion, idempotency_key, elapsed_ms, created_at
  FROM verdicts_before ORDER BY id;
DROP TABLE verdicts_before;
CREATE INDEX verdicts_by_prompt ON verdicts (prompt_id);
CREATE INDEX verdicts_by_audit ON verdicts (audit_id, showing);
CREATE TRIGGER verdicts_undo_verdicts BEFORE INSERT ON verdicts WHEN NEW.undone_of IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM verdicts WHERE id = NEW.undone_of AND prompt_id = NEW.prompt_id AND verdict IS NOT NULL)
  BEGIN SELECT RAISE(ABORT, 'only a verdict on the same prompt can be undone'); END;
CREATE TRIGGER verdicts_once_a_showing BEFORE INSERT ON verdicts WHEN NEW.audit_id IS NOT NULL AND NEW.verdict IS NOT NULL
  AND EXISTS (SELECT 1 FROM verdicts v WHERE v.audit_id = NEW.audit_id AND v.showing = NEW.showing AND v.verdict IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM verdicts u WHERE u.undone_of = v.id))
  BEGIN SELECT RAISE(ABORT, 'this showing has a verdict that stands'); END;
CREATE TRIGGER verdicts_end_with_audit BEFORE INSERT ON verdicts
  WHEN EXISTS (SELECT 1 FROM audits WHERE id = NEW.audit_id AND closed_at IS NOT NULL)
  BEGIN SELECT RAISE(ABORT, 'the audit is closed'); END;
CREATE TRIGGER verdicts_no_update BEFORE UPDATE ON verdicts BEGIN SELECT RAISE(ABORT, 'verdicts are append-only'); END;
CREATE TRIGGER verdicts_no_delete BEFORE DELETE ON verdicts BEGIN SELECT RAISE(ABORT, 'verdicts are append-only'); END;
