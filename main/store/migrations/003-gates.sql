-- From verdict to training: sessions that go on with an earlier one, rankings by people, notes, the decision at the gate, and the labels it left.

-- Columns are added by building the table anew, so that each keeps its comment; verdicts refer to it by name.
DROP TRIGGER verdicts_end_with_audit;
CREATE TABLE audits_next (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.i1.set0.audit1
  set_id TEXT NOT NULL REFERENCES ranking_sets (id),        -- whose pairs or rankings are audited
  mode TEXT NOT NULL CHECK (mode IN ('pairs', 'rankings')), -- what is judged: which of two is better, or the order of all
  continues_id TEXT UNIQUE REFERENCES audits (id),          -- the session whose showings and verdicts it goes on with
  plan TEXT NOT NULL CHECK (json_valid(plan)),              -- what was drawn, and the showings in order, as JSON
  annotator TEXT NOT NULL,                                  -- who judges
  criterion TEXT NOT NULL,                                  -- by what
  line REAL NOT NULL CHECK (line > 0 AND line < 1),         -- the agreement that the gate demands
  idempotency_key TEXT NOT NULL UNIQUE,                     -- of the request, so that a repeat starts no second session
  started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), -- when
  closed_at TEXT                                            -- when; no figure may be shown before
) STRICT;
INSERT INTO audits_next (id, set_id, mode, plan, annotator, criterion, line, idempotency_key, started_at, closed_at)
  SELECT id, set_id, 'pairs', plan, annotator, criterion, line, idempotency_key, started_at, closed_at FROM audits;
DROP TRIGGER audits_no_delete; -- to drop a table is to delete its rows
DROP TABLE audits;
ALTER TABLE audits_next RENAME TO audits;
CREATE INDEX audits_by_set ON audits (set_id, id);
CREATE TRIGGER audits_keep_plan BEFORE UPDATE OF id, set_id, mode, continues_id, plan, annotator, criterion, line, idempotency_key ON audits
  BEGIN SELECT RAISE(ABORT, 'an audit''s plan does not change'); END;
CREATE TRIGGER audits_stay_closed BEFORE UPDATE OF closed_at ON audits WHEN OLD.closed_at IS NOT NULL
  BEGIN SELECT RAISE(ABORT, 'a closed audit stays closed'); END;
CREATE TRIGGER audits_no_delete BEFORE DELETE ON audits BEGIN SELECT RAISE(ABORT, 'audits are kept'); END;
CREATE TRIGGER verdicts_end_with_audit BEFORE INSERT ON verdicts
  WHEN EXISTS (SELECT 1 FROM audits WHERE id = NEW.audit_id AND closed_at IS NOT NULL)
  BEGIN SELECT RAISE(ABORT, 'the audit is closed'); END;

-- Mode 'rankings': a person's order of a prompt's distinct responses. An undo is a row of its own, as with verdicts.
CREATE TABLE human_rankings (
  id INTEGER PRIMARY KEY,                                   -- in the order given
  audit_id TEXT NOT NULL REFERENCES audits (id),            -- the session it was given in
  showing INTEGER NOT NULL CHECK (showing >= 0),            -- which showing of its plan
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x
  ordering TEXT CHECK (json_valid(ordering)),               -- [[response ids that are equal], …], best first, as JSON; null = skipped, or an undo
  undone_of INTEGER UNIQUE REFERENCES human_rankings (id),  -- the row this one takes back
  note TEXT,                                                -- what the person wrote beside it
  annotator TEXT NOT NULL,                                  -- who judged
  criterion TEXT NOT NULL,                                  -- by what
  idempotency_key TEXT NOT NULL UNIQUE,                     -- of the request, so that a repeat adds no row
  elapsed_ms INTEGER NOT NULL CHECK (elapsed_ms >= 0),      -- from shown to judged
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), -- when
  CHECK (undone_of IS NULL OR ordering IS NULL)
) STRICT;
CREATE INDEX human_rankings_by_audit ON human_rankings (audit_id, showing);
CREATE INDEX human_rankings_by_prompt ON human_rankings (prompt_id);
CREATE TRIGGER human_rankings_undo BEFORE INSERT ON human_rankings WHEN NEW.undone_of IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM human_rankings WHERE id = NEW.undone_of AND audit_id = NEW.audit_id AND showing = NEW.showing AND undone_of IS NULL)
  BEGIN SELECT RAISE(ABORT, 'only a ranking of the same showing can be undone'); END;
CREATE TRIGGER human_rankings_once_a_showing BEFORE INSERT ON human_rankings WHEN NEW.undone_of IS NULL
  AND EXISTS (SELECT 1 FROM human_rankings r WHERE r.audit_id = NEW.audit_id AND r.showing = NEW.showing AND r.undone_of IS NULL
    AND NOT EXISTS (SELECT 1 FROM human_rankings u WHERE u.undone_of = r.id))
  BEGIN SELECT RAISE(ABORT, 'this showing has a ranking that stands'); END;
CREATE TRIGGER human_rankings_end_with_audit BEFORE INSERT ON human_rankings
  WHEN EXISTS (SELECT 1 FROM audits WHERE id = NEW.audit_id AND closed_at IS NOT NULL)
  BEGIN SELECT RAISE(ABORT, 'the audit is closed'); END;
