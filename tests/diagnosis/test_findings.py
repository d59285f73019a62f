"""Findings and diagnoses in words, in HTML and as a dict."""

import json

from skdeepbin.diagnosis import Diagnosis, Finding
from skdeepbin.diagnosis._findings import shown, worst_first

COLLAPSE = Finding(
    code="init_too_small",
    severity="error",
    layer=2,
    evidence={"loss": 0.69315, "rows": 12345.0},
    cause="The weights <started> too small",
    remedy="Set init='auto'",
    change={"init": "auto"},
)
NOTE = Finding(
    code="constant_features",
    severity="info",
    evidence={},
    cause="One is constant",
    remedy="Drop it",
)
WARNING = Finding(
    code="overfitting", severity="warning", evidence={}, cause="Too good", remedy="Stop"
)


def test_two_sentences():
    said = "The weights <started> too small (loss 0.693, rows 12,345). Set init='auto'."
    assert COLLAPSE.sentences() == str(COLLAPSE) == said
    assert str(NOTE) == "One is constant. Drop it."


def test_the_worst_comes_first():
    assert worst_first([NOTE, WARNING, COLLAPSE]) == (COLLAPSE, WARNING, NOTE)


def test_ok_if_there_are_only_informations():
    assert Diagnosis((NOTE,)).ok
    assert not Diagnosis((WARNING, NOTE)).ok


def test_text_and_html():
    diagnosis = Diagnosis((COLLAPSE, NOTE))
    assert "error: init_too_small in layer 2" in str(diagnosis)
    html = diagnosis._repr_html_()
    assert "&lt;started&gt;" in html
    assert "<script" not in html
    assert diagnosis.codes == ("init_too_small", "constant_features")


def test_dict_is_plain():
    told = json.loads(json.dumps(Diagnosis((COLLAPSE, NOTE)).to_dict()))
    assert told["ok"] is False
    assert told["findings"][0]["evidence"] == {"loss": 0.69315, "rows": 12345.0}
    assert told["findings"][0]["change"] == {"init": "auto"}


def test_numbers_are_readable():
    assert [shown(v) for v in (0.69315, 1e-7, 2000, 1e30)] == [
        "0.693",
        "1e-07",
        "2,000",
        "1e+30",
    ]
