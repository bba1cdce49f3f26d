-- The nouns of a project. The comment beside a column is its entry in the data dictionary.
-- Ids are derived from plan order (ids.ts), never random; moments stand only in columns named *_at (ISO 8601, UTC),
-- durations only in *_ms: without those columns an interrupted run equals an uninterrupted one.

CREATE TABLE runs (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1, run2, …
  config TEXT NOT NULL CHECK (json_valid(config)),          -- the whole RunConfig, as JSON
  seed INTEGER NOT NULL CHECK (seed >= 0),                  -- every random choice of the run derives from it
  base_path TEXT NOT NULL,                                  -- folder of M0: linked, so it may be absolute
  base_sha256 TEXT NOT NULL CHECK (length(base_sha256) = 64), -- of M0's weights; proves a moved folder is the same model
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')) -- when the run was planned
) STRICT;

CREATE TABLE models (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.M2
  run_id TEXT NOT NULL REFERENCES runs (id),                -- the run it belongs to
  name TEXT NOT NULL,                                       -- M0, M1, …
  parent_id TEXT REFERENCES models (id),                    -- the model it was trained from; null for M0
  kind TEXT NOT NULL CHECK (kind IN ('base', 'adapter', 'full')), -- linked M0, a LoRA snapshot, or a whole weight set
  path TEXT CHECK (path NOT GLOB '/*' AND path NOT GLOB '?:*' AND path NOT GLOB '*\*' AND path NOT GLOB '*..*'), -- relative to the project; null for the base
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),         -- of its weights
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), -- when it was committed
  UNIQUE (run_id, name),
  CHECK ((kind = 'base') = (path IS NULL)),
  CHECK (kind <> 'base' OR parent_id IS NULL)
) STRICT;

-- M_t → M_{t+1}. A tree: another branch of t is another child of the same parent. Iteration 0 is SFT (M0 → M1).
CREATE TABLE iterations (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.i1; a later branch of it is run1.i1b1
  run_id TEXT NOT NULL REFERENCES runs (id),                -- the run it belongs to
  parent_id TEXT REFERENCES iterations (id),                -- the iteration that produced its policy; null for t = 0
  t INTEGER NOT NULL CHECK (t >= 0),                        -- the paper's iteration index
  policy_model_id TEXT NOT NULL REFERENCES models (id),     -- θ_t: samples, judges, is trained
  previous_model_id TEXT REFERENCES models (id),            -- θ_{t−1}: the other judge; null for t = 0
  base_model_id TEXT NOT NULL REFERENCES models (id),       -- θ_0: the reference of every reward
  produced_model_id TEXT REFERENCES models (id),            -- θ_{t+1}; null until it is trained
  UNIQUE (id, policy_model_id),
  UNIQUE (id, produced_model_id),
  FOREIGN KEY (parent_id, policy_model_id) REFERENCES iterations (id, produced_model_id),
  FOREIGN KEY (parent_id, previous_model_id) REFERENCES iterations (id, policy_model_id),
  CHECK ((t = 0) = (parent_id IS NULL)),
  CHECK ((t = 0) = (previous_model_id IS NULL)),
  CHECK (t > 0 OR policy_model_id = base_model_id)
) STRICT;
CREATE INDEX iterations_by_run ON iterations (run_id, t, id);
CREATE INDEX iterations_by_parent ON iterations (parent_id, id);

CREATE TABLE stages (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.i1.sample
  iteration_id TEXT NOT NULL REFERENCES iterations (id),    -- the iteration it is a part of
  stage TEXT NOT NULL CHECK (stage IN ('tune', 'sample', 'score', 'rank', 'pair', 'audit', 'train', 'evaluate', 'export')), -- which one
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'paused', 'done', 'failed', 'stale')), -- done = every batch is committed
  input_hash TEXT,                                          -- of all it depends on; another hash makes it stale
  error TEXT,                                               -- the sentence of a failed stage
  started_at TEXT,                                          -- last start
  finished_at TEXT,                                         -- when it was done or failed
  UNIQUE (iteration_id, stage),
  CHECK ((status = 'failed') = (error IS NOT NULL))
) STRICT;

