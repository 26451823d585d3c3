import sys

import numpy as np
import pytest

from wordgate.evaluation.label_issues import find_label_issues


def _rows(n=400, n_wrong=20, n_classes=3):
    """A good model's probabilities; the first labels are wrong."""
    rng = np.random.default_rng(0)
    truth = rng.integers(n_classes, size=n)
    score = rng.normal(size=(n, n_classes)) * 0.3
    score[np.arange(n), truth] += 3.0
    targets = truth.copy()
    targets[:n_wrong] = (truth[:n_wrong] + 1) % n_classes
    return score - np.log(np.exp(score).sum(axis=1, keepdims=True)), targets


def test_wrong_labels_are_found():
    pytest.importorskip("cleanlab", reason="needs the extra 'labels'")
    found = find_label_issues(*_rows())
    assert set(found.rows.tolist()) <= set(range(20))
    assert len(found.rows) >= 15
    assert f"{len(found.rows)} probable label errors among 400 rows" in found.sentence


def test_labels_without_rows_do_no_harm():
    pytest.importorskip("cleanlab", reason="needs the extra 'labels'")
    log_proba, targets = _rows(n_classes=2)
    wide = np.hstack([np.full((400, 1), -1e4), log_proba, np.full((400, 1), -1e4)])
    assert (
        find_label_issues(wide, targets + 1).rows.tolist()
        == find_label_issues(log_proba, targets).rows.tolist()
    )


def test_certain_and_correct_rows_are_not_suspected(capfd):
    pytest.importorskip("cleanlab", reason="needs the extra 'labels'")
    targets = np.arange(40) % 2
    found = find_label_issues(np.where(np.eye(2)[targets] == 1, 0.0, -1e4), targets)
    assert len(found.rows) == 0
    assert found.sentence == "cleanlab found no probable label errors among the 40 rows."
    assert capfd.readouterr() == ("", "")


def test_too_few_rows_are_reported():
    log_proba, targets = _rows(10)
    assert find_label_issues(log_proba, targets).sentence == (
        "10 rows of 3 labels are too few to detect label errors; at least 20 rows and 2 labels are"
        " needed."
    )
    assert len(find_label_issues(np.zeros((50, 2)), np.zeros(50, np.int64)).rows) == 0


def test_without_cleanlab_it_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    found = find_label_issues(*_rows())
    assert len(found.rows) == 0
    assert found.sentence == (
        "To detect label errors, install cleanlab: pip install 'wordgate[labels]'"
    )
