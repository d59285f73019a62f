"""Validation splits by quantiles of row hashes, found without gathering the rows.

Of each class, the rows in a range of hashes are held out: see
`skdeepbin.engine._split`. A bound of the range is searched for in rounds: all
partitions return histograms of their hashes, and the bin with the bound is divided in
the next round, until it has few rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.dask._partition import CHUNK_ROWS, Partition
from skdeepbin.dask._worker_pool import WorkerPool
from skdeepbin.engine._blocks import row_slices
from skdeepbin.engine._split import by_first_bits, n_in_effect
from skdeepbin.inputs._weights import as_floats, figures, whole
from skdeepbin.network._parameters import Array

LAST_HASH = 2**64 - 1
# Bins of a histogram, and rows few enough to return the hash of each.
N_BINS, FEW_ROWS = 512, 2**12


def _weighted_hashes(
    partition: Partition, config: BroadcastConfig, label: int
) -> tuple[NDArray[np.uint64], Array]:
    """Return the hash and sample weight of each row of a class that has a weight."""
    if not partition.shape[0]:
        return np.empty(0, np.uint64), np.empty(0)
    chosen = partition.is_positive(config) == bool(label)
    if partition.w is None:
        hashes = partition.hashes(config)[chosen]
        return hashes, np.ones(len(hashes))
    chosen &= partition.w > 0
    return partition.hashes(config)[chosen], partition.w[chosen] / config.weight_unit


class GroupSums(NamedTuple):
    """Exact weights, figure by figure, and numbers of rows of some groups."""

    figures: list[NDArray[np.int64]]
    n_rows: NDArray[np.int64]

    def weights(self) -> list[int]:
        """Return the weights as whole numbers."""
        return whole(self.figures, len(self.n_rows))


def hash_histograms(
    partition: Partition,
    config: BroadcastConfig,
    queries: Sequence[tuple[int, NDArray[np.uint64]]],
) -> list[GroupSums]:
    """Return, for each class and edges, the sums between, below and above the edges."""
    histograms = []
    for label, edges in queries:
        hashes, w = _weighted_hashes(partition, config, label)
        group = np.searchsorted(edges, hashes, side="right")
        histograms.append(_group_sums(group, w, len(edges) + 1))
    return histograms


def _group_sums(group: NDArray[np.intp], w: Array, n_groups: int) -> GroupSums:
    """Return the exact sums of the weights of each group."""
    sums: list[NDArray[np.int64]] = []
    n_rows = np.zeros(n_groups, np.int64)
    for rows in row_slices(len(w), CHUNK_ROWS):
        n_rows += np.bincount(group[rows], minlength=n_groups)
        for place, values in enumerate(figures(group[rows], w[rows], n_groups)):
            if place == len(sums):
                sums.append(np.zeros(n_groups, np.int64))
            sums[place] += values.astype(np.int64)
    return GroupSums(sums, n_rows)


class HashGroups(NamedTuple):
    """Distinct hashes, and the sums over the rows of each."""

    hashes: NDArray[np.uint64]
    sums: GroupSums


def hash_groups(
    partition: Partition,
    config: BroadcastConfig,
    queries: Sequence[tuple[int, int, int]],
) -> list[HashGroups]:
    """Return, for each class and first and last hash, the groups of equal hashes."""
    groups = []
    for label, first, last in queries:
        hashes, w = _weighted_hashes(partition, config, label)
        chosen = (hashes >= np.uint64(first)) & (hashes <= np.uint64(last))
        distinct, group = np.unique(hashes[chosen], return_inverse=True)
        sums = _group_sums(group, w[chosen], len(distinct))
        groups.append(HashGroups(distinct, sums))
    return groups


def prefix_weights(partition: Partition, config: BroadcastConfig) -> list[Array]:
    """Return, for each class, the weight of the rows by the first bits of hashes."""
    return [
        by_first_bits(*_weighted_hashes(partition, config, label)) for label in (0, 1)
    ]


class QuantileSearch(NamedTuple):
    """Search for the first hash whose rows, by their middle, reach a share of a class.

    share : of the weight of the class ``label``.
    first, last : the hash is one of these, or the next after the last.
    weight_below : of the rows with hashes below the first, as a whole number.
    n_rows : the number of rows from the first hash to the last.
    """

    label: int
    share: float
    first: int = 0
    last: int = LAST_HASH
    weight_below: int = 0
    n_rows: int = FEW_ROWS + 1

    @property
    def is_narrow(self) -> bool:
        """True if few rows or only equal ones are left."""
        return self.n_rows <= FEW_ROWS or self.first == self.last


def find_splits(
    pool: WorkerPool, config_future: Any, bounds: Sequence[tuple[float, float]]
) -> list[HashSplit]:
    """Return, for each pair of shares, the rows between them in their class."""
    shares = sorted({share for pair in bounds for share in pair if share})
    starts = {(label, 0.0): 0 for label in (0, 1)}
    searches = [QuantileSearch(label, share) for label in (0, 1) for share in shares]
    starts |= _quantiles(pool, config_future, searches)
    splits = []
    for start, stop in bounds:
        first = starts[0, float(start)], starts[1, float(start)]
        last = starts[0, float(stop)] - 1, starts[1, float(stop)] - 1
        splits.append(HashSplit(first, last))
    return splits


def _quantiles(
    pool: WorkerPool, config_future: Any, searches: list[QuantileSearch]
) -> dict[tuple[int, float], int]:
    """Return the first hash at each share, by class and share."""
    class_weights: dict[int, int] = {}
    while any(not search.is_narrow for search in searches):
        wide = [search for search in searches if not search.is_narrow]
        edges = [_bin_edges(search) for search in wide]
        queries = [
            (search.label, np.array(e, np.uint64)) for search, e in zip(wide, edges)
        ]
        histograms = pool.map(hash_histograms, config_future, queries)
        searches = [search for search in searches if search.is_narrow]
        for search, e, sums in zip(wide, edges, zip(*histograms)):
            weights, n_rows = _total_histogram(sums)
            class_weights[search.label] = sum(weights)
            searches.append(_narrow(search, e, weights, n_rows))
    ranges = [(search.label, search.first, search.last) for search in searches]
    groups = pool.map(hash_groups, config_future, ranges)
    return {
        (search.label, search.share): _quantile(
            search, search_groups, class_weights[search.label]
        )
        for search, search_groups in zip(searches, zip(*groups))
    }


def _bin_edges(search: QuantileSearch) -> list[int]:
    """Return the first hash of each bin and, unless it is 2^64, the end of the last."""
    width = search.last - search.first + 1
    n = min(N_BINS, width)
    ends = [search.first + width * number // n for number in range(n + 1)]
    return [end for end in ends if end <= LAST_HASH]


def _total_histogram(histograms: Sequence[GroupSums]) -> tuple[list[int], list[int]]:
    """Return the weights and numbers of rows over all partitions."""
    weights = [sum(column) for column in zip(*(h.weights() for h in histograms))]
    return weights, np.sum([h.n_rows for h in histograms], axis=0).tolist()


def _narrow(
    search: QuantileSearch, edges: list[int], weights: list[int], n_rows: list[int]
) -> QuantileSearch:
    """Return the search in the bin in which the share is reached."""
    total, below = sum(weights), weights[0]
    ends = [*edges[1:], LAST_HASH + 1] if edges[-1] <= search.last else edges[1:]
    for number, end in enumerate(ends, 1):
        if (below + weights[number]) / total >= search.share or end == ends[-1]:
            return search._replace(
                first=edges[number - 1],
                last=end - 1,
                weight_below=below,
                n_rows=n_rows[number],
            )
        below += weights[number]
    raise AssertionError("the last bin ends the search")


def _quantile(search: QuantileSearch, groups: Sequence[Any], total: int) -> int:
    """Return the first hash whose rows reach the share, or the one after the last."""
    weight_of: dict[int, int] = {}
    for hashes, sums in groups:
        for h, weight in zip(hashes.tolist(), sums.weights()):
            weight_of[h] = weight_of.get(h, 0) + weight
    below = search.weight_below
    for h in sorted(weight_of):
        if (2 * below + weight_of[h]) / (2 * total) >= search.share:
            return h
        below += weight_of[h]
    return search.last + 1


def count_different_rows(pool: WorkerPool, config_future: Any, enough: float) -> float:
    """Return the effective number of different rows of the class with fewer.

    Rows whose hashes begin with the same bits, counted as one, give a lower bound. Only
    if that is below `enough` are the hashes of all rows gathered.
    """
    by_class = np.sum(list(pool.map(prefix_weights, config_future)), axis=0)
    bound = min(map(n_in_effect, by_class))
    if bound >= enough:
        return bound
    ranges = [(label, 0, LAST_HASH) for label in (0, 1)]
    numbers = []
    for groups in zip(*pool.map(hash_groups, config_future, ranges)):
        hashes = np.concatenate([group.hashes for group in groups])
        w = np.concatenate([as_floats(sums.weights()) for _, sums in groups])
        _, group = np.unique(hashes, return_inverse=True)
        numbers.append(n_in_effect(np.bincount(group, w).astype(np.float64)))
    return float(min(numbers))
