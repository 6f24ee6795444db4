"""A grid of a thousand nodes on paper: loads are even, changes move little."""

import numpy as np
import pytest

from gridcache.cluster.table.simulate import simulate


def test_a_thousand_nodes_share_the_load_and_a_change_moves_little() -> None:
    found = simulate(1000)
    assert found.home_load < 1.4
    assert found.backup_load < 1.4
    assert found.join_moved == pytest.approx(found.join_share, rel=0.1)
    assert found.loss_refilled == pytest.approx(2 / 1000, rel=0.2)
    assert found.loss_load < 2.0
    assert 0 < found.balance_rounds < 60
    assert found.balance_moved < 0.15
    assert found.fullest_after < found.fullest_before


def test_ten_nodes_are_nearly_even() -> None:
    found = simulate(10, losses=3)
    assert found.home_load < 1.02
    assert found.backup_load < 1.02
    assert found.loss_load < 1.1


def test_the_same_numbers_give_the_same_figures() -> None:
    runs = [simulate(20, random=np.random.default_rng(5)) for _ in range(2)]
    assert runs[0] == runs[1]
