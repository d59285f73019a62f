"""Assignment of partitions to workers, in proportion to their threads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from skdeepbin.engine._tree import Bounded, Node

# Accepted excess of a worker's load over its fair share. It saves transfers, and lets
# a worker hold few large tree nodes instead of many small ones.
TOLERANCE = 0.1


def assign_partitions(
    sizes: Sequence[float], current: Mapping[int, str], n_threads: Mapping[str, int]
) -> dict[int, str]:
    """Return the worker of each partition.

    sizes : the work of each partition.
    current : the workers that hold partitions now; some may have left.
    n_threads : the threads of each running worker.
    """
    if not current:
        return _assign_in_order(sizes, n_threads)
    total, total_threads = sum(sizes), sum(n_threads.values())
    capacity = {w: total * n / total_threads for w, n in n_threads.items()}
    fair_share = dict(capacity)
    assignment: dict[int, str] = {}
    unassigned = []
    for partition, size in enumerate(sizes):
        worker = current.get(partition, "")
        if (
            worker in capacity
            and capacity[worker] + TOLERANCE * fair_share[worker] >= size / 2
        ):
            assignment[partition] = worker
            capacity[worker] -= size
        else:
            unassigned.append(partition)
    worker = ""
    for partition in unassigned:
        if not worker or capacity[worker] < sizes[partition] / 2:
            worker = max(capacity, key=lambda name: (capacity[name], name))
        assignment[partition] = worker
        capacity[worker] -= sizes[partition]
    return dict(sorted(assignment.items()))


def _assign_in_order(
    sizes: Sequence[float], n_threads: Mapping[str, int]
) -> dict[int, str]:
    """Assign contiguous ranges of partitions, bounded where the tree is halved."""
    ends = [0, *accumulate(sizes)]
    total, total_threads = ends[-1], sum(n_threads.values())
    depth = dict(_halving_depths(ends))
    assignment: dict[int, str] = {}
    start, threads_so_far = 0, 0
    for worker in n_threads:
        threads_so_far += n_threads[worker]
        target = total * threads_so_far / total_threads
        slack = TOLERANCE * total * n_threads[worker] / total_threads
        near = [n for n in range(start, len(ends)) if abs(ends[n] - target) <= slack]
        stop = len(sizes)
        if threads_so_far < total_threads:
            after = bisect_left(ends, target)
            near = near or [max(after - 1, start), after]
            stop = min(
                near, key=lambda n: (depth.get(ends[n], 0), abs(ends[n] - target))
            )
        assignment.update(dict.fromkeys(range(start, stop), worker))
        start = max(start, stop)
    return assignment


def _halving_depths(ends: Sequence[float]) -> Iterator[tuple[float, int]]:
    """Yield the ends of partitions where the tree is halved, with the depth."""
    bounds = sorted({int(end) for end in ends})
    stack: list[tuple[Node, int]] = [(Bounded.over(bounds), 0)]
    inner = set(bounds[1:-1])
    while stack:
        node, depth = stack.pop()
        if not any(node.start < bound < node.stop for bound in inner):
            continue
        left, right = node.halves
        yield left.stop, depth
        stack += [(left, depth + 1), (right, depth + 1)]
