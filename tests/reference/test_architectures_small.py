"""The scaled-down networks: sizes they take, sizes they don't, and that each is one file which says what it needs."""

import ast
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reference.loading import FOLDER, NAMES, WhenUsed, layers_of, load_architecture, shapes_of

keras: Any = WhenUsed("keras")

MOST_PARAMETERS = 1_250_000  # a hundredth of VGG-16; 2,000 photographs have 55 million pixel values at 96 x 96
PRINTED = {
    "lenet5": ["61,706", "545,546"], "alexnet": ["62,378,344"], "vgg16": ["138,357,544"], "googlenet": ["6,998,552"],
    "resnet50": ["25,636,712"],
}  # fmt: skip


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def architecture(name: str) -> Any:
    return load_architecture(name)


@pytest.fixture(scope="module")
def models(architecture: Any) -> dict[int, Any]:
    """The small network for three sizes of image."""
    return {image_size: architecture.build_small(image_size) for image_size in (64, 96, 128)}


def test_a_colour_photograph_goes_in_and_one_probability_comes_out(models: dict[int, Any]) -> None:
    for image_size, model in models.items():
        assert model.input_shape == (None, image_size, image_size, 3)
        assert model.output_shape == (None, 1)
        assert layers_of(model)[-1].activation.__name__ == "sigmoid"


def test_it_is_small_enough_for_two_thousand_photographs(models: dict[int, Any]) -> None:
    assert max(model.count_params() for model in models.values()) <= MOST_PARAMETERS


def test_grey_images_and_several_classes_are_taken_too(architecture: Any) -> None:
    model = architecture.build_small(64, channels=1, units=4)
    assert (model.input_shape, model.output_shape) == ((None, 64, 64, 1), (None, 4))
    answer = np.asarray(model(np.zeros((1, 64, 64, 1), "float32"), training=False))
    assert answer.sum() == pytest.approx(1)


def test_the_smallest_image_leaves_no_map_empty(architecture: Any) -> None:
    model = architecture.build_small(architecture.SMALLEST)
    assert min(min(shape) for shape in shapes_of(model).values()) == 1
    assert np.isfinite(np.asarray(model(np.zeros((1, *model.input_shape[1:]), "float32"), training=False))).all()


def test_one_pixel_less_could_not_be_built_without_the_guard(
    architecture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_small = architecture.SMALLEST - 1
    monkeypatch.setattr(architecture, "SMALLEST", 0)
    try:
        model = architecture.build_small(too_small)
    except ValueError as error:
        assert "images of at least" not in str(error)  # Keras' own refusal, not ours
    else:
        assert min(min(shape) for shape in shapes_of(model).values()) < 1


def test_too_small_an_image_is_refused_with_the_smallest_that_works(architecture: Any) -> None:
    least, asked = architecture.SMALLEST, architecture.SMALLEST - 1
    with pytest.raises(ValueError, match=rf"needs images of at least {least} x {least} pixels; asked for: {asked} x"):
        architecture.build_small(asked)


def test_pixels_may_be_raw_and_only_training_varies_them(models: dict[int, Any]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype("float32")
    *random, rescaling = layers_of(models[64])[:4]
    assert [type(layer).__name__ for layer in random] == ["RandomFlip", "RandomTranslation", "RandomZoom"]
    for layer in random:
        assert np.array_equal(np.asarray(layer(image, training=False)), image)
    assert np.asarray(rescaling(np.array([[0.0, 255.0]]))).tolist() == [[-1.0, 1.0]]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, as it saves
def test_a_saved_network_is_loaded_in_safe_mode_with_the_same_answers(models: dict[int, Any], tmp_path: Path) -> None:
    model = models[64]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(loaded(image, training=False), model(image, training=False), rtol=1e-5)


def test_title_and_smallest_can_be_read_without_importing_anything(name: str, architecture: Any) -> None:
    literals = {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in tree_of(name).body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }
    assert (literals["TITLE"], literals["SMALLEST"]) == (architecture.TITLE, architecture.SMALLEST)
    assert isinstance(literals["TITLE"], str)
    assert isinstance(literals["SMALLEST"], int)


def test_a_file_stands_alone_but_for_keras(name: str) -> None:
    found = set()
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module).split(".")[0])
    assert found - set(sys.stdlib_module_names) == {"keras"}


def test_all_vary_and_scale_their_images_in_the_same_way() -> None:
    functions = [
        ast.dump(node)
        for name in NAMES
        for node in tree_of(name).body
        if isinstance(node, ast.FunctionDef) and node.name == "preparation"
    ]
    assert len(functions) == len(NAMES)
    assert len(set(functions)) == 1


def test_docstring_and_overview_name_the_parameters_of_the_full_size(name: str, architecture: Any) -> None:
    overview = (FOLDER / "README.md").read_text(encoding="utf-8")
    for count in PRINTED[name]:
        assert count in architecture.__doc__
        assert count in overview


def test_the_overview_tells_the_small_networks_size_as_it_is(
    name: str, architecture: Any, models: dict[int, Any]
) -> None:
    overview = (FOLDER / "README.md").read_text(encoding="utf-8")
    row = next(line for line in overview.splitlines() if line.startswith(f"| `{name}` "))
    parameters = [f"{model.count_params():,}" for model in models.values()]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:5] == [str(architecture.SMALLEST), *parameters]


def test_every_file_of_the_folder_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(NAMES)


def tree_of(name: str) -> ast.Module:
    return ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