CREATE TRIGGER human_rankings_no_update BEFORE UPDATE ON human_rankings BEGIN SELECT RAISE(ABORT, 'human rankings are append-only'); END;
CREATE TRIGGER human_rankings_no_delete BEFORE DELETE ON human_rankings BEGIN SELECT RAISE(ABORT, 'human rankings are append-only'); END;

-- Written before the verdict; the newest counts.
CREATE TABLE audit_notes (
  id INTEGER PRIMARY KEY,                                   -- in the order written
  audit_id TEXT NOT NULL REFERENCES audits (id),            -- the session
  showing INTEGER NOT NULL CHECK (showing >= 0),            -- which showing of its plan
  note TEXT NOT NULL,                                       -- the text; empty = taken away
  idempotency_key TEXT NOT NULL UNIQUE,                     -- of the request, so that a repeat adds no row
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')) -- when
) STRICT;
CREATE INDEX audit_notes_by_showing ON audit_notes (audit_id, showing, id);
CREATE TRIGGER audit_notes_no_update BEFORE UPDATE ON audit_notes BEGIN SELECT RAISE(ABORT, 'notes are append-only'); END;
CREATE TRIGGER audit_notes_no_delete BEFORE DELETE ON audit_notes BEGIN SELECT RAISE(ABORT, 'notes are append-only'); END;

-- What was decided between spot-check and training; the newest row of an iteration counts.
CREATE TABLE gates (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.i1.gate1
  iteration_id TEXT NOT NULL REFERENCES iterations (id),    -- the iteration it lets through, or not
  set_id TEXT NOT NULL REFERENCES ranking_sets (id),        -- whose pairs
  choice TEXT NOT NULL CHECK (choice IN ('passed', 'keep-only', 'resample', 'train-anyway', 'skip', 'not-audited')), -- not-audited = a run without a person at the gate
  min_consistency REAL CHECK (min_consistency BETWEEN 0 AND 1), -- keep-only: least C of a pair that keeps the judge's label
  min_margin REAL CHECK (min_margin >= 0),                  -- keep-only: least margin of such a pair
  reason TEXT,                                              -- train-anyway: why, for the model card
  measure_only INTEGER NOT NULL CHECK (measure_only IN (0, 1)), -- 1 = verdicts change no label
  audit_id TEXT REFERENCES audits (id),                     -- the newest session that was closed then
  idempotency_key TEXT NOT NULL UNIQUE,                     -- of the request, so that a repeat adds no row
  decided_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), -- when
  CHECK ((reason IS NOT NULL) = (choice = 'train-anyway')),
  CHECK (choice = 'keep-only' OR (min_consistency IS NULL AND min_margin IS NULL))
) STRICT;
CREATE INDEX gates_by_iteration ON gates (iteration_id, id);
CREATE TRIGGER gates_no_update BEFORE UPDATE ON gates BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER gates_no_delete BEFORE DELETE ON gates BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

-- Every pair as a decision left it: what training reads.
CREATE TABLE labels (
  gate_id TEXT NOT NULL REFERENCES gates (id),              -- the decision
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x
  source TEXT NOT NULL CHECK (source IN ('judge', 'person', 'dropped')), -- whose label it is; dropped = not trained on
  effect TEXT NOT NULL CHECK (effect IN ('kept', 'swapped', 'dropped-tie', 'dropped-flag', 'filtered', 'skipped', 'not-audited')), -- what verdicts and bounds did
  chosen_id TEXT NOT NULL,                                  -- y+ as trained (the judge's where dropped)
  rejected_id TEXT NOT NULL CHECK (rejected_id <> chosen_id), -- y− as trained
  consistency REAL CHECK (consistency BETWEEN 0 AND 1),     -- the C its loss uses; null where dropped
  PRIMARY KEY (gate_id, prompt_id),
  FOREIGN KEY (prompt_id, chosen_id) REFERENCES responses (prompt_id, id),
  FOREIGN KEY (prompt_id, rejected_id) REFERENCES responses (prompt_id, id),
  CHECK ((source = 'dropped') = (consistency IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_by_prompt ON labels (prompt_id);
CREATE TRIGGER labels_no_update BEFORE UPDATE ON labels BEGIN SELECT RAISE(ABORT, 'labels are append-only'); END;
CREATE TRIGGER labels_no_delete BEFORE DELETE ON labels BEGIN SELECT RAISE(ABORT, 'labels are append-only'); END;

-- Iterations that went through before there were decisions: nobody was asked, and the judge's pairs are the labels.
INSERT INTO gates (id, iteration_id, set_id, choice, measure_only, idempotency_key)
  SELECT i.id || '.gate1', i.id, r.id, 'not-audited', 0, i.id || '.gate1'
  FROM stages s JOIN iterations i ON i.id = s.iteration_id JOIN ranking_sets r ON r.id = i.id || '.set0'
  WHERE s.stage = 'audit' AND s.status = 'done';
INSERT INTO labels (gate_id, prompt_id, source, effect, chosen_id, rejected_id, consistency)
  SELECT g.id, p.prompt_id, 'judge', 'not-audited', p.chosen_id, p.rejected_id, p.consistency FROM gates g JOIN pairs p ON p.set_id = g.set_id;
