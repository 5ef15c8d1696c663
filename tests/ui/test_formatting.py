"""Values as texts: names within sentences, names of images, moments, results, messages that quote what people type."""

import pytest

from fmexplore.runs.status import Result
from fmexplore.ui import formatting


@pytest.mark.parametrize(
    ("name", "within"),
    [("L1", "L1"), ("Learning rate", "learning rate"), ("AdamW learning rate", "AdamW learning rate")],
)
def test_a_name_within_a_sentence_begins_small_unless_it_is_written_so(name, within):
    assert formatting.within(name) == within


@pytest.mark.parametrize(
    ("split", "number", "label", "name"),
    [
        ("test", 7334, 6, "Test image 7,334, a shirt"),
        ("validation", 0, 9, "Validation image 0, an ankle boot"),
        ("train", 59_999, 0, "Training image 59,999, a T-shirt"),
    ],
)
def test_an_image_is_called_by_its_set_number_and_class(split, number, label, name):
    assert formatting.image_name(split, number, label) == name


@pytest.mark.parametrize(("epoch", "text"), [(0.0046, "before training"), (0.005, "epoch 0.01"), (0.79, "epoch 0.79")])
def test_a_moment_that_no_decimal_shows_is_before_the_training(epoch, text):
    assert formatting.moment(round(epoch + 1e-9, 4)) == text


@pytest.mark.parametrize(
    ("test", "validation", "text"),
    [
        (0.9224, 0.929, "92.2 % of the test images and 92.9 % of the validation images are right"),
        (0.9, 0.9, "90.0 % of the test images are right"),  # a run that peeks
        (None, 0.8, "80.0 % of the validation images are right"),
        (None, None, ""),
    ],
)
def test_a_result_names_the_images_of_each_accuracy(test, validation, text):
    found = formatting.result_text(Result(test_accuracy=test, validation_accuracy=validation))
    assert found.replace("\N{NO-BREAK SPACE}", " ") == text


def test_a_message_shows_a_typed_name_as_it_is_and_its_code_as_code():
    message = "**bold** _name_ [x](y) was deleted: `python -m fmexplore runs_all`, early_stopping"
    shown = r"\*\*bold\*\* \_name\_ \[x\](y) was deleted\: `python -m fmexplore runs_all`, early_stopping"
    assert formatting.unlinked(message) == shown
