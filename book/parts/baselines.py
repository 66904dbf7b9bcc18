"""What one did before pre-training: linear models on what stands near, and counted vectors."""

import warnings

import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline


def text_classifier(texts, labels, C=10):
    """TF-IDF of characters and pairs of them, then logistic regression."""
    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True)
    model = make_pipeline(features, LogisticRegression(C=C, max_iter=1000))
    return model.fit(texts, labels)


def neighbours(text):
    """For each character, as one string: itself, two on each side, and the pairs."""
    framed = f"^^{text}$$"
    views = []
    for i in range(2, len(text) + 2):
        near = [f"{k}{framed[i + k]}" for k in (-2, -1, 0, 1, 2)]
        pairs = [f"{k}{framed[i + k : i + k + 2]}" for k in (-2, -1, 0, 1)]
        views.append(" ".join(near + pairs))
    return views


def character_tagger(texts, tags, C=1):
    """Logistic regression on each character's neighbours. tags: one a character; < 0: skipped."""
    rows = [
        (view, tag)
        for text, row in zip(texts, tags, strict=True)
        for view, tag in zip(neighbours(text), row, strict=True)
        if tag >= 0
    ]
    features = CountVectorizer(analyzer=str.split, binary=True)
    model = make_pipeline(features, LogisticRegression(C=C, max_iter=1000))
    return model.fit([view for view, _ in rows], [tag for _, tag in rows])


def linear_accuracy(train, test, **how):
    """Of the linear model that fits the task. train, test: (texts, labels). C: in `how`."""
    if isinstance(train[1][0], int):
        with warnings.catch_warnings():  # 25 labels of 17 kinds are few, it says
            warnings.simplefilter("ignore", UserWarning)
            return float(text_classifier(*train, **how).score(*test))
    views = [view for text in test[0] for view in neighbours(text)]
    tags = [tag for row in test[1] for tag in row]
    counted = [(view, tag) for view, tag in zip(views, tags, strict=True) if tag >= 0]
    return float(character_tagger(*train, **how).score(*zip(*counted, strict=True)))


def counted_vectors(stream, size, dim, window=4):
    """Vectors of tokens (size, dim) from who stands near whom: PPMI, then SVD.

    stream: (N,). What word2vec learns, by counting (Levy & Goldberg 2014).
    """
    counts = torch.zeros(size, size)
    for gap in range(1, window + 1):
        pairs = stream[:-gap] * size + stream[gap:]
        counts += torch.bincount(pairs, minlength=size**2).view(size, size)
    counts += counts.T.clone()
    alone = counts.sum(0)
    surprise = counts * alone.sum() / (alone.outer(alone)).clamp(min=1)
    u, s, _ = torch.linalg.svd(surprise.clamp(min=1).log())  # PPMI ≥ 0
    vectors = u[:, :dim] * s[:dim].sqrt()
    return vectors / vectors.std()
