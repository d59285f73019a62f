"""No figure is left open by a test of pictures."""

import pytest


@pytest.fixture(autouse=True)
def plt():
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    import matplotlib.pyplot as plt

    assert plt.get_backend().lower() == "agg"
    assert not plt.get_fignums()
    yield plt
    plt.close("all")
