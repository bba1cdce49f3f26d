/** A utility process begins here: `parentPort` is the only way in and out, and messages come as `{ data }`. */
import { EventEmitter } from 'node:events'
import { pathToFileURL } from 'node:url'

/** What came over the fork's own channel, which a utility process does not have. */
const isCarried = (message: unknown): message is { readonly carried: unknown } => typeof message === 'object' && message !== null && 'carried' in message

const send = process.send!.bind(process)
const emit = process.emit.bind(process) as (name: string, ...args: unknown[]) => boolean
const port = new EventEmitter()
const waiting: unknown[] = []
process.on('message', () => {}) // keeps the channel open; what it brings goes to the port
process.emit = ((name: string, ...args: unknown[]) => {
  const [message] = args
  if (name === 'disconnect') process.exit(0) // Electron ends a utility process with its parent
  if (name !== 'message' || !isCarried(message)) return emit(name, ...args)
  if (port.listenerCount('message') === 0) return waiting.push(message.carried) > 0 // as in a MessagePort
  return port.emit('message', { data: message.carried, ports: [] })
}) as typeof process.emit
for (const name of ['send', 'disconnect', 'connected']) Reflect.deleteProperty(process, name)
Reflect.set(process, 'parentPort', {
  on(name: string, listener: (event: unknown) => void) {
    port.on(name, listener)
    for (const data of waiting.splice(0)) port.emit('message', { data, ports: [] })
  },
  postMessage: (message: unknown) => void send(message as object),
})
const [, , entry, ...args] = process.argv
process.argv = [process.execPath, entry!, ...args]
await import(pathToFileURL(entry!).href)
