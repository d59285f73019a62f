"""Sums over blocks as a tree of halves."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skdeepbin.engine._tree import Bounded, Node, TreeSum, cut


def halved(values):
    """The sum as it is defined."""
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return halved(values[:middle]) + halved(values[middle:])


def tree_sum(values, nodes, run=map):
    root = Node(0, len(values))
    total = TreeSum(root, nodes, lambda node, left, right: left + right)
    for _ in run(lambda node: total.add(node, halved(values[slice(*node)])), nodes):
        pass
    return total.value


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 33, 100])
@pytest.mark.parametrize("most", [1, 3, 16, 1000])
def test_a_cut_is_all_blocks_in_order_and_as_few_nodes_as_can_be(n, most):
    nodes = [*cut(Node(0, n), most)]
    assert [b for node in nodes for b in range(node.start, node.stop)] == [*range(n)]
    assert max(node.size for node in nodes) <= most
    coarser = {*cut(Node(0, n), most + 1)} if n > 1 else set()
    assert len(coarser) <= len(nodes)


@pytest.mark.parametrize("n", [2, 13, 40])
def test_a_cut_of_what_is_held_has_no_two_halves_of_a_node(n, rng):
    held = {*np.flatnonzero(rng.uniform(size=n) < 0.7).tolist()}
    nodes = [*cut(Node(0, n), n, held)]
    assert {b for node in nodes for b in range(node.start, node.stop)} == held
    every = [Node(0, n)]
    for node in every:
        if node.size > 1:
            assert not set(node.halves) <= set(nodes)
            every.extend(node.halves)


@pytest.mark.parametrize("order", itertools.permutations(range(4)))
def test_any_order_of_arrival_gives_the_same_bits(order):
    """With numbers whose sum depends on how they are added."""
    values = [1e16, 1.0, -1e16, 1.0]
    nodes = [Node(number, number + 1) for number in order]
    assert tree_sum(values, nodes) == halved(values) != sum(values)


@pytest.mark.parametrize("most", [1, 2, 5, 100])
def test_any_cut_and_any_threads_give_the_same_bits(most, rng):
    values = (rng.normal(size=100) * 10.0 ** rng.randint(-9, 9, size=100)).tolist()
    nodes = [*cut(Node(0, 100), most)]
    rng.shuffle(nodes)
    assert tree_sum(values, [Node(*node) for node in nodes]) == halved(values)
    with ThreadPoolExecutor(4) as pool:
        assert tree_sum(values, [Node(*n) for n in nodes], pool.map) == halved(values)


def test_a_tree_is_halved_where_parts_begin():
    root = Bounded.over([0, 3, 4, 9, 12])
    assert root.halves == ((0, 4), (4, 12))
    assert root.halves[0].halves == ((0, 3), (3, 4))
    assert root.halves[1].halves == ((4, 9), (9, 12))
    assert [*cut(root, 12, range(3, 9))] == [(3, 4), (4, 9)]
    plain = Node(4, 9).halves
    assert root.halves[1].halves[0].halves == plain
