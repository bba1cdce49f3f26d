-- How long a training is, so that a paused one says how much is left. Built anew, so that each column keeps its comment.

CREATE TABLE stages_next (
  id TEXT PRIMARY KEY NOT NULL,                             -- run1.i1.sample
  iteration_id TEXT NOT NULL REFERENCES iterations (id),    -- the iteration it is a part of
  stage TEXT NOT NULL CHECK (stage IN ('tune', 'sample', 'score', 'rank', 'pair', 'audit', 'train', 'evaluate', 'export')), -- which one
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'paused', 'done', 'failed', 'stale')), -- done = every batch is committed
  input_hash TEXT,                                          -- of all it depends on; another hash makes it stale
  planned_steps INTEGER CHECK (planned_steps >= 0),         -- optimiser steps of a training; null before it has begun
  error TEXT,                                               -- the sentence of a failed stage
  started_at TEXT,                                          -- last start
  finished_at TEXT,                                         -- when it was done or failed
  UNIQUE (iteration_id, stage),
  CHECK ((status = 'failed') = (error IS NOT NULL))
) STRICT;
INSERT INTO stages_next (id, iteration_id, stage, status, input_hash, planned_steps, error, started_at, finished_at)
  SELECT id, iteration_id, stage, status, input_hash,
    CASE WHEN status = 'done' AND stage IN ('tune', 'train') THEN (SELECT count(*) FROM training_steps WHERE stage_id = stages.id) END,
    error, started_at, finished_at FROM stages;
DROP TABLE stages;
ALTER TABLE stages_next RENAME TO stages;
CREATE TRIGGER stages_done_when_committed BEFORE UPDATE OF status ON stages WHEN NEW.status = 'done'
  AND EXISTS (SELECT 1 FROM batches WHERE stage_id = NEW.id AND status = 'planned')
  BEGIN SELECT RAISE(ABORT, 'a stage with uncommitted batches is not done'); END;
