-- Going back branches an iteration: what of it is shared with its origin, and where the run goes on.
-- Both tables are built anew, so that each column keeps its comment; others refer to them by name.

CREATE TABLE iterations_next (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.i1; a later branch of it is run1.i1b1
  run_id TEXT NOT NULL REFERENCES runs (id),                -- the run it belongs to
  parent_id TEXT REFERENCES iterations (id),                -- the iteration that produced its policy; null for t = 0
  origin_id TEXT REFERENCES iterations (id),                -- the iteration of the same t and parent that it branched off; null = none
  origin_stage TEXT CHECK (origin_stage IN ('tune', 'sample', 'rank', 'pair', 'audit', 'train')), -- a branch's first own stage; those before are its origin's
  t INTEGER NOT NULL CHECK (t >= 0),                        -- the paper's iteration index
  policy_model_id TEXT NOT NULL REFERENCES models (id),     -- θ_t: samples, judges, is trained
  previous_model_id TEXT REFERENCES models (id),            -- θ_{t−1}: the other judge; null for t = 0
  base_model_id TEXT NOT NULL REFERENCES models (id),       -- θ_0: the reference of every reward
  produced_model_id TEXT REFERENCES models (id),            -- θ_{t+1}; null until it is trained
  samples_id TEXT REFERENCES iterations (id),               -- whose responses it ranks and trains on; null = its own
  set_id TEXT REFERENCES ranking_sets (id),                 -- the ranking set that counts: its newest, or its origin's; null before the stage rank
  settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)), -- settings that replace the run's, here and in the rounds after it, as JSON
  UNIQUE (id, policy_model_id),
  UNIQUE (id, produced_model_id),
  FOREIGN KEY (parent_id, policy_model_id) REFERENCES iterations (id, produced_model_id),
  FOREIGN KEY (parent_id, previous_model_id) REFERENCES iterations (id, policy_model_id),
  CHECK ((t = 0) = (parent_id IS NULL)),
  CHECK ((t = 0) = (previous_model_id IS NULL)),
  CHECK (t > 0 OR policy_model_id = base_model_id),
  CHECK ((origin_id IS NULL) = (origin_stage IS NULL))
) STRICT;
INSERT INTO iterations_next (id, run_id, parent_id, t, policy_model_id, previous_model_id, base_model_id, produced_model_id, set_id)
  SELECT id, run_id, parent_id, t, policy_model_id, previous_model_id, base_model_id, produced_model_id,
    (SELECT max(r.id) FROM ranking_sets r WHERE r.iteration_id = iterations.id) FROM iterations;
DROP TABLE iterations;
ALTER TABLE iterations_next RENAME TO iterations;
CREATE INDEX iterations_by_run ON iterations (run_id, t, id);
CREATE INDEX iterations_by_parent ON iterations (parent_id, id);
CREATE TRIGGER iterations_follow_parent BEFORE INSERT ON iterations WHEN NEW.parent_id IS NOT NULL
  AND NEW.t <> 1 + (SELECT t FROM iterations WHERE id = NEW.parent_id)
  BEGIN SELECT RAISE(ABORT, 'an iteration''s t is its parent''s plus 1'); END;
CREATE TRIGGER iterations_branch_off_siblings BEFORE INSERT ON iterations WHEN NEW.origin_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM iterations o WHERE o.id = NEW.origin_id AND o.run_id = NEW.run_id AND o.t = NEW.t AND o.parent_id IS NEW.parent_id)
  BEGIN SELECT RAISE(ABORT, 'a branch has its origin''s t and parent'); END;
CREATE TRIGGER iterations_keep_origin BEFORE UPDATE OF origin_id, origin_stage, samples_id ON iterations
  BEGIN SELECT RAISE(ABORT, 'where a branch comes from does not change'); END;
CREATE TRIGGER iterations_no_delete BEFORE DELETE ON iterations BEGIN SELECT RAISE(ABORT, 'iterations are kept'); END;

CREATE TABLE runs_next (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1, run2, …
  config TEXT NOT NULL CHECK (json_valid(config)),          -- the whole RunConfig that it began with, as JSON
  seed INTEGER NOT NULL CHECK (seed >= 0),                  -- every random choice of the run derives from it
  base_path TEXT NOT NULL,                                  -- folder of M0: linked, so it may be absolute
  base_sha256 TEXT NOT NULL CHECK (length(base_sha256) = 64), -- of M0's weights; proves a moved folder is the same model
  active_iteration_id TEXT REFERENCES iterations (id),      -- the end of the path that is carried on; null before iteration 0 is planned
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')) -- when the run was planned
) STRICT;
INSERT INTO runs_next (id, config, seed, base_path, base_sha256, active_iteration_id, created_at)
  SELECT id, config, seed, base_path, base_sha256, (SELECT i.id FROM iterations i WHERE i.run_id = runs.id ORDER BY i.t DESC, i.id DESC LIMIT 1), created_at FROM runs;
DROP TABLE runs;
ALTER TABLE runs_next RENAME TO runs;
