"""`predict`, `photo-bench`, `train-photos` and `train-segmenter`: what they print, write and refuse."""

import csv
import io
import json
import shlex
import signal

import numpy as np
import pytest
from PIL import Image

from fmexplore.analysis import photos as photo_analysis
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.jobs.job import Job
from fmexplore.jobs.worker import run_job
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.photos import cutouts
from fmexplore.photos.scoring import PhotoFit
from fmexplore.photos.segmentation import WEIGHTS
from fmexplore.photos.synthetic import draw_scene
from fmexplore.runs.run import Run
from fmexplore.storage import write_bytes
from fmexplore.textfiles import decode_text, read_table

pytestmark = [pytest.mark.usefixtures("drawn_folder"), pytest.mark.slow]

KEYS = ["file", "label", "name", "probabilities", "unsure", "ood_score", "exported", "seconds"]


@pytest.fixture
def run(store, tiny) -> Run:
    """Says Shirt of everything, e^5 against nine times 1, and Coat next."""
    made = store.create(tiny, state="finished", ended=1.0)
    shapes = tensor_shapes(summarize(tiny.model))
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    weights["layers.5.bias"][[6, 4]] = 5, 3
    made.write_weights(weights)
    return made


def draw_photo(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A bar or a block as if photographed, and its mask."""
    draw = np.random.default_rng(seed)
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12 - seed % 7 : 16 + seed % 7] = draw.integers(120, 250)
    return draw_scene(image, draw, 320)


@pytest.fixture(scope="session")
def drawn_photos() -> list[tuple[np.ndarray, np.ndarray]]:
    return [draw_photo(seed) for seed in range(40)]


@pytest.fixture
def folder(drawn_photos, tmp_path):
    """Forty photos by as many people, half of them shirts, every tenth one none of the ten; masks in `masks`."""
    made = tmp_path / "photos"
    (made / "masks").mkdir(parents=True)
    with open(made / "labels.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "fmnist", "lenient", "sender"])
        for number, (picture, mask) in enumerate(drawn_photos):
            label = "ood" if number % 10 == 9 else ("6", "8")[number % 2]
            writer.writerow([f"{number}.jpg", label, "4" if label == "8" else "", f"person {number}"])
            Image.fromarray(picture).save(made / f"{number}.jpg")
            Image.fromarray((255 * mask).astype(np.uint8)).save(made / "masks" / f"{number}.png")
    return made


@pytest.fixture
def few(folder):
    """Only the first ten of them: too few for anyone to be held out."""
    lines = (folder / "labels.csv").read_text("utf-8").splitlines()
    (folder / "labels.csv").write_text("\n".join(lines[:11]), "utf-8")
    return folder


def encode(picture: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


# --- predict ---


def test_predict_looks_at_files_and_through_folders(call, run, drawn_photos, tmp_path):
    single, photos = tmp_path / "single.png", tmp_path / "all"
    write_bytes(single, encode(drawn_photos[0][0], "PNG"))
    write_bytes(photos / "a.JPG", encode(drawn_photos[1][0], "JPEG"))
    write_bytes(photos / "inner" / "deeper" / "b.webp", encode(drawn_photos[2][0], "WEBP"))
    write_bytes(photos / "notes.txt", b"not a photo")
    code, out, error = call("predict", single, photos, "--run", run.id, "--json")
    assert (code, error) == (0, "")
    found = [json.loads(line) for line in out.splitlines()]
    assert [line["file"] for line in found] == list(
        map(str, [single, photos / "a.JPG", photos / "inner" / "deeper" / "b.webp"])
    )
    for line in found:
        assert list(line) == KEYS
        assert (line["label"], line["name"], line["unsure"]) == (6, "Shirt", False)
        assert len(line["probabilities"]) == 10
        assert sum(line["probabilities"]) == pytest.approx(1)
        assert line["ood_score"] == pytest.approx(1 - max(line["probabilities"]))
        assert line["seconds"] > 0


@pytest.mark.parametrize("as_json", [True, False])
def test_a_damaged_photo_has_its_line_and_the_others_go_on(call, run, folder, tmp_path, as_json):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes((folder / "0.jpg").read_bytes()[:900])
    files = (tmp_path / "gone.jpg", bad, folder / "1.jpg")
    code, out, error = call("predict", *files, "--run", run.id, *["--json"] * as_json)
    assert (code, error) == (1, "")
    lines = out.splitlines()
    if as_json:
        lines = [json.loads(line) for line in lines]
        assert [list(line) for line in lines] == [["file", "error"], ["file", "error"], KEYS]
        lines = [f"{line['file']}: {line.get('error', 'Shirt 80%')}" for line in lines]
    assert "cannot be read" in lines[0]
    assert "bad.jpg is damaged or cut off" in lines[1]
    assert lines[2].startswith(f"{files[2]}: Shirt ")


def test_predict_tells_as_many_classes_as_wanted(call, run, folder):
    code, out, _ = call("predict", folder / "0.jpg", "--run", run.id, "--top", 2)
    assert (code, out) == (0, f"{folder / '0.jpg'}: Shirt 84%, Coat 11%\n")
    assert call("predict", folder / "0.jpg", "--run", run.id, "--top", 11)[0] == 2


def test_predict_says_what_is_unsure(call, run, folder):
    run.write_photo_fit(PhotoFit(unsure_above=-100.0, photos=1))
    _, out, _ = call("predict", folder / "0.jpg", "--run", run.id)
    assert out.endswith("Shirt 84% (unsure: perhaps none of the ten)\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(("--run", "nobody"), "'nobody'"), ((), "'photo'"), (("--way", "fast"), "--way is 'fast'")],
)
def test_predict_refuses_what_is_not_there_in_one_line(call, run, folder, arguments, reason):
    if "--way" in arguments:
        arguments = (*arguments, "--run", run.id)
    code, out, error = call("predict", folder / "0.jpg", *arguments)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert reason in error


def test_images_of_the_data_set_are_taken_as_they_are(call, run, drawn, tmp_path, monkeypatch):
    asked, recognize = [], photo_analysis.recognize
    monkeypatch.setattr(
        photo_analysis, "recognize", lambda t, r, images: asked.append(images) or recognize(t, r, images)
    )
    garments = np.zeros((4, 28, 28), np.uint8)
    garments[:, 4:-4, 4:-4] = 255 - np.arange(4, dtype=np.uint8)[:, None, None]
    write_bytes(tmp_path / "one.png", encode(garments[0], "PNG"))
    write_bytes(tmp_path / "sheet.png", encode(np.concatenate([*garments[1:]], 1), "PNG"))
    code, out, _ = call("predict", tmp_path / "one.png", tmp_path / "sheet.png", "--run", run.id)
    assert code == 0
    assert np.array_equal(np.concatenate(asked), garments)
    said = "Shirt 84% (an image as in the data set: taken as it is)"
    assert out.splitlines()[0] == f"{tmp_path / 'one.png'}: {said}"
    assert out.splitlines()[3] == f"{tmp_path / 'sheet.png'}, image 3: {said}"
    _, out, _ = call("predict", tmp_path / "sheet.png", "--run", run.id, "--json")
    assert [(line["image"], line["exported"]) for line in map(json.loads, out.splitlines())] == [
        (1, True), (2, True), (3, True),
    ]  # fmt: skip
    _, out, _ = call("predict", tmp_path / "one.png", "--run", run.id, "--way", "seven", "--json")
    assert json.loads(out)["exported"] is False, "a way that was asked for is gone"


def test_a_table_has_a_row_for_each_file_with_the_nearest_training_images(call, run, folder, drawn, tmp_path):
    bad, table = folder / "hémd.jpg", tmp_path / "found" / "table.csv"
    bad.write_bytes(b"nothing")
    files = (folder / "0.jpg", bad, folder / "1.jpg")
    code, _, error = call("predict", *files, "--run", run.id, "--csv", table)
    assert (code, error) == (1, "")
    assert table.read_bytes().startswith(b"\xef\xbb\xbffile,image,class,probability,class_2,")
    names, rows = read_table(decode_text(table.read_bytes(), "table.csv"))
    assert [row["file"] for _, row in rows] == [*map(str, files)]
    _, first = rows[0]
    assert (first["class"], first["class_2"], first["unsure"], first["exported"]) == ("Shirt", "Coat", "False", "False")
    assert float(first["probability"]) > float(first["probability_2"]) > float(first["probability_3"])
    for place in (1, 2, 3):
        part, number = first[f"nearest_{place}"].split()
        assert part == "train"
        assert first[f"nearest_{place}_class"] == CLASS_NAMES[drawn.train.labels[int(number)]]
    assert "is not a picture" in rows[1][1]["error"]
    assert {rows[1][1][name] for name in names} - {""} == {str(bad), rows[1][1]["error"]}


def test_a_folder_without_pictures_says_what_it_has(call, run, tmp_path):
    papers = tmp_path / "papers"
    papers.mkdir()
    code, _, error = call("predict", papers, "--run", run.id)
    assert (code, error.startswith(f"No file in {papers} is named as a picture. Give one with .")) == (2, True)
    write_bytes(papers / "a.txt", b"x")
    write_bytes(papers / "b.pdf", b"x")
    code, out, error = call("predict", papers, "--run", run.id)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert f"No file in {papers} is named as a picture: its 2 files end in '.pdf', '.txt'." in error


def test_where_nothing_can_be_used_it_is_bad_input(call, run, tmp_path):
    write_bytes(tmp_path / "photos" / "a.jpg", b"x")
    write_bytes(tmp_path / "photos" / "b.avif", b"x")
    code, out, error = call("predict", tmp_path / "photos", "--run", run.id)
    assert (code, out.count("is not a picture")) == (2, 2)
    assert error == "None of the 2 files can be used: the lines above say why.\n"


@pytest.mark.parametrize("name", ["a.jfif", "a.AVIF", "a.gif", "a.bmp", "a.tiff"])
def test_pictures_of_all_names_are_found_in_a_folder(call, run, drawn_photos, tmp_path, name):
    kind = {"a.jfif": "JPEG", "a.tiff": "TIFF"}.get(name, name[2:].upper())
    write_bytes(tmp_path / "photos" / name, encode(drawn_photos[0][0], kind))
    assert call("predict", tmp_path / "photos", "--run", run.id)[:2] == (
        0,
        f"{tmp_path / 'photos' / name}: Shirt 84%\n",
    )


# --- photo-bench ---


def test_photo_bench_scores_a_folder(call, run, folder):
    code, out, error = call("photo-bench", folder, "--run", run.id, "--json")
    assert (code, error) == (0, "")
    found = json.loads(out)
    assert list(found) == [
        *("run", "way", "photos", "others", "top1", "lenient", "macro", "error", "sure_half", "auroc", "answered"),
        *("refused", "groups", "milliseconds"),
    ]
    assert (found["run"], found["way"], found["photos"], found["others"]) == (run.id, "ours", 36, 4)
    assert found["top1"] == pytest.approx(20 / 36)
    assert found["lenient"] == pytest.approx(20 / 36), "Coat is defensible, Shirt is not"
    assert found["groups"] == {"Bag": [0.0, 16], "Shirt": [1.0, 20]}
    assert (found["answered"], found["refused"]) == (1, 0)
    _, out, _ = call("photo-bench", folder, "--run", run.id)
    assert f"{run.title}, ours: 55.6% right of 36 photos of clothes" in out
    assert "Bag            0.0% of 16" in out


def test_another_way_is_converted_otherwise(call, run, few, monkeypatch):
    ways, convert = [], photo_analysis.convert
    monkeypatch.setattr(photo_analysis, "convert", lambda p, how, find: ways.append(how) or convert(p, how, find))
    code, out, _ = call("photo-bench", few, "--run", run.id, "--way", "squash", "--json")
    assert (code, json.loads(out)["way"]) == (0, "squash")
    assert {(how.foreground, how.centre, how.negate) for how in ways} == {("none", False, False)}
    assert len(ways) == 10


def test_only_those_held_out_are_scored(call, run, folder):
    code, out, _ = call("photo-bench", folder, "--run", run.id, "--held-out", "--json")
    found = json.loads(out)
    assert (code, found["photos"] + found["others"]) == (0, 6)


def test_nobody_held_out_is_told(call, run, few):
    code, out, error = call("photo-bench", few, "--run", run.id, "--held-out")
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "No photo of clothes is held out in" in error


def test_a_threshold_is_kept_with_the_run(call, run, few):
    assert not run.photo_fit.unsure_above
    assert call("photo-bench", few, "--run", run.id)[0] == 0
    assert not (run.path / "photo.json").exists(), "it was not asked for"
    code, out, _ = call("photo-bench", few, "--run", run.id, "--set-threshold", "--json")
    assert code == 0
    fit = Run(run.path).photo_fit
    assert (run.path / "photo.json").is_file()
    assert fit.unsure_above is not None
    assert json.loads(out)["answered"] >= 0.95


def test_a_folder_without_labels_is_told(call, run, folder):
    (folder / "labels.csv").unlink()
    code, _, error = call("photo-bench", folder, "--run", run.id)
    assert (code, "labels.csv cannot be read" in error) == (2, True)


# --- train-photos ---

SHORT = ("--epochs", 1, "--times", 1, "--set", "precision=fp32", "--set", "threads=1", "--set", "batch_size=64")


def test_a_run_learns_from_photos_and_knows_them(call, run, store, folder):
    arguments = ("--begin", run.id, *SHORT, "--source", "drawn, CC0", "--json")
    code, out, error = call("train-photos", folder, *arguments)
    assert (code, error) == (0, "")
    (made,) = (each for each in store.own_runs() if each != run)
    assert (made.status.state, made.status.task) == ("finished", "train-photos")
    assert made.config.model == run.config.model
    assert made.config.training.epochs == 1
    fit = made.photo_fit
    assert (fit.photos, fit.source, fit.unsure_above is not None) == (34, "drawn, CC0", True)
    last = json.loads(out.splitlines()[-1])
    assert (last["run"], last["photos"] + last["others"]) == (made.id, 6)
    assert not [path for path in made.path.rglob("*") if path.suffix in (".jpg", ".png")]
    code, _, error = call("train-photos", folder, "--resume", made.id)
    assert (code, "only a run that was not finished can be resumed" in error) == (2, True)


def test_the_final_run_learns_from_everybody_and_takes_over_what_was_found_without_them(call, run, store, folder):
    run.write_photo_fit(PhotoFit(temperature=0.7, unsure_above=-1.5, photos=34, source="drawn, CC0"))
    code, _, error = call("train-photos", folder, "--begin", run.id, "--final-of", run.id, *SHORT)
    assert (code, error) == (0, "")
    (made,) = (each for each in store.own_runs() if each != run)
    assert made.photo_fit == PhotoFit(temperature=0.7, unsure_above=-1.5, photos=40, source="drawn, CC0")


def test_an_unfinished_run_is_resumed_with_the_options_it_was_begun_with(call, run, folder, store, monkeypatch):
    monkeypatch.setattr("fmexplore.jobs.job.CHECK_SECONDS", 0)
    monkeypatch.setenv("FMEXPLORE_MAX_MINUTES", "0.00001")
    run.write_photo_fit(PhotoFit(temperature=0.7, unsure_above=-1.5, photos=34, source="drawn, CC0"))
    code, _, error = call("train-photos", folder, "--begin", run.id, "--final-of", run.id, *SHORT)
    (made,) = (each for each in store.own_runs() if each != run)
    command = f"train-photos {shlex.quote(str(folder))} --times=1 --final-of={run.id} --resume {made.id}"
    assert (code, error) == (1, f"Go on with: python -m fmexplore {command}\n")


def test_a_final_run_needs_one_that_has_learnt_from_photos(call, run, store, folder):
    code, _, error = call("train-photos", folder, "--begin", run.id, "--final-of", run.id, *SHORT)
    assert (code, "has not learnt from photos" in error) == (2, True)
    assert store.own_runs() == [run]


def test_a_run_that_was_never_saved_goes_on_from_where_it_began(call, run, store, folder, tiny):
    config = tiny.replace(training=tiny.training.replace(epochs=0.05, learning_rate=1e-9))
    made = store.create(config, state="interrupted", task="train-photos")
    made.write_weights(run.read_weights())
    code, _, error = call("train-photos", folder, "--resume", made.id, "--times", 1)
    assert (code, error) == (0, "")
    assert (made.status.state, Run(made.path).photo_fit.photos) == ("finished", 34)
    began, ended = run.read_weights(), made.read_weights()
    assert all(np.allclose(began[name], ended[name], atol=1e-6) for name in began if "weight" in name)


def test_what_a_resumed_run_varies_is_drawn_by_its_own_seed(call, run, store, folder, tiny, monkeypatch):
    real, seeds = cutouts.vary_all, []

    def vary_all(garments, targets, times, seed, report):
        seeds.append(seed)
        return real(garments, targets, times, seed, report)

    monkeypatch.setattr(cutouts, "vary_all", vary_all)
    made = store.create(
        tiny.replace(training=tiny.training.replace(epochs=0.05, seed=7)), state="paused", task="train-photos"
    )
    made.write_weights(run.read_weights())
    code, _, error = call("train-photos", folder, "--resume", made.id, "--times", 1)
    assert (code, error, seeds) == (0, "", [7])


def test_a_run_is_judged_by_images_that_the_one_it_began_with_has_not_learnt_from(call, store, folder, tiny):
    parent = store.create(tiny.replace(training=tiny.training.replace(validation_share=0.05)), state="finished")
    shapes = tensor_shapes(summarize(tiny.model))
    parent.write_weights({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    before = signal.getsignal(signal.SIGINT)
    assert call("train-photos", folder, "--begin", parent.id, *SHORT)[0] == 0
    (made,) = (each for each in store.own_runs() if each != parent)
    assert made.config.training.validation_share == 0.05
    assert signal.getsignal(signal.SIGINT) is before, "Ctrl-C ends what comes after the training"


def test_no_epochs_are_refused(call, run, store, folder):
    code, _, error = call("train-photos", folder, "--begin", run.id, "--epochs", 0)
    assert (code, "epochs is 0" in error) == (2, True)
    assert store.own_runs() == [run]


def test_nobody_to_hold_out_is_told_before_the_training(call, run, store, few):
    code, _, error = call("train-photos", few, "--begin", run.id, *SHORT)
    assert (code, error.count("\n")) == (2, 1)
    assert "No photo of clothes is held out in" in error
    assert store.own_runs() == [run]


def test_it_is_not_resumed_without_its_photos(store, tiny):
    """As the Train page would."""
    made = store.create(tiny, state="paused", task="train-photos")
    run_job(Job(made.path, store.settings))
    assert made.status.state == "failed"
    assert "resume it with `train-photos FOLDER --resume`" in made.status.error


# --- train-segmenter ---


def test_the_segmenter_is_trained_and_written_where_it_is_told(call, folder, tmp_path):
    before, out = WEIGHTS.stat(), tmp_path / "made" / "segmenter.safetensors"
    arguments = ("--masks", folder / "masks", "--epochs", 1, "--out", out, "--no-bf16", "--json")
    code, said, error = call("train-segmenter", folder, *arguments, "--judge", folder)
    assert (code, error) == (0, "")
    epoch, last = map(json.loads, said.splitlines())
    assert (epoch["step"], epoch["steps"]) == (1, 1)
    assert last["file"] == str(out)
    assert last["bytes"] == out.stat().st_size
    assert last["held_out_overlap"] == epoch["overlap"]
    assert 0 <= last["overlap"] <= 1
    assert (WEIGHTS.stat().st_mtime_ns, WEIGHTS.stat().st_size) == (before.st_mtime_ns, before.st_size)


def test_too_few_photos_for_a_segmenter_are_told(call, few, tmp_path):
    out = tmp_path / "segmenter.safetensors"
    code, _, error = call("train-segmenter", few, "--masks", few / "masks", "--epochs", 1, "--out", out)
    assert (code, error.count("\n")) == (2, 1)
    assert "leaves 10 photos to learn from and 0 held out: at least 32 and one" in error
    assert not out.exists()


def test_a_photo_without_a_mask_is_told(call, folder, tmp_path):
    (folder / "masks" / "3.png").unlink()
    out = tmp_path / "segmenter.safetensors"
    code, _, error = call("train-segmenter", folder, "--masks", folder / "masks", "--epochs", 1, "--out", out)
    assert code == 2
    assert "There is no mask" in error
    assert "3.jpg" in error
    assert not out.exists()
