"""The statistics by class of R's caret, and the tables of YOLO's validation."""

import pytest

from fmexplore.checker.text import check_text

CARET = """
            Reference
Prediction   setosa versicolor virginica
  setosa         10          0         0
  versicolor      0          9         1
  virginica       0          1         9

               Accuracy : 0.9333
                  Kappa : 0.9

Statistics by Class:

                     Class: setosa Class: versicolor Class: virginica
Sensitivity                 1.0000            0.9000           0.9000
Specificity                 1.0000            0.9500           0.9500
Pos Pred Value              1.0000            0.9000           0.9000
Neg Pred Value              1.0000            0.9500           0.9500
Prevalence                  0.3333            0.3333           0.3333
Detection Rate              0.3333            0.3000           0.3000
Detection Prevalence        0.3333            0.3333           0.3333
Balanced Accuracy           1.0000            0.9250           0.9250
"""
TWO = """
          Reference
Prediction  No Yes
       No  100   9
       Yes   8  51

            Sensitivity : 0.9259
            Specificity : 0.8500
         Pos Pred Value : 0.9174
         Neg Pred Value : 0.8644
             Prevalence : 0.6429
         Detection Rate : 0.5952
   Detection Prevalence : 0.6488
      Balanced Accuracy : 0.8880

       'Positive' Class : No
"""
YOLO = """
                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|####| 4/4 [00:02<00:00]
                   all        128         60      0.633      0.601      0.703      0.501
                person        128         30      0.801      0.702      0.804      0.602
         traffic light        128         20      0.599      0.601      0.704      0.501
                   dog         12         10        0.5        0.5      0.601        0.4
Speed: 0.4ms preprocess, 3.3ms inference, 0.0ms loss, 1.2ms postprocess per image
"""


def problems(text: str) -> list[str]:
    return [finding.text for finding in check_text(text).findings if finding.status == "contradicts"]


@pytest.mark.parametrize(
    ("text", "kind"), [(CARET, "statistics by class"), (TWO, "statistics by class"), (YOLO, "detection table")]
)
def test_what_the_tools_print_is_consistent(text, kind):
    checked = check_text(text)
    assert problems(text) == []
    assert (checked.verdict, checked.kinds[-1]) == ("consistent", kind)


@pytest.mark.parametrize(
    ("text", "old", "new", "found"),
    [
        (CARET, "0.9500           0.9500\nPos", "0.9500           0.9300\nPos", "the matrix gives 0.9500"),
        (CARET, "0.9250           0.9250", "0.9250           0.9350", "sensitivity and specificity give 0.9250"),
        (CARET, "0.3000           0.3000", "0.3100           0.3000", "the matrix gives 0.3000"),
        (TWO, "0.8644", "0.8744", "neg pred value is printed as 0.8744, but the matrix gives 0.8644"),
        (TWO, "0.6488", "0.6588", "detection prevalence is printed as 0.6588"),
        (YOLO, " 20 ", " 21 ", "The classes have 61 instances, but 60"),
        (YOLO, "0.633", "0.653", "P of all classes is printed as 0.653, but their mean is 0.6333"),
        (YOLO, " 60 ", " 70 ", "The classes have 60 instances, but 70"),
    ],
)
def test_a_wrong_number_is_found(text, old, new, found):
    assert text.count(old) == 1
    assert any(found in each for each in problems(text.replace(old, new)))


def test_what_may_be_missing_leaves_the_table_of_a_validation_open():
    cut = "\n".join(YOLO.splitlines()[:5])
    assert check_text(cut).verdict == "unknown"
    assert check_text("\n".join(YOLO.splitlines()[:3])).verdict == "unknown"


def test_another_prevalence_can_be_given_to_caret():
    """Both predictive values follow from it then, and not from the matrix."""
    assert problems(TWO.replace("0.9174", "0.8606").replace("0.8644", "0.9198")) == []


def test_statistics_without_their_matrix_follow_from_each_other():
    alone = CARET[CARET.index("Statistics by Class") :]
    assert check_text(alone).verdict == "consistent"
    assert len(problems(alone.replace("0.9250           0.9250", "0.9250           0.9350"))) == 1
