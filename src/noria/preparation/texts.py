"""Words of texts as weights: how often each stands in a text, times how rare it is among all (TF-IDF)."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["learn_words", "weigh", "words"]

_WORD = re.compile(r"\b\w\w+\b")


def words(text: object) -> list[str]:
    """Take a text apart: words of two letters and more, in small letters; nothing of what is missing.

    Examples
    --------
    >>> words("A new Car, paid twice")
    ['new', 'car', 'paid', 'twice']
    """
    return _WORD.findall(text.lower()) if isinstance(text, str) else []


def learn_words(texts: Sequence[object], *, most: int, rare: float = 0.0) -> tuple[list[str], NDArray[np.float64]]:
    """Choose the words and say how rare each is.

    Parameters
    ----------
    texts : sequence
        None is an empty text.
    most : int
        Words at most: the most frequent; of equals the first in the alphabet.
    rare : float
        Share of the texts that a word must stand in.

    Returns
    -------
    words : list of str
        Sorted.
    idf : ndarray of float64
        ``ln((1 + n) / (1 + n_with_the_word)) + 1``, as in scikit-learn.

    Examples
    --------
    >>> learn_words(["red car", "blue car", None], most=1)[0]
    ['car']
    """
    often: Counter[str] = Counter()
    texts_with: Counter[str] = Counter()
    for text in texts:
        found = words(text)
        often.update(found)
        texts_with.update(set(found))
    known = [word for word in often if texts_with[word] >= rare * len(texts)]
    chosen = sorted(sorted(known, key=lambda word: (-often[word], word))[:most])
    counts = np.array([texts_with[word] for word in chosen], dtype=np.float64)
    return chosen, np.log((1 + len(texts)) / (1 + counts)) + 1


def weigh(texts: Sequence[object], places: Mapping[str, int], idf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh the words of each text, shape (n_rows, n_words); a row with a known word has length 1.

    Examples
    --------
    >>> weigh(["car car", "tree"], {"car": 0}, np.array([1.5])).tolist()
    [[1.0], [0.0]]
    """
    made = np.zeros((len(texts), len(idf)))
    for row, text in enumerate(texts):
        for word in words(text):
            place = places.get(word)
            if place is not None:
                made[row, place] += 1.0
    made *= idf
    length = np.sqrt(np.add.reduce(made * made, axis=1))[:, None]
    return np.asarray(np.divide(made, length, out=made, where=length > 0))
