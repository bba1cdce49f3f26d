/** y picks from x by index: the gradient is added where it came from. Rows may repeat, so it is added, never stored. */
import { GraphError, show } from '../../onnx/types.ts'
import type { Rules } from '../registry.ts'

export const indexing: Rules = {
  // Rows of a table (the embedding), indices [n, 1]; WebGPU cannot reshape int64, so they must come in scatter's shape.
  Gather: ({ b, g, x: [table, rows], node }) => {
    if (node.attributes['axis'] !== 0 || rows!.shape.at(-1) !== 1) throw new GraphError(`Gather has a gradient for axis 0 and indices [n, 1] only, not for ${show(rows!)}`)
    return [() => b.scatterAdd(b.zeros(table!.shape), rows!, b.reshape(g, [...rows!.shape.slice(0, -1), ...table!.shape.slice(1)])), null]
  },
  TopK: { refuse: 'the choice of the k largest has no gradient here; it belongs to sampling graphs only' },
  ScatterND: { refuse: 'scatter appears in backward graphs only, and those are not differentiated again' },
}
