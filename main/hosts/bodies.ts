/** What browsers send: small JSON messages into memory, files straight to the disk; both with a limit. */
import { randomBytes } from 'node:crypto'
import { createWriteStream, mkdirSync, statfsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../../preload/contract/errors.ts'

/** A request that is not answered, with its HTTP status and what the log says of it. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, reason: string) {
    super(reason)
    this.name = 'Refusal'
    this.status = status
  }
}

const PATIENCE = 10_000 // milliseconds for a message of at most a megabyte

/** @throws Refusal 413 past the limit, 400 for what is no JSON, 408 when it does not come */
export async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  const timer = setTimeout(() => request.destroy(new Refusal(408, 'slow message')), PATIENCE)
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > limit) throw new Refusal(413, 'oversized message')
      chunks.push(chunk)
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(400, error instanceof SyntaxError ? 'malformed message' : 'broken message')
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Streams an upload into a folder of its own below `folder`, under its own name.
 * @returns the file's path
 * @throws Refusal 413 past the limit, 400 for a name that is none; AppError 'disk-full'
 */
export async function storeUpload(request: IncomingMessage, { folder, name, limit }: { folder: string; name: string; limit: number }): Promise<string> {
  if (name === '' || name.length > 200 || /^\.|[/\\]/.test(name) || [...name].some((character) => character < ' ')) throw new Refusal(400, 'upload with a bad name')
  const announced = Number(request.headers['content-length'] ?? Number.NaN)
  if (announced > limit) throw new Refusal(413, 'oversized upload')
  const target = join(folder, randomBytes(8).toString('hex'))
  mkdirSync(target, { recursive: true })
  const { bavail, bsize } = statfsSync(folder)
  if (announced > bavail * bsize) throw new AppError('disk-full', `The file needs ${Math.ceil(announced / 1e6)} MB, and less is free in ${folder}; make room and upload it again.`)
  const partial = join(target, 'partial')
  try {
    await pipeline(request, limitTo(limit), createWriteStream(partial, { flags: 'wx' }))
  } catch (error) {
    await rm(target, { recursive: true, force: true })
    if (error instanceof Refusal) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw new AppError('disk-full', `The disk is full: the file could not be stored in ${folder}; make room and upload it again.`, error)
    throw new Refusal(400, 'broken upload')
  }
  await rename(partial, join(target, name))
  return join(target, name)
}

/** Content-Length is a promise: the bytes are counted. */
function limitTo(limit: number): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length
      if (bytes > limit) done(new Refusal(413, 'oversized upload'))
      else done(null, chunk)
    },
  })
}
