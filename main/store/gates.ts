/** Decisions at the gate between spot-check and training, and the label that each left of every pair. Append-only; the newest of an iteration counts. */
import { all, get, inTransaction, run } from './database.ts'
import type { Database } from './database.ts'

export interface Gate {
  id: string
  iterationId: string
  setId: string
  /** 'not-audited' = a run without a person at the gate. */
  choice: 'passed' | 'keep-only' | 'resample' | 'train-anyway' | 'skip' | 'not-audited'
  /** Of 'keep-only': null = no bound. */
  minConsistency: number | null
  minMargin: number | null
  /** Of 'train-anyway'. */
  reason: string | null
  /** Verdicts change no label. */
  measureOnly: boolean
  /** The newest session that was closed then. */
  auditId: string | null
  idempotencyKey: string
  decidedAt: string
}
type GateRow = Omit<Gate, 'measureOnly'> & { measureOnly: number }

/** A pair as a decision left it. */
export interface Label {
  gateId: string
  promptId: string
  /** Whose label it is; 'dropped' = not trained on. */
  source: 'judge' | 'person' | 'dropped'
  effect: 'kept' | 'swapped' | 'dropped-tie' | 'dropped-flag' | 'filtered' | 'skipped' | 'not-audited'
  /** As trained; the judge's where dropped. */
  chosenId: string
  rejectedId: string
  /** The C its loss uses; null where dropped. */
  consistency: number | null
}

/** A decision with its labels, in one transaction; its id is `run1.i1.gate1`, counted from 1 within the iteration. */
export function insertGate(db: Database, gate: Omit<Gate, 'id' | 'decidedAt'>, labels: readonly Omit<Label, 'gateId'>[]): Gate {
  return inTransaction(db, () => {
    const id = `${gate.iterationId}.gate${gatesOf(db, gate.iterationId).length + 1}`
    run(
      db,
      `INSERT INTO gates (id, iteration_id, set_id, choice, min_consistency, min_margin, reason, measure_only, audit_id, idempotency_key)
       VALUES (@id, @iterationId, @setId, @choice, @minConsistency, @minMargin, @reason, @measureOnly, @auditId, @idempotencyKey)`,
      { ...gate, id, measureOnly: Number(gate.measureOnly) },
    )
    for (const label of labels) {
      run(
        db,
        `INSERT INTO labels (gate_id, prompt_id, source, effect, chosen_id, rejected_id, consistency)
         VALUES (@gateId, @promptId, @source, @effect, @chosenId, @rejectedId, @consistency)`,
        { ...label, gateId: id },
      )
    }
    return gateOn(db, gate.iterationId, gate.setId)!
  })
}

/** Of an iteration, oldest first. */
export function gatesOf(db: Database, iterationId: string): Gate[] {
  return all<GateRow>(db, 'SELECT * FROM gates WHERE iteration_id = @iterationId ORDER BY rowid', { iterationId }).map(fromRow)
}

/** The newest of an iteration on this ranking set: it counts. */
export function gateOn(db: Database, iterationId: string, setId: string): Gate | undefined {
  const row = get<GateRow>(db, 'SELECT * FROM gates WHERE iteration_id = @iterationId AND set_id = @setId ORDER BY rowid DESC LIMIT 1', { iterationId, setId })
  return row && fromRow(row)
}

export function gateByKey(db: Database, key: string): Gate | undefined {
  const row = get<GateRow>(db, 'SELECT * FROM gates WHERE idempotency_key = @key', { key })
  return row && fromRow(row)
}

/** By prompt. */
export function labelsOf(db: Database, gateId: string): Label[] {
  return all(db, 'SELECT * FROM labels WHERE gate_id = @gateId ORDER BY prompt_id', { gateId })
}

/** Pairs by who labelled them. */
export function labelCounts(db: Database, gateId: string): Record<Label['source'], number> {
  const rows = all<{ source: Label['source']; pairs: number }>(db, 'SELECT source, count(*) AS pairs FROM labels WHERE gate_id = @gateId GROUP BY source', { gateId })
  return { judge: 0, person: 0, dropped: 0, ...Object.fromEntries(rows.map(({ source, pairs }) => [source, pairs])) }
}

/** What every decision made of a prompt's pair, by iteration, oldest first. */
export function labelsOfPrompt(db: Database, promptId: string): (Label & Pick<Gate, 'iterationId' | 'setId'>)[] {
  return all(db, 'SELECT l.*, g.iteration_id, g.set_id FROM labels l JOIN gates g ON g.id = l.gate_id WHERE l.prompt_id = @promptId ORDER BY g.iteration_id, g.rowid', { promptId })
}

const fromRow = (row: GateRow): Gate => ({ ...row, measureOnly: row.measureOnly === 1 })