-- Planned once, committed one by one; an uncommitted batch is redone whole, so that its bytes repeat.
CREATE TABLE batches (
  stage_id TEXT NOT NULL REFERENCES stages (id),            -- the stage it is a part of
  position INTEGER NOT NULL CHECK (position >= 0),          -- plan order
  content TEXT NOT NULL CHECK (json_valid(content)),        -- what it works on, e.g. a list of prompt ids, as JSON
  bucket INTEGER CHECK (bucket > 0),                        -- padded length in tokens, where the batch has one
  status TEXT NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'committed')), -- committed with its rows
  committed_at TEXT,                                        -- when
  PRIMARY KEY (stage_id, position),
  CHECK ((status = 'committed') = (committed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_planned ON batches (stage_id, position) WHERE status = 'planned';

CREATE TABLE prompts (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.p00007
  run_id TEXT NOT NULL REFERENCES runs (id),                -- the run it belongs to
  position INTEGER NOT NULL CHECK (position >= 0),          -- place in the imported file
  share INTEGER NOT NULL CHECK (share >= 1),                -- the t whose iterations use it: its even part of D_U
  source_id TEXT,                                           -- the file's own id, where it has one
  input TEXT NOT NULL CHECK (json_valid(input)),            -- PromptInput: a text or messages, as JSON
  token_ids BLOB NOT NULL CHECK (length(token_ids) % 4 = 0), -- templated and tokenised, int32 little-endian
  answer TEXT,                                              -- the gold answer, where there is one
  task TEXT,                                                -- the task it was taken from
  skip_reason TEXT CHECK (skip_reason IN ('prompt-too-long')), -- why nothing is sampled for it
  UNIQUE (run_id, position)
) STRICT;
CREATE INDEX prompts_by_share ON prompts (run_id, share, position);

CREATE TABLE responses (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.i1.p00007.r3
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x
  iteration_id TEXT NOT NULL REFERENCES iterations (id),    -- the iteration whose policy wrote it
  position INTEGER NOT NULL CHECK (position >= 0),          -- 0 … N−1
  text TEXT NOT NULL,                                       -- y as text
  token_ids BLOB NOT NULL CHECK (length(token_ids) % 4 = 0), -- the completion, int32 little-endian
  finish_reason TEXT NOT NULL CHECK (finish_reason IN ('eos', 'length')), -- ended by itself, or cut
  seed INTEGER NOT NULL CHECK (seed >= 0),                  -- of this response's sampler
  sampling TEXT NOT NULL CHECK (json_valid(sampling)),      -- temperature, top-p, …, as JSON
  is_correct INTEGER CHECK (is_correct IN (0, 1)),          -- against the gold answer; null where there is none
  UNIQUE (iteration_id, prompt_id, position),
  UNIQUE (prompt_id, id)
) STRICT;

CREATE TABLE scores (
  response_id TEXT NOT NULL REFERENCES responses (id),      -- y
  model_id TEXT NOT NULL REFERENCES models (id),            -- θ, the judge
  logps REAL NOT NULL CHECK (abs(logps) < 9e999),           -- Σ log π_θ over the completion, nats
  mean_logps REAL NOT NULL CHECK (abs(mean_logps) < 9e999), -- logps / tokens
  tokens INTEGER NOT NULL CHECK (tokens > 0),               -- completion tokens summed over
  PRIMARY KEY (response_id, model_id)
) STRICT;

CREATE TABLE external_rewards (
  response_id TEXT NOT NULL REFERENCES responses (id),      -- y
  source TEXT NOT NULL,                                     -- who rewards: 'answers', a file's name, a judge prompt
  reward REAL NOT NULL CHECK (abs(reward) < 9e999),         -- higher is better
  PRIMARY KEY (response_id, source)
) STRICT, WITHOUT ROWID;

-- One way of ranking one iteration; owns its rankings and consistencies. Another statistic is another set.
CREATE TABLE ranking_sets (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.i1.set0
  iteration_id TEXT NOT NULL REFERENCES iterations (id),    -- whose responses are ranked
  statistic TEXT NOT NULL CHECK (statistic IN ('tau-b', 'tau-a', 'spearman', 'toporder')), -- how agreement is measured
  first_iteration_rule TEXT CHECK (first_iteration_rule IN ('mean-logps', 'reference-code')), -- null for t > 1
  current_model_id TEXT NOT NULL REFERENCES models (id),    -- the judge of J
  current_measure TEXT NOT NULL CHECK (current_measure IN ('log-ratio', 'mean-logps')), -- what J ranks by
  current_tolerance REAL NOT NULL CHECK (current_tolerance >= 0), -- rewards this near are tied, in J's unit
  previous_model_id TEXT NOT NULL REFERENCES models (id),   -- the judge of K
  previous_measure TEXT NOT NULL CHECK (previous_measure IN ('log-ratio', 'mean-logps')), -- what K ranks by
  previous_tolerance REAL NOT NULL CHECK (previous_tolerance >= 0), -- the same in K's unit
  reward_tolerance REAL NOT NULL CHECK (reward_tolerance >= 0), -- the same for the log-ratio under current_model_id, which makes the pairs
  mean_consistency REAL CHECK (mean_consistency BETWEEN 0 AND 1), -- C; null when every prompt's is
  chance TEXT NOT NULL CHECK (json_valid(chance))           -- figures of the chance band, as JSON
) STRICT;
CREATE INDEX ranking_sets_by_iteration ON ranking_sets (iteration_id, id);

CREATE TABLE rankings (
  set_id TEXT NOT NULL REFERENCES ranking_sets (id),        -- the set it belongs to
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x
  judge TEXT NOT NULL CHECK (judge IN ('current', 'previous')), -- J or K
  rewards TEXT NOT NULL CHECK (json_valid(rewards)),        -- [{responseId, reward, count}]: distinct texts with counts
  ordering TEXT NOT NULL CHECK (json_valid(ordering)),      -- response ids, best first
  PRIMARY KEY (set_id, prompt_id, judge)
) STRICT, WITHOUT ROWID;
CREATE INDEX rankings_by_prompt ON rankings (prompt_id);

CREATE TABLE consistencies (
  set_id TEXT NOT NULL REFERENCES ranking_sets (id),        -- the set it belongs to
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x_j
  agreement REAL CHECK (agreement BETWEEN -1 AND 1),        -- the set's statistic: τ_j for tau-b and tau-a, rho, or 0/1
  consistency REAL CHECK (consistency BETWEEN 0 AND 1),     -- C_j, before any clamp
  null_reason TEXT CHECK (null_reason IN ('current-constant', 'previous-constant', 'too-few-distinct')), -- why C_j is null
  current_ties INTEGER NOT NULL CHECK (current_ties >= 0),  -- tied pairs in J
  previous_ties INTEGER NOT NULL CHECK (previous_ties >= 0), -- tied pairs in K
  PRIMARY KEY (set_id, prompt_id),
  CHECK ((consistency IS NULL) = (null_reason IS NOT NULL)),
  CHECK ((consistency IS NULL) = (agreement IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX consistencies_by_prompt ON consistencies (prompt_id);

CREATE TABLE pairs (
  set_id TEXT NOT NULL REFERENCES ranking_sets (id),        -- the ranking it was made from
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x
  chosen_id TEXT NOT NULL,                                  -- y+
  rejected_id TEXT NOT NULL CHECK (rejected_id <> chosen_id), -- y−
  margin REAL NOT NULL CHECK (margin > 0 AND margin < 9e999), -- reward of chosen − reward of rejected
  consistency REAL NOT NULL CHECK (consistency BETWEEN 0 AND 1), -- the C its loss uses, after mean and clamp
  PRIMARY KEY (set_id, prompt_id),
  FOREIGN KEY (prompt_id, chosen_id) REFERENCES responses (prompt_id, id),
  FOREIGN KEY (prompt_id, rejected_id) REFERENCES responses (prompt_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pairs_by_prompt ON pairs (prompt_id);

CREATE TABLE skips (
  set_id TEXT NOT NULL REFERENCES ranking_sets (id),        -- the ranking that gave no pair
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x
  reason TEXT NOT NULL CHECK (reason IN ('prompt-too-long', 'too-few-distinct', 'rewards-tied', 'chosen-truncated', 'no-consistency', 'no-reward')), -- why
  PRIMARY KEY (set_id, prompt_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX skips_by_prompt ON skips (prompt_id);

-- Belong to (prompt, response a, response b), so they follow into every branch. An undo is a row of its own.
CREATE TABLE verdicts (
  id INTEGER PRIMARY KEY,                                   -- in the order given
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x
  response_a_id TEXT NOT NULL,                              -- as shown on side a
  response_b_id TEXT NOT NULL CHECK (response_b_id <> response_a_id), -- as shown on side b
  verdict TEXT CHECK (verdict IN ('a', 'b', 'tie', 'unsure')), -- the better side; null in an undo
  undone_of INTEGER UNIQUE REFERENCES verdicts (id),        -- the verdict this row takes back
  annotator TEXT NOT NULL,                                  -- who judged
  criterion TEXT NOT NULL,                                  -- by what
  idempotency_key TEXT NOT NULL UNIQUE,                     -- of the request, so that a repeat adds no row
  elapsed_ms INTEGER NOT NULL CHECK (elapsed_ms >= 0),      -- from shown to judged
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), -- when
  FOREIGN KEY (prompt_id, response_a_id) REFERENCES responses (prompt_id, id),
  FOREIGN KEY (prompt_id, response_b_id) REFERENCES responses (prompt_id, id),
  CHECK ((verdict IS NULL) = (undone_of IS NOT NULL))
) STRICT;
CREATE INDEX verdicts_by_prompt ON verdicts (prompt_id);

CREATE TABLE training_steps (
  stage_id TEXT NOT NULL REFERENCES stages (id),            -- the tune or train stage; its iteration names the model
  step INTEGER NOT NULL CHECK (step >= 1),                  -- optimiser updates done, counted from 1
  metrics TEXT NOT NULL CHECK (json_valid(metrics)),        -- TRL's keys: loss, rewards/*, logps/*, grad_norm, learning_rate; no times
  tokens INTEGER NOT NULL CHECK (tokens >= 0),              -- tokens of this step, both sides
  elapsed_ms REAL NOT NULL CHECK (elapsed_ms >= 0),         -- how long it took
  PRIMARY KEY (stage_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
  stage_id TEXT NOT NULL REFERENCES stages (id),            -- the stage it resumes or ends
  kind TEXT NOT NULL CHECK (kind IN ('training', 'final')), -- with optimiser state (the newest two are kept), or the result
  step INTEGER NOT NULL CHECK (step >= 0),                  -- optimiser updates it contains
  path TEXT NOT NULL CHECK (path NOT GLOB '/*' AND path NOT GLOB '?:*' AND path NOT GLOB '*\*' AND path NOT GLOB '*..*'), -- relative to the project
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),         -- of the file
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), -- when it was committed
  PRIMARY KEY (stage_id, step, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluations (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.M1.sums.greedy.strict
  model_id TEXT NOT NULL REFERENCES models (id),            -- who answers
  task TEXT NOT NULL,                                       -- the held-out task
  decoding TEXT NOT NULL CHECK (decoding IN ('greedy', 'sampled')), -- how it answers
  scorer TEXT NOT NULL CHECK (scorer IN ('cream', 'strict', 'exact')), -- how answers are read; never compared with each other
  correct INTEGER CHECK (correct BETWEEN 0 AND total),      -- right answers; null until finished
  total INTEGER CHECK (total > 0),                          -- answers (items × samples); null until finished
  details TEXT CHECK (json_valid(details)),                 -- more figures, as JSON
  UNIQUE (model_id, task, decoding, scorer),
  CHECK ((correct IS NULL) = (total IS NULL))
) STRICT;

CREATE TABLE evaluation_items (
  evaluation_id TEXT NOT NULL REFERENCES evaluations (id),  -- the evaluation it counts for
  item_id TEXT NOT NULL,                                    -- the task's own id of the question: pairs two models
  sample INTEGER NOT NULL CHECK (sample >= 0),              -- 0 … samples−1; greedy has only 0
  is_correct INTEGER NOT NULL CHECK (is_correct IN (0, 1)), -- did the scorer accept it
  extracted TEXT,                                           -- the answer it read; null when it found none
  text TEXT NOT NULL,                                       -- the whole completion
  finish_reason TEXT NOT NULL CHECK (finish_reason IN ('eos', 'length')), -- ended by itself, or cut
  PRIMARY KEY (evaluation_id, item_id, sample)
) STRICT;

CREATE TABLE exports (
  model_id TEXT NOT NULL REFERENCES models (id),            -- what was exported
  format TEXT NOT NULL,                                     -- hugging-face, peft, onnx, gguf
  path TEXT NOT NULL,                                       -- relative to the project when inside it
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),         -- of the file, or of the folder's list of hashes
  verification TEXT NOT NULL CHECK (json_valid(verification)), -- what was proven and how, as JSON
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), -- when
  PRIMARY KEY (model_id, format, path)
) STRICT, WITHOUT ROWID;

-- Invariants that cross rows.
CREATE TRIGGER iterations_follow_parent BEFORE INSERT ON iterations WHEN NEW.parent_id IS NOT NULL
  AND NEW.t <> 1 + (SELECT t FROM iterations WHERE id = NEW.parent_id)
  BEGIN SELECT RAISE(ABORT, 'an iteration''s t is its parent''s plus 1'); END;
CREATE TRIGGER stages_done_when_committed BEFORE UPDATE OF status ON stages WHEN NEW.status = 'done'
  AND EXISTS (SELECT 1 FROM batches WHERE stage_id = NEW.id AND status = 'planned')
  BEGIN SELECT RAISE(ABORT, 'a stage with uncommitted batches is not done'); END;
CREATE TRIGGER batches_stay_committed BEFORE UPDATE ON batches WHEN OLD.status = 'committed'
  BEGIN SELECT RAISE(ABORT, 'a committed batch does not change'); END;
CREATE TRIGGER batches_are_kept BEFORE DELETE ON batches WHEN OLD.status = 'committed'
  BEGIN SELECT RAISE(ABORT, 'a committed batch is not deleted'); END;
CREATE TRIGGER pairs_or_skip BEFORE INSERT ON pairs
  WHEN EXISTS (SELECT 1 FROM skips WHERE set_id = NEW.set_id AND prompt_id = NEW.prompt_id)
  BEGIN SELECT RAISE(ABORT, 'the prompt is already skipped in this set'); END;
CREATE TRIGGER skips_or_pair BEFORE INSERT ON skips
  WHEN EXISTS (SELECT 1 FROM pairs WHERE set_id = NEW.set_id AND prompt_id = NEW.prompt_id)
  BEGIN SELECT RAISE(ABORT, 'the prompt already has a pair in this set'); END;
CREATE TRIGGER verdicts_undo_verdicts BEFORE INSERT ON verdicts WHEN NEW.undone_of IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM verdicts WHERE id = NEW.undone_of AND prompt_id = NEW.prompt_id AND verdict IS NOT NULL)
  BEGIN SELECT RAISE(ABORT, 'only a verdict on the same prompt can be undone'); END;

-- Append-only tables. (The connection sets recursive_triggers, so that REPLACE meets the delete triggers too.)
CREATE TRIGGER responses_keep_content BEFORE UPDATE OF id, prompt_id, iteration_id, position, text, token_ids, finish_reason, seed, sampling ON responses
  BEGIN SELECT RAISE(ABORT, 'responses are append-only'); END;
CREATE TRIGGER responses_no_delete BEFORE DELETE ON responses BEGIN SELECT RAISE(ABORT, 'responses are append-only'); END;
CREATE TRIGGER scores_no_update BEFORE UPDATE ON scores BEGIN SELECT RAISE(ABORT, 'scores are append-only'); END;
CREATE TRIGGER scores_no_delete BEFORE DELETE ON scores BEGIN SELECT RAISE(ABORT, 'scores are append-only'); END;
CREATE TRIGGER rankings_no_update BEFORE UPDATE ON rankings BEGIN SELECT RAISE(ABORT, 'rankings are append-only'); END;
CREATE TRIGGER rankings_no_delete BEFORE DELETE ON rankings BEGIN SELECT RAISE(ABORT, 'rankings are append-only'); END;
CREATE TRIGGER consistencies_no_update BEFORE UPDATE ON consistencies BEGIN SELECT RAISE(ABORT, 'consistencies are append-only'); END;
CREATE TRIGGER consistencies_no_delete BEFORE DELETE ON consistencies BEGIN SELECT RAISE(ABORT, 'consistencies are append-only'); END;
CREATE TRIGGER pairs_no_update BEFORE UPDATE ON pairs BEGIN SELECT RAISE(ABORT, 'pairs are append-only'); END;
CREATE TRIGGER pairs_no_delete BEFORE DELETE ON pairs BEGIN SELECT RAISE(ABORT, 'pairs are append-only'); END;
CREATE TRIGGER skips_no_update BEFORE UPDATE ON skips BEGIN SELECT RAISE(ABORT, 'skips are append-only'); END;
CREATE TRIGGER skips_no_delete BEFORE DELETE ON skips BEGIN SELECT RAISE(ABORT, 'skips are append-only'); END;
CREATE TRIGGER verdicts_no_update BEFORE UPDATE ON verdicts BEGIN SELECT RAISE(ABORT, 'verdicts are append-only'); END;
CREATE TRIGGER verdicts_no_delete BEFORE DELETE ON verdicts BEGIN SELECT RAISE(ABORT, 'verdicts are append-only'); END;
CREATE TRIGGER training_steps_no_update BEFORE UPDATE ON training_steps BEGIN SELECT RAISE(ABORT, 'training_steps are append-only'); END;
CREATE TRIGGER training_steps_no_delete BEFORE DELETE ON training_steps BEGIN SELECT RAISE(ABORT, 'training_steps are append-only'); END;
