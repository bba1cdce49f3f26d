/**
 * A process of its own, started with the environment that makes WebGPU find a driver: `generate.ts <models> <name> <dtype>
 * <prompt ids> <count>` prints what transformers.js adds greedily on WebGPU, as JSON.
 */
import { AutoModelForCausalLM, type PreTrainedModel, Tensor, env } from '@huggingface/transformers'

const [models, name, dtype, ids, count] = process.argv.slice(2) as [string, string, 'fp32', string, string]
env.allowRemoteModels = false
env.localModelPath = models
const prompt = ids.split(',').map(BigInt)
const model = await AutoModelForCausalLM.from_pretrained(name, { dtype, device: 'webgpu', local_files_only: true })
const row = (list: bigint[]): Tensor => new Tensor('int64', BigInt64Array.from(list), [1, list.length])
const made = (await model.generate({ inputs: row(prompt), attention_mask: row(prompt.map(() => 1n)), do_sample: false, max_new_tokens: Number(count), eos_token_id: null } as unknown as Parameters<PreTrainedModel['generate']>[0])) as Tensor
console.log(JSON.stringify(Array.from(made.data as BigInt64Array, Number).slice(prompt.length)))
