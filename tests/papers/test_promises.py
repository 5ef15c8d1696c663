"""The robustness that a paper promises: a verdict for each change, from what the networks of all papers recognise."""

import pytest

from fmexplore.papers.promises import PROMISED, assess_promises, measured_systems
from fmexplore.papers.reproduction import Reproduction
from tests.papers.results import changed_images


def finder(**stored):
    known = {name.replace("_", "-"): found for name, found in stored.items()}
    return lambda system: Reproduction(system=system, robustness=known.get(system))


def verdicts(**stored):
    claims = assess_promises(measured_systems(finder(**stored)))
    return dict(zip(PROMISED, claims, strict=True))


def test_a_promise_holds_fails_or_depends_on_the_network():
    robust = changed_images(1800, {"rotation": 1700, "scale": 1619, "gain": 1620})
    weak = changed_images(1600, {"rotation": 1500, "gain": 100})
    found = verdicts(patel_basic=robust, team4_ann=weak)
    assert {name: each.verdict for name, each in found.items() if each.verdict != "fails"} == {
        "rotation": "holds",
        "gain": "cannot be known",
    }
    assert found["scale"].found == "0.0 to 81.0 %", "a ten thousandth below nine tenths of 90 %"
    assert found["gain"].about == "Robust to lighting: images in 0.45 times the light"
    assert found["rotation"].about == "Robust to rotation: images turned by 20°"
    assert found["rotation"].reason == (
        "2 of 2 networks tried so far, of 11, keep nine tenths of what they recognise unchanged. The best, "
        "patel-basic, recognises 85.0 % (95 % interval 83.4 to 86.5 %, n = 2,000), and 90.0 % unchanged."
    )


def test_it_is_the_middle_severity_that_counts():
    found = changed_images(1800, {})
    right = {**found.right, "rotation": (1800, 1800, 900, 0, 0)}
    claim = verdicts(patel_basic=found.replace(right=right))["rotation"]
    assert claim.found == "45.0 %"


def test_who_learnt_the_change_is_told():
    found = changed_images(1800, {"rotation": 1700})
    training = found.config.training
    turned = training.replace(augmentation=training.augmentation.replace(rotation=36))
    found = found.replace(config=found.config.replace(training=turned))
    claims = verdicts(patel_basic=found)
    assert claims["rotation"].reason.endswith("It was trained with this change.")
    assert "trained" not in claims["scale"].reason


def test_without_measured_networks_it_says_how_to_get_them():
    claims = verdicts()
    assert {each.verdict for each in claims.values()} == {"not trained yet"}
    assert all("reproduce --all --robustness" in each.reason for each in claims.values())


@pytest.mark.parametrize("system", ["alexnet", "resnet"])
def test_cited_architectures_are_no_networks_of_the_papers(system):
    assert measured_systems(finder(**{system: changed_images(1800, {})})) == []
