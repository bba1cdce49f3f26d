/** What Creamery lacks for well-known architectures that it refuses, by class name. */
const LACKING: readonly (readonly [RegExp, string])[] = [
  [/^(T5|Bart|Bert|Roberta|Deberta|ModernBert|Whisper|MBart|Pegasus)/i, 'encoders; a causal decoder is needed'],
  [/^(Mixtral|Qwen[23]Moe|Qwen3Next|DeepseekV[23]|GptOss|PhiMoE|OlmoE|Glm4Moe|GraniteMoe|JambaFor|Ernie4_5_Moe)/i, 'mixtures of experts'],
  [/ForConditionalGeneration$|VLFor|^(Llava|Phi4Multimodal|Qwen2Audio)/i, 'inputs beside text, and encoders; export the text model alone'],
  [/^(GPT2|GPTBigCode|OPT)/i, 'learned positions and LayerNorm'],
  [/^(GPTNeoX|GPTJ|CodeGen|PhiFor|StableLm|Falcon|Persimmon|Bloom|MPT)/i, 'LayerNorm, parallel layers, partial rotation or ALiBi'],
  [/^(Mamba|Falcon_?Mamba|RecurrentGemma|Rwkv|Zamba|Bamba|Lfm2)/i, 'recurrent layers'],
  [/^(GemmaFor|Gemma3n|Gemma4)/i, 'this Gemma; Gemma 2 and the text models of Gemma 3 are in'],
  [/^(Olmo|Cohere|Granite|Starcoder2|MiniCPM|Ministral|SmolLM3|Exaone|Nemotron|Glm|InternLM|Baichuan|ChatGLM|Llama4|Phi4)/i, 'layers of its own kind'],
]

/** A clause that says what is missing, or null for a name that is not known here. */
export const lackingFor = (className: string): string | null => LACKING.find(([pattern]) => pattern.test(className))?.[1] ?? null
