// The book's T5 (parts/t5_stack.py, parts/t5_model.py), forward only, in plain JavaScript: an encoder that sees both
// sides, a decoder that writes, and what it looks at in the source while it does.
import { bucketOf } from "../buckets.mjs";
import { SEP, softmax, unpack } from "./model.mjs";

const add = (x, y) => x.map((value, i) => value + y[i]);

export class T5 {
  /** file: ArrayBuffer of a safetensors file in float16. */
  constructor(file) {
    const [about, values] = unpack(file);
    Object.assign(this, about);
    this.weights = Object.fromEntries(values.map(([name, , numbers]) => [name, numbers]));
    this.C = this.weights["encoder.norm.weight"].length;
    this.layers = values.filter(([name]) => /^encoder\.blocks\.\d+\.norm1/.test(name)).length;
    this.ids = new Map(this.tokens.map((token, id) => [token, id]));
  }

  /** W x, for one vector. */
  linear(name, x) {
    const weight = this.weights[`${name}.weight`];
    const y = new Float32Array(weight.length / x.length);
    for (let o = 0; o < y.length; o++) {
      for (let i = 0; i < x.length; i++) y[o] += weight[o * x.length + i] * x[i];
    }
    return y;
  }

  /** x over its root mean square. */
  norm(name, x) {
    const scale = this.weights[`${name}.weight`];
    const narrow = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + 1e-6);
    return x.map((value, i) => value * narrow * scale[i]);
  }

  token(id) {
    return this.weights["token.weight"].slice(id * this.C, (id + 1) * this.C);
  }

  /** Keys and values of some states, [[k, v]]. */
  seen(name, states) {
    return states.map((state) => [this.linear(`${name}.k`, state), this.linear(`${name}.v`, state)]);
  }

  /** What a position takes from those it sees; bias(head, s). Its weights go to map[head]. */
  attend(name, state, seen, bias, map = []) {
    const q = this.linear(`${name}.q`, state);
    const D = q.length / this.heads;
    const mixed = new Float32Array(q.length);
    for (let head = 0; head < this.heads; head++) {
      const weights = Float32Array.from(seen, ([k], s) => {
        let score = bias(head, s);
        for (let d = head * D; d < (head + 1) * D; d++) score += q[d] * k[d];
        return score;
      });
      softmax(weights);
      seen.forEach(([, v], s) => {
        for (let d = head * D; d < (head + 1) * D; d++) mixed[d] += weights[s] * v[d];
      });
      map[head] = weights;
    }
    return this.linear(`${name}.out`, mixed);
  }

  mlp(name, x) {
    const inner = this.linear(`${name}.mlp.inner`, this.norm(`${name}.norm3`, x));
    return add(x, this.linear(`${name}.mlp.outer`, inner.map((value) => Math.max(0, value))));
  }

  /** What a distance adds to a score, for a position t of one side. */
  near(side, t) {
    const table = this.weights[`${side}.relative.weight`];
    const how = { bothSides: side === "encoder", buckets: this.buckets, farthest: this.farthest };
    return (head, s) => table[bucketOf(s - t, how) * this.heads + head];
  }

  /** Source ids → hidden states, one a token. */
  encode(ids) {
    let states = ids.map((id) => this.token(id));
    for (let i = 0; i < this.layers; i++) {
      const name = `encoder.blocks.${i}`;
      const normed = states.map((x) => this.norm(`${name}.norm1`, x));
      const seen = this.seen(`${name}.attention`, normed);
      states = states.map((x, t) => add(x, this.attend(`${name}.attention`, normed[t], seen, this.near("encoder", t))));
      states = states.map((x) => this.mlp(name, x));
    }
    return states.map((x) => this.norm("encoder.norm", x));
  }

  /** Source ids → a Decoding that has written nothing. */
  read(ids) {
    return new Decoding(this, this.encode(ids));
  }
}

/** One text while it is written: what the decoder has read, and what it looks at. */
class Decoding {
  constructor(model, memory) {
    const layers = Array.from({ length: model.layers }, (_, i) => `decoder.blocks.${i}`);
    this.model = model;
    this.layers = layers.map((name) => ({ name, own: [], source: model.seen(`${name}.cross`, memory) }));
    this.length = 0;
  }

  /** Read one more id; [scores (V,) of what comes next, what was looked at: maps[layer][head][s]]. */
  step(id = SEP) {
    const { model } = this;
    const t = this.length++;
    let x = model.token(id);
    const maps = this.layers.map(({ name, own, source }) => {
      const normed = model.norm(`${name}.norm1`, x);
      own.push(...model.seen(`${name}.attention`, [normed]));
      x = add(x, model.attend(`${name}.attention`, normed, own, model.near("decoder", t)));
      const map = [];
      x = add(x, model.attend(`${name}.cross`, model.norm(`${name}.norm2`, x), source, () => 0, map));
      x = model.mlp(name, x);
      return map;
    });
    return [model.linear("head", model.norm("decoder.norm", x)), maps];
  }
}
