"""Which worker holds which partitions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from skdeepbin.engine._tree import Bounded, Node

# A worker may have this much more than its share, as a part of it: where that makes it
# hold few large nodes of the tree instead of many small ones, or saves a move.
TOLERANCE = 0.1


def assigned(
    sizes: Sequence[float], holders: Mapping[int, str], speeds: Mapping[str, int]
) -> dict[int, str]:
    """Of each partition by its number, the worker that is to hold it.

    sizes : of the partitions.
    holders : which worker holds what; those that are gone may be among them.
    speeds : of the workers that are there.
    """
    if not holders:
        return _in_order(sizes, speeds)
    total, speed = sum(sizes), sum(speeds.values())
    room = {worker: total * speeds[worker] / speed for worker in speeds}
    share = dict(room)
    result: dict[int, str] = {}
    left = []
    for number, size in enumerate(sizes):
        worker = holders.get(number, "")
        if worker in room and room[worker] + TOLERANCE * share[worker] >= size / 2:
            result[number] = worker
            room[worker] -= size
        else:
            left.append(number)
    worker = ""
    for number in left:
        if not worker or room[worker] < sizes[number] / 2:
            worker = max(room, key=lambda name: (room[name], name))
        result[number] = worker
        room[worker] -= sizes[number]
    return dict(sorted(result.items()))


def _in_order(sizes: Sequence[float], speeds: Mapping[str, int]) -> dict[int, str]:
    """Neighbours together: to each worker a stretch, cut where the tree is cut."""
    ends = [0, *accumulate(sizes)]
    total, speed = ends[-1], sum(speeds.values())
    depth = dict(_depths(ends))
    result: dict[int, str] = {}
    start, done = 0, 0
    for worker in speeds:
        done += speeds[worker]
        target = total * done / speed
        slack = TOLERANCE * total * speeds[worker] / speed
        near = [
            number
            for number in range(start, len(ends))
            if abs(ends[number] - target) <= slack
        ]
        stop = len(sizes)
        if done < speed:
            after = bisect_left(ends, target)
            near = near or [max(after - 1, start), after]
            stop = min(
                near, key=lambda n: (depth.get(ends[n], 0), abs(ends[n] - target))
            )
        result.update(dict.fromkeys(range(start, stop), worker))
        start = max(start, stop)
    return result


def _depths(ends: Sequence[float]) -> Iterator[tuple[float, int]]:
    """How deep in the tree it is cut at each end of a partition."""
    bounds = sorted({int(end) for end in ends})
    to_do: list[tuple[Node, int]] = [(Bounded.over(bounds), 0)]
    inner = set(bounds[1:-1])
    while to_do:
        node, depth = to_do.pop()
        if not any(node.start < bound < node.stop for bound in inner):
            continue
        left, right = node.halves
        yield left.stop, depth
        to_do += [(left, depth + 1), (right, depth + 1)]
