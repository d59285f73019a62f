import json

import numpy as np
import pytest

from skdeepbin.checkpoint._serialization import KINDS, deserialize, serialize
from skdeepbin.model._saving import SAVED_KINDS
from skdeepbin.training._optimizers import Moments


@pytest.mark.parametrize("kinds", [KINDS, SAVED_KINDS])
def test_every_kind_survives(kinds):
    for name, kind in kinds.items():
        value = kind(*map(float, range(len(kind._fields))))
        again = deserialize(serialize(value), kinds)
        assert type(again).__name__ == name
        assert again == value
    inner = Moments(np.float64(0.5), (True, None), {"a": (1,)})
    assert deserialize(serialize(inner)) == inner
    assert type(deserialize(serialize(np.float64(0.5)))) is float
    assert deserialize(serialize(np.bool_(True))) is True


def test_a_checkpoint_knows_no_kind_that_only_a_model_has():
    more = SAVED_KINDS.keys() - KINDS.keys()
    assert more == {"NetworkState", "ResumeState", "Stream"}
    for name in more:
        kind = SAVED_KINDS[name]
        with pytest.raises(KeyError, match=name):
            deserialize(serialize(kind(*range(len(kind._fields)))))


def test_what_is_serialised_is_plain():
    """So that JSON knows all of it but the arrays."""
    value = Moments(np.float64(0.5), (True, None), {"a": (np.int64(1),)})
    tree = serialize(value)
    assert json.loads(json.dumps(tree)) == tree
    array = np.arange(3.0)
    assert serialize({"x": array})["of"]["x"] is array
