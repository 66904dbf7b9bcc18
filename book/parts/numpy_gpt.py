"""Chapter 2's GPT in plain numpy: one token in, the logits of the next one out."""

import math

import numpy as np


def read_matrix(weights, norm, layer):
    """A matrix that reads the residual stream, with the norm before it: (C + 1, n).

    The norm's gain and bias go into it, and √C: what is left is to divide by a length.
    Its last row is its bias.
    """
    matrix, bias = weights[f"{layer}.weight"], weights.get(f"{layer}.bias", 0)
    gained = math.sqrt(matrix.shape[1]) * matrix * weights[f"{norm}.weight"]
    return np.vstack([gained.T, matrix @ weights[f"{norm}.bias"] + bias])


def centred(rows):
    """Rows less their mean, which a norm would take away: it is not written at all."""
    return rows - rows.mean(-1, keepdims=True)


def write_matrix(weights, layer):
    """A matrix that writes to the residual stream: (n + 1, C), its bias last."""
    bias = weights[f"{layer}.bias"]
    return centred(np.vstack([weights[f"{layer}.weight"].T, bias]))


SLOPE = np.float32(-2 * math.sqrt(2 / math.pi))
CUBE = np.float32(0.044715) * SLOPE


def gelu(h, out):
    """GELU by tanh, as h / (1 + exp(h (SLOPE + CUBE h²))).  Hendrycks & Gimpel 2016"""
    u = h * h
    u *= CUBE
    u += SLOPE
    u *= h
    np.minimum(u, 88, out=u)  # a larger one has an infinite exp in float32
    np.exp(u, u)
    u += 1
    np.divide(h, u, out)


class NumpyGPT:
    """A Transformer(Config()) of any size that writes; it holds one text at a time."""

    def __init__(self, model):
        config = model.config
        w = {name: value.cpu().numpy() for name, value in model.state_dict().items()}
        C, H, T = config.dim, config.heads, config.context
        self.shape = 3, H, C // H
        self.token = centred(w["token.weight"])
        self.position = centred(w["position.weight"])
        self.layers = []
        for block in (f"blocks.{i}" for i in range(config.layers)):
            qkv = read_matrix(w, f"{block}.norm1", f"{block}.attention.qkv")
            qkv[:, :C] /= math.sqrt(C // H)
            out = write_matrix(w, f"{block}.attention.out")
            up = read_matrix(w, f"{block}.norm2", f"{block}.mlp.0")
            down = write_matrix(w, f"{block}.mlp.2")
            keys = np.zeros((H, T, C // H), np.float32)
            # Each value ends with 1: weights times values also gives the weights' sum
            values = np.ones((H, T, C // H + 1), np.float32)
            self.layers.append((qkv, out, up, down, keys, values))
        self.head = read_matrix(w, "norm_out", "head")
        self.eps = np.float32(C * config.norm_eps)
        # What goes into a matrix ends with 1, for the bias in its last row
        self.narrow = np.ones(C + 1, np.float32)
        self.wide = np.ones(4 * C + 1, np.float32)

    def step(self, token, t):
        """An id at position t, all before it already read → logits (V,) of the next.

        Beyond the context: IndexError.
        """
        narrow, wide, eps, now = self.narrow, self.wide, self.eps, t + 1
        # Views of the same memory: what is written there is what the matrices read
        body, wide_body = narrow[:-1], wide[:-1]  # (C,), (4C,)
        heads = body.reshape(-1, 1, self.shape[-1])  # (H, 1, D)
        x = self.token[token] + self.position[t]  # (C,)
        for qkv, out, up, down, keys, values in self.layers:
            # All that is left of a LayerNorm: divide by the length
            np.multiply(x, (x.dot(x) + eps) ** -0.5, body)
            q, keys[:, t], values[:, t, :-1] = narrow.dot(qkv).reshape(self.shape)
            weights = keys[:, :now] @ q[:, :, None]  # (H, now, 1)
            weights -= weights.max(1, keepdims=True)
            np.exp(weights, weights)
            mixed = weights.transpose(0, 2, 1) @ values[:, :now]  # (H, 1, D + 1)
            np.divide(mixed[..., :-1], mixed[..., -1:], heads)
            x += narrow.dot(out)
            np.multiply(x, (x.dot(x) + eps) ** -0.5, body)
            gelu(narrow.dot(up), wide_body)
            x += wide.dot(down)
        np.multiply(x, (x.dot(x) + eps) ** -0.5, body)
        return narrow.dot(self.head)
