"""Which sentences say most of a text.

Degree centrality of sentences (Erkan and Radev, LexRank, 2004), computed against the sum of all sentences, so
in time proportional to the text; then maximal marginal relevance (Carbonell and Goldstein, 1998), so that
what has been said is not said again.
"""

import math
from collections import Counter
from collections.abc import Sequence

from quickscale_services.examples.words import key_words

Vector = dict[str, float]

_NOVELTY = 0.7  # how much of its rank a sentence loses that only repeats a chosen one
_FULL_LENGTH = 6  # key words; sentences with fewer rank lower, for they lean on their neighbors


def best_sentences(sentences: Sequence[str], count: int) -> list[int]:
    """The positions of the `count` sentences that say most, in the order of the text."""
    vectors = _vectors([key_words(sentence) for sentence in sentences])
    ranks = _ranks(vectors)
    repeated = [0.0] * len(sentences)
    left = set(range(len(sentences)))
    while left and len(sentences) - len(left) < count:
        best = max(left, key=lambda i: (ranks[i] * (1 - _NOVELTY * repeated[i]), -i))
        left.remove(best)
        for i in left:
            repeated[i] = max(repeated[i], _dot(vectors[best], vectors[i]))
    return [i for i in range(len(sentences)) if i not in left]


def _vectors(sentences: list[list[str]]) -> list[Vector]:
    """Each sentence as a vector of unit length, its words weighted by how few sentences have them."""
    found_in = Counter(word for words in sentences for word in set(words))
    rarity = {word: math.log(1 + len(sentences) / count) for word, count in found_in.items()}
    return [_unit({word: n * rarity[word] for word, n in Counter(words).items()}) for words in sentences]


def _unit(vector: Vector) -> Vector:
    length = math.sqrt(sum(weight * weight for weight in vector.values()))
    return {word: weight / length for word, weight in vector.items()}


def _ranks(vectors: list[Vector]) -> list[float]:
    center: dict[str, float] = {}
    for vector in vectors:
        for word, weight in vector.items():
            center[word] = center.get(word, 0.0) + weight
    return [_dot(vector, center) * math.sqrt(min(1, len(vector) / _FULL_LENGTH)) for vector in vectors]


def _dot(vector: Vector, other: Vector) -> float:
    return sum(weight * other.get(word, 0.0) for word, weight in vector.items())
