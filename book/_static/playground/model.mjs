// The book's Transformer (parts/transformer.py, parts/gpt.py), forward only. One set of shapes for both roads: what
// separates GPT from BERT is `causal`. Matrix products in WebAssembly with SIMD (linear.wat), or in plain JavaScript.

export const [UNK, SEP, MASK] = [1, 3, 4];

/** The bits of a float16 → a number. */
export const half = (bits) => {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
  return bits >> 15 ? -size : size;
};

/** y (rows, outs) += x (rows, ins) · wᵀ, w: (outs, ins). */
const plain = (x, w, y, rows, outs, ins) => {
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outs; o++) {
      let sum = 0;
      for (let i = 0; i < ins; i++) sum += x[r * ins + i] * w[o * ins + i];
      y[r * outs + o] += sum;
    }
  }
};

const gelu = (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** Scores → probabilities, in place. */
export const softmax = (scores) => {
  const highest = scores.reduce((a, b) => Math.max(a, b));
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += scores[i] = Math.exp(scores[i] - highest);
  for (let i = 0; i < scores.length; i++) scores[i] /= sum;
  return scores;
};

/** A safetensors file → what it says of itself, and [name, shape, Float32Array] of each tensor: float16, or rows of int8
 *  with a scale for each row in NAME.scale. */
export const unpack = (file) => {
  const start = 8 + Number(new DataView(file).getBigUint64(0, true));
  const { __metadata__: about, ...tensors } = JSON.parse(new TextDecoder().decode(file.slice(8, start)));
  const numbers = ({ dtype, data_offsets: [from, to] }) => {
    const bytes = file.slice(start + from, start + to); // a copy: it may begin at an odd place
    return dtype === "I8" ? Float32Array.from(new Int8Array(bytes)) : Float32Array.from(new Uint16Array(bytes), half);
  };
  const values = Object.entries(tensors).filter(([name]) => !name.endsWith(".scale")).map(([name, tensor]) => {
    const found = numbers(tensor);
    if (tensor.dtype === "I8") {
      const scales = numbers(tensors[`${name}.scale`]);
      for (let i = 0; i < found.length; i++) found[i] *= scales[Math.floor(i / tensor.shape[1])];
    }
    return [name, tensor.shape, found];
  });
  return [JSON.parse(about.config), values];
};

export class Transformer {
  /** file: ArrayBuffer of a safetensors file. wasm: linear.wat compiled, or null for plain JavaScript. */
  constructor(file, wasm) {
    const [{ heads, tokens }, values] = unpack(file);
    const [T, C] = values.find(([name]) => name === "position.weight")[1];
    Object.assign(this, { heads, tokens, context: T, C });
    this.ids = new Map(tokens.map((token, id) => [token, id]));
    this.layers = values.filter(([name]) => name.endsWith("norm1.weight")).length;

    const floats = values.reduce((sum, [, , numbers]) => sum + numbers.length, T * C * 9 + tokens.length);
    const memory = wasm && new WebAssembly.Memory({ initial: Math.ceil((floats * 4) / 65536) });
    this.memory = memory ? memory.buffer : new ArrayBuffer(floats * 4);
    let used = 0;
    const take = (count) => new Float32Array(this.memory, 4 * (used += count) - 4 * count, count);
    this.weights = {};
    for (const [name, , numbers] of values) {
      this.weights[name] = take(numbers.length);
      this.weights[name].set(numbers);
    }
    this.x = take(T * C); // the residual stream
    this.h = take(T * C); // what goes into a matrix
    this.inner = take(T * C * 4); // what comes out of the first of two
    this.qkv = take(T * C * 3);
    this.scores = take(tokens.length);
    this.product = plain;
    if (memory) {
      const { linear } = new WebAssembly.Instance(wasm, { js: { memory } }).exports;
      this.product = (x, w, y, ...sizes) => linear(x.byteOffset, w.byteOffset, y.byteOffset, ...sizes);
    }
  }

  /** Text → ids. Specials may be written out: [MASK]. */
  encode(text) {
    const tokens = text.match(/\[(?:PAD|UNK|CLS|SEP|MASK)\]|./gsu) ?? [];
    return tokens.map((token) => this.ids.get(token) ?? UNK);
  }

  /** y += x · Wᵀ + b for `rows` rows of x. */
  linear(name, x, y, rows) {
    const bias = this.weights[`${name}.bias`];
    const outs = bias.length;
    for (let i = 0; i < rows * outs; i++) y[i] += bias[i % outs];
    const weight = this.weights[`${name}.weight`];
    this.product(x, weight, y, rows, outs, weight.length / outs);
  }

  /** h = LayerNorm(x) for `rows` rows. */
  norm(name, rows) {
    const { x, h, C } = this;
    const [scale, shift] = [this.weights[`${name}.weight`], this.weights[`${name}.bias`]];
    for (let r = 0; r < rows * C; r += C) {
      let [mean, square] = [0, 0];
      for (let c = 0; c < C; c++) mean += x[r + c] / C;
      for (let c = 0; c < C; c++) square += (x[r + c] - mean) ** 2 / C;
      const narrow = 1 / Math.sqrt(square + 1e-5);
      for (let c = 0; c < C; c++) h[r + c] = (x[r + c] - mean) * narrow * scale[c] + shift[c];
    }
  }

  /** h = what each of the T newest positions takes from those it may see; weights go to `map`, (H, T, S). */
  attend(T, causal, keys, valuesOf, start, map) {
    const { qkv, h, C, heads } = this;
    const D = C / heads;
    for (let t = 0; t < T; t++) {
      keys.set(qkv.subarray(t * 3 * C + C, t * 3 * C + 2 * C), (start + t) * C);
      valuesOf.set(qkv.subarray(t * 3 * C + 2 * C, (t + 1) * 3 * C), (start + t) * C);
    }
    h.fill(0, 0, T * C);
    for (let head = 0; head < heads; head++) {
      for (let t = 0; t < T; t++) {
        const weights = new Float32Array(causal ? start + t + 1 : start + T);
        const [q, out] = [t * 3 * C + head * D, t * C + head * D];
        for (let s = 0; s < weights.length; s++) {
          for (let d = 0; d < D; d++) weights[s] += qkv[q + d] * keys[s * C + head * D + d];
          weights[s] /= Math.sqrt(D);
        }
        softmax(weights);
        for (let s = 0; s < weights.length; s++) {
          for (let d = 0; d < D; d++) h[out + d] += weights[s] * valuesOf[s * C + head * D + d];
        }
        (map[head] ??= []).push(weights);
      }
    }
  }

  cache() {
    const empty = () => new Float32Array(this.context * this.C);
    return { length: 0, layers: Array.from({ length: this.layers }, () => [empty(), empty()]) };
  }

  /** Read ids after those of `cache`, if any; hidden states stay in this.h. Returns maps[layer][head][t][s]. */
  read(ids, causal, cache = this.cache()) {
    const { x, h, inner, qkv, C } = this;
    const { token, position } = { token: this.weights["token.weight"], position: this.weights["position.weight"] };
    const [T, start] = [ids.length, cache.length];
    for (let t = 0; t < T; t++) {
      for (let c = 0; c < C; c++) x[t * C + c] = token[ids[t] * C + c] + position[(start + t) * C + c];
    }
    const maps = cache.layers.map(([keys, values], i) => {
      const map = [];
      this.norm(`blocks.${i}.norm1`, T);
      this.linear(`blocks.${i}.attention.qkv`, h, qkv.fill(0), T);
      this.attend(T, causal, keys, values, start, map);
      this.linear(`blocks.${i}.attention.out`, h, x, T);
      this.norm(`blocks.${i}.norm2`, T);
      this.linear(`blocks.${i}.mlp.0`, h, inner.fill(0), T);
      for (let j = 0; j < T * 4 * C; j++) inner[j] = gelu(inner[j]);
      this.linear(`blocks.${i}.mlp.2`, inner, x, T);
      return map;
    });
    this.norm("norm_out", T);
    cache.length += T;
    return maps;
  }

  /** Scores (V,) of the characters at position t of what was read last. */
  head(t) {
    const row = this.h.subarray(t * this.C, (t + 1) * this.C);
    this.product(row, this.weights["token.weight"], this.scores.fill(0), 1, this.tokens.length, this.C);
    return this.scores.slice();
  }
}

/** Scores → probabilities of what to write next. temperature 0: the likeliest; topK: only the k likeliest. */
export const chances = (scores, temperature = 1, topK = scores.length) => {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
  if (temperature === 0) return scores.map((_, id) => Number(id === order[0]));
  const kept = softmax(Float32Array.from(order.slice(0, topK), (id) => scores[id] / temperature));
  const result = new Float32Array(scores.length);
  kept.forEach((p, rank) => (result[order[rank]] = p));
  return result;
};

/** What `generate` of parts/gpt.py does, one token at a time: with a cache, if causal; a full context forgets its older half. */
export class Writer {
  constructor(model, ids, causal = true) {
    Object.assign(this, { model, ids: [...ids], causal, first: Math.max(0, ids.length - model.context), cache: null });
  }

  /** Scores (V,) of the next token. */
  scores() {
    const { model, ids, causal } = this;
    if (ids.length - this.first > model.context) {
      this.first = ids.length - model.context / 2;
      this.cache = null;
    }
    const unread = this.cache ? ids.slice(this.first + this.cache.length) : ids.slice(this.first);
    if (causal) this.cache ??= model.cache();
    model.read(unread, causal, this.cache ?? undefined);
    return model.head(unread.length - 1);
  }
}
