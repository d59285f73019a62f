"""A partition of the input that is not computed yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skdeepbin._extras import extra


class LazyPartition:
    """Delayed features, labels and weights of one partition.

    Dask does not look for tasks in it, so it can be sent as an argument of a task.

    w : the sample weights; None where all are one.
    """

    def __init__(self, X: Any, y: Any, w: Any) -> None:
        self.X, self.y, self.w = X, y, w

    def features(self) -> Any:
        """Compute X in the calling thread."""
        return _compute(self.X)[0]

    def arrays(self) -> tuple[Any, Any, Any]:
        """Compute X, y and the weights or None in the calling thread."""
        return _compute(self.X, self.y, self.w)


def _compute(*delayed: Any) -> tuple:
    return extra("dask", "dask").compute(*delayed, scheduler="synchronous")


def cull_graphs(partitions: Sequence[LazyPartition]) -> list[LazyPartition]:
    """Reduce the graph of each partition to the tasks that it needs."""
    cull = extra("dask.optimization", "dask").cull
    Delayed = extra("dask.delayed", "dask").Delayed
    graphs: dict[int, tuple[Any, dict]] = {}  # converted once: most share a large one

    def culled(delayed: Any) -> Any:
        if delayed is None:
            return None
        graph = delayed.__dask_graph__()
        if id(graph) not in graphs:
            graphs[id(graph)] = graph, dict(graph)
        tasks, _ = cull(graphs[id(graph)][1], [delayed.key])
        return Delayed(delayed.key, tasks)

    return [LazyPartition(culled(p.X), culled(p.y), culled(p.w)) for p in partitions]
