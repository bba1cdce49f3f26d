/** The stream of events to one renderer: first what it missed (or a snapshot), then everything as it happens. */
import type { Cursor, EventMessage } from '../../preload/contract/events.ts'
import type { Workbench } from '../ipc/workbench.ts'

export interface Stream {
  send(message: EventMessage): void
  /** More is waiting to be sent than a healthy connection would leave. */
  isBehind(): boolean
  close(): void
}

/** @returns the end of it */
export function streamEvents(workbench: Workbench, from: Cursor | null, stream: Stream): () => void {
  const { events } = workbench
  const { epoch } = events
  const missed = from && events.since(from)
  if (missed === null) stream.send({ kind: 'snapshot', ...workbench.snapshot() })
  else if (missed.length > 0) stream.send({ kind: 'events', epoch, events: missed })
  const end = events.listen((event) => {
    if (stream.isBehind()) { // it connects again and asks from where it is
      end()
      stream.close()
      return
    }
    stream.send({ kind: 'events', epoch, events: [event] })
  })
  return end
}
