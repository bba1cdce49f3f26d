-- What a table of prompts shows and sorts by, one row for each prompt of a ranking set. Derived: triggers keep it from the
-- stored facts (consistencies, rankings, pairs, skips), which stay the only truth; a window on 20 000 prompts is then an index walk.

CREATE TABLE ranked_prompts (
  set_id TEXT NOT NULL REFERENCES ranking_sets (id),        -- the set
  prompt_id TEXT NOT NULL REFERENCES prompts (id),          -- x
  position INTEGER NOT NULL,                                -- place in the imported file
  task TEXT,                                                -- the task it was taken from
  agreement REAL,                                           -- as in consistencies; null with its reason, or where nothing was ranked
  consistency REAL,                                         -- C_j, before any clamp
  null_reason TEXT,                                         -- why C_j is null
  current_ties INTEGER NOT NULL DEFAULT 0,                  -- tied pairs in J
  previous_ties INTEGER NOT NULL DEFAULT 0,                 -- tied pairs in K
  flipped INTEGER NOT NULL DEFAULT 0 CHECK (flipped IN (0, 1)), -- K puts J's worst above J's best by more than K's tolerance
  responses INTEGER NOT NULL DEFAULT 0,                     -- distinct texts
  length_ratio REAL,                                        -- tokens of chosen / of rejected; null without a pair
  margin REAL,                                              -- r(chosen) − r(rejected); null without a pair
  label REAL,                                               -- the C of the pair; null without one
  skip_reason TEXT,                                         -- why there is no pair
  PRIMARY KEY (set_id, prompt_id)
) STRICT, WITHOUT ROWID;

-- One for each order; the columns behind the key are those that filters ask for, so that a walk touches no row it leaves out.
CREATE INDEX ranked_prompts_by_position ON ranked_prompts (set_id, position, task, consistency, flipped, label, skip_reason);
CREATE INDEX ranked_prompts_by_consistency ON ranked_prompts (set_id, consistency, position, task, flipped, label, skip_reason);
CREATE INDEX ranked_prompts_by_margin ON ranked_prompts (set_id, margin, position, task, consistency, flipped, label, skip_reason);
CREATE INDEX ranked_prompts_by_length_ratio ON ranked_prompts (set_id, length_ratio, position, task, consistency, flipped, label, skip_reason);
CREATE INDEX prompts_by_task ON prompts (run_id, share, task, position);

CREATE VIEW measured_prompts AS
  SELECT c.set_id, c.prompt_id, p.position, p.task, c.agreement, c.consistency, c.null_reason, c.current_ties, c.previous_ties,
    coalesce((SELECT e.value ->> 'reward' FROM json_each(k.rewards) e WHERE e.value ->> 'responseId' = j.ordering ->> '$[#-1]')
      - (SELECT e.value ->> 'reward' FROM json_each(k.rewards) e WHERE e.value ->> 'responseId' = j.ordering ->> 0) > s.previous_tolerance, 0) AS flipped,
    coalesce(json_array_length(j.rewards), 0) AS responses
  FROM consistencies c
  JOIN ranking_sets s ON s.id = c.set_id
  JOIN prompts p ON p.id = c.prompt_id
  LEFT JOIN rankings j ON j.set_id = c.set_id AND j.prompt_id = c.prompt_id AND j.judge = 'current'
  LEFT JOIN rankings k ON k.set_id = c.set_id AND k.prompt_id = c.prompt_id AND k.judge = 'previous';

CREATE VIEW paired_prompts AS
  SELECT q.set_id, q.prompt_id, p.position, p.task, q.margin, q.consistency AS label,
    CAST(length(chosen.token_ids) AS REAL) / nullif(length(rejected.token_ids), 0) AS length_ratio
  FROM pairs q
  JOIN prompts p ON p.id = q.prompt_id
  JOIN responses chosen ON chosen.id = q.chosen_id
  JOIN responses rejected ON rejected.id = q.rejected_id;

CREATE TRIGGER ranked_prompts_unsampled AFTER INSERT ON ranking_sets BEGIN
  INSERT INTO ranked_prompts (set_id, prompt_id, position, task, skip_reason)
    SELECT NEW.id, p.id, p.position, p.task, p.skip_reason FROM iterations i JOIN prompts p ON p.run_id = i.run_id AND p.share = 1 + (i.t - 1) % (SELECT max(share) FROM prompts WHERE run_id = i.run_id)
    WHERE i.id = NEW.iteration_id AND p.skip_reason IS NOT NULL;
END;
CREATE TRIGGER ranked_prompts_measured AFTER INSERT ON consistencies BEGIN
  INSERT INTO ranked_prompts (set_id, prompt_id, position, task, agreement, consistency, null_reason, current_ties, previous_ties, flipped, responses)
    SELECT * FROM measured_prompts WHERE set_id = NEW.set_id AND prompt_id = NEW.prompt_id
    ON CONFLICT DO UPDATE SET agreement = excluded.agreement, consistency = excluded.consistency, null_reason = excluded.null_reason,
      current_ties = excluded.current_ties, previous_ties = excluded.previous_ties, flipped = excluded.flipped, responses = excluded.responses;
END;
CREATE TRIGGER ranked_prompts_paired AFTER INSERT ON pairs BEGIN
  INSERT INTO ranked_prompts (set_id, prompt_id, position, task, margin, label, length_ratio)
    SELECT * FROM paired_prompts WHERE set_id = NEW.set_id AND prompt_id = NEW.prompt_id
    ON CONFLICT DO UPDATE SET margin = excluded.margin, label = excluded.label, length_ratio = excluded.length_ratio;
END;
CREATE TRIGGER ranked_prompts_skipped AFTER INSERT ON skips BEGIN
  INSERT INTO ranked_prompts (set_id, prompt_id, position, task, skip_reason)
    SELECT NEW.set_id, p.id, p.position, p.task, NEW.reason FROM prompts p WHERE p.id = NEW.prompt_id
    ON CONFLICT DO UPDATE SET skip_reason = excluded.skip_reason;
END;

-- What older projects hold already.
INSERT INTO ranked_prompts (set_id, prompt_id, position, task, agreement, consistency, null_reason, current_ties, previous_ties, flipped, responses)
  SELECT * FROM measured_prompts;
INSERT INTO ranked_prompts (set_id, prompt_id, position, task, margin, label, length_ratio)
  SELECT * FROM paired_prompts WHERE true
  ON CONFLICT DO UPDATE SET margin = excluded.margin, label = excluded.label, length_ratio = excluded.length_ratio;
INSERT INTO ranked_prompts (set_id, prompt_id, position, task, skip_reason)
  SELECT k.set_id, k.prompt_id, p.position, p.task, k.reason FROM skips k JOIN prompts p ON p.id = k.prompt_id WHERE true
  ON CONFLICT DO UPDATE SET skip_reason = excluded.skip_reason;
INSERT INTO ranked_prompts (set_id, prompt_id, position, task, skip_reason)
  SELECT s.id, p.id, p.position, p.task, p.skip_reason FROM ranking_sets s JOIN iterations i ON i.id = s.iteration_id
    JOIN prompts p ON p.run_id = i.run_id AND p.share = 1 + (i.t - 1) % (SELECT max(share) FROM prompts WHERE run_id = i.run_id) WHERE p.skip_reason IS NOT NULL
  ON CONFLICT DO NOTHING;
