/** The tokenizer and configuration files of the bundled model, in Hugging Face's layout: one token per character. */

/** Ids 0 … 5. `<|unk|>` stands for every character that is not printable ASCII. */
export const specialTokens = ['<|pad|>', '<|bos|>', '<|user|>', '<|assistant|>', '<|end|>', '<|unk|>'] as const

const printable = ['\n', ...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))]

/** Token text → id: the specials, a newline, then ASCII 32 … 126. */
export const vocabulary: ReadonlyMap<string, number> = new Map([...specialTokens, ...printable].map((token, id) => [token, id]))

export const chatTemplate = [
  '{{- bos_token -}}',
  '{%- for message in messages -%}',
  "{%- if message['role'] == 'user' -%}{{- '<|user|>' + message['content'] -}}",
  "{%- elif message['role'] == 'assistant' -%}{{- '<|assistant|>' + message['content'] + eos_token -}}",
  "{%- else -%}{{- raise_exception('The bundled model knows the roles user and assistant only.') -}}{%- endif -%}",
  '{%- endfor -%}',
  "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}",
].join('')

/** `tokenizer.json`: BPE without merges is a character model that both Hugging Face runtimes read. */
export function tokenizerJson(): object {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Fuse' }, // without it the runtimes join tokens with spaces
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<|unk|>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary),
      merges: [],
    },
  }
}

const id = (token: (typeof specialTokens)[number]): number => specialTokens.indexOf(token)
const maxLength = 128

export function tokenizerConfigJson(): object {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<|bos|>',
    eos_token: '<|end|>',
    pad_token: '<|pad|>',
    unk_token: '<|unk|>',
    add_bos_token: false, // the chat template writes it
    clean_up_tokenization_spaces: false,
    model_max_length: maxLength,
    chat_template: chatTemplate,
  }
}

export function generationConfigJson(): object {
  return { bos_token_id: id('<|bos|>'), eos_token_id: [id('<|end|>')], pad_token_id: id('<|pad|>'), max_new_tokens: 24 }
}

/** `config.json`: a Llama with grouped-query attention and a tied head. */
export function configJson(): object {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: vocabulary.size,
    hidden_size: 128,
    intermediate_size: 384,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 32,
    max_position_embeddings: maxLength,
    rope_theta: 10000,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    tie_word_embeddings: true,
    initializer_range: 0.02,
    use_cache: true,
    torch_dtype: 'float32',
    bos_token_id: id('<|bos|>'),
    eos_token_id: id('<|end|>'),
    pad_token_id: id('<|pad|>'),
  }
}
