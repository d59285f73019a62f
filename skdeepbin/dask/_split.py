"""Which rows validate, found without gathering the rows.

Held out is, of each class, a stretch of the order of hashes: see
`skdeepbin.engine._split`. Where it begins is found by cutting the hashes that it may
begin with into stretches, and asking for the weight of each, until few rows are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skdeepbin.dask._broadcast import HashSplit
from skdeepbin.dask._crew import Crew
from skdeepbin.dask._part import Sums, brackets, first_bits, groups
from skdeepbin.engine._split import n_in_effect
from skdeepbin.inputs._weights import as_floats

LAST = 2**64 - 1  # of all hashes
# Stretches that hashes are cut into at a time, and rows that are few.
STRETCHES, FEW = 512, 2**12


class Search(NamedTuple):
    """Where the rows begin whose middle is not below a share of their class.

    number : of the class.
    first, last : it is one of these hashes, or the next after them.
    before : the weight of the rows with lower hashes, as a whole number.
    n : how many rows lie between.
    """

    number: int
    share: float
    first: int = 0
    last: int = LAST
    before: int = 0
    n: int = FEW + 1

    @property
    def is_over(self) -> bool:
        """Whether few rows are left, or equal ones."""
        return self.n <= FEW or self.first == self.last


def found_splits(
    crew: Crew, shared: Any, bounds: Sequence[tuple[float, float]]
) -> list[HashSplit]:
    """Of each pair of shares, the rows that lie between them in their class."""
    shares = sorted({share for pair in bounds for share in pair if share})
    begins = {(number, 0.0): 0 for number in (0, 1)}
    searches = [Search(number, share) for number in (0, 1) for share in shares]
    begins |= _begins(crew, shared, searches)
    splits = []
    for start, stop in bounds:
        first = begins[0, float(start)], begins[1, float(start)]
        last = begins[0, float(stop)] - 1, begins[1, float(stop)] - 1
        splits.append(HashSplit(first, last))
    return splits


def _begins(
    crew: Crew, shared: Any, searches: list[Search]
) -> dict[tuple[int, float], int]:
    """Where the rows begin, by class and share."""
    totals: dict[int, int] = {}
    while any(not search.is_over for search in searches):
        open_ones = [search for search in searches if not search.is_over]
        edges = [_edges(search) for search in open_ones]
        asked = [
            (search.number, np.array(e, np.uint64))
            for search, e in zip(open_ones, edges)
        ]
        answers = crew.each(brackets, shared, asked)
        narrowed = []
        for position, (search, e) in enumerate(zip(open_ones, edges)):
            weights, n = _together([answer[position] for answer in answers])
            totals[search.number] = sum(weights)
            narrowed.append(_narrowed(search, e, weights, n))
        searches = [search for search in searches if search.is_over] + narrowed
    asked_groups = [(s.number, s.first, s.last) for s in searches]
    answers = crew.each(groups, shared, asked_groups)
    return {
        (search.number, search.share): _begin(
            search, [answer[position] for answer in answers], totals[search.number]
        )
        for position, search in enumerate(searches)
    }


def _edges(search: Search) -> list[int]:
    """The first hashes of the stretches, and that after the last of them."""
    width = search.last - search.first + 1
    n = min(STRETCHES, width)
    ends = [search.first + width * number // n for number in range(n + 1)]
    return [end for end in ends if end <= LAST]


def _together(answers: Sequence[Sums]) -> tuple[list[int], list[int]]:
    """The sums over all partitions, as whole numbers."""
    weights = [sum(some) for some in zip(*(answer.whole() for answer in answers))]
    return weights, np.sum([answer.n for answer in answers], axis=0).tolist()


def _narrowed(
    search: Search, edges: list[int], weights: list[int], n: list[int]
) -> Search:
    """The search in the stretch in which the share is reached."""
    total, before = sum(weights), weights[0]
    ends = [*edges[1:], LAST + 1] if edges[-1] <= search.last else edges[1:]
    for number, end in enumerate(ends, 1):
        if (before + weights[number]) / total >= search.share or end == ends[-1]:
            return search._replace(
                first=edges[number - 1], last=end - 1, before=before, n=n[number]
            )
        before += weights[number]
    raise AssertionError("the last stretch ends the search")


def _begin(search: Search, answers: Sequence[Any], total: int) -> int:
    """The first hash whose rows are not below the share, or that after the last."""
    weight_of: dict[int, int] = {}
    for hashes, sums in answers:
        for h, weight in zip(hashes.tolist(), sums.whole()):
            weight_of[h] = weight_of.get(h, 0) + weight
    before = search.before
    for h in sorted(weight_of):
        if (2 * before + weight_of[h]) / (2 * total) >= search.share:
            return h
        before += weight_of[h]
    return search.last + 1


def n_different(crew: Crew, shared: Any, enough: float) -> float:
    """How many different rows the class with fewer has, in effect; or a bound.

    Rows that share the first bits of their hashes, taken for one, give a number that is
    not too large. Only if that is too few are the different rows gathered.
    """
    of_both = np.sum(list(crew.each(first_bits, shared)), axis=0)
    bound = min(map(n_in_effect, of_both))
    if bound >= enough:
        return bound
    answers = crew.each(groups, shared, [(number, 0, LAST) for number in (0, 1)])
    numbers = []
    for of_the_class in zip(*answers):
        hashes = np.concatenate([some.hashes for some in of_the_class])
        w = np.concatenate([as_floats(sums.whole()) for _, sums in of_the_class])
        _, group = np.unique(hashes, return_inverse=True)
        numbers.append(n_in_effect(np.bincount(group, w).astype(np.float64)))
    return float(min(numbers))
