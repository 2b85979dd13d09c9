"""Settings: types, bounds, error texts."""

from pathlib import Path

import pytest
import yaml

from schemas.errors import UsageError
from trainer.config import TrainerConfig, batching_of, config_from, dump_config, load_config, to_plain


def message(path: Path | None = None, *settings: str) -> str:
    with pytest.raises(UsageError) as error:
        load_config(path, settings)
    return str(error.value)


def test_defaults() -> None:
    assert load_config(None) == TrainerConfig()


def test_set_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "trainer.yaml"
    path.write_text("epochs: 3\nlearning_rate: 1e-2\npooling: [last]\n")
    config = load_config(path, ["epochs=5", "bidirectional=false"])
    assert config == TrainerConfig(epochs=5, learning_rate=0.01, pooling=("last",), bidirectional=False)


@pytest.mark.parametrize("text", ["1e-3", "0.001", "1.0e-3", "1E-3"])
def test_every_way_to_write_a_number(text: str) -> None:
    assert load_config(None, [f"learning_rate={text}"]).learning_rate == 0.001


def test_a_whole_number_is_a_number() -> None:
    assert load_config(None, ["clip_norm=2"]).clip_norm == 2.0


@pytest.mark.parametrize("text", ["mean,last", "[mean, last]", "mean, last"])
def test_pooling_as_a_setting(text: str) -> None:
    assert load_config(None, [f"pooling={text}"]).pooling == ("mean", "last")


@pytest.mark.parametrize(
    ("text", "sizes"), [("64", (64,)), ("64,8", (64, 8)), ("[64, 8]", (64, 8)), ("9, 5", (9, 5)), ("[]", ())]
)
def test_batch_sizes_as_a_setting(text: str, sizes: tuple[int, ...]) -> None:
    assert load_config(None, [f"batch_sizes={text}"]).batch_sizes == sizes


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("unit=3", "unit: no such setting; did you mean 'units'?"),
        ("epochs=ten", "epochs: expected a whole number; received 'ten' (str)"),
        ("epochs='10'", "epochs: expected a whole number; received '10' (str)"),
        ("epochs=1.5", "epochs: expected a whole number; received 1.5 (float)"),
        ("epochs=true", "epochs: expected a whole number; received True (bool)"),
        ("learning_rate='0.1'", "learning_rate: expected a number; received '0.1' (str)"),
        ("bidirectional=1", "bidirectional: expected true or false; received 1 (int)"),
        ("pooling=3", "pooling: expected a list of names, as in [mean, max]; received 3 (int)"),
        ("epochs=0", "epochs: 0 is out of range; it must lie in [1, 1000000]"),
        ("dropout=1.0", "dropout: 1.0 is out of range; it must lie in [0, 0.95]"),
        ("learning_rate=.nan", "learning_rate: nan is out of range; it must lie in [1e-08, 10]"),
        ("pooling=meen", "pooling: 'meen' is no valid value; did you mean 'mean'?"),
        ("pooling=[]", "pooling: []; name one or more of mean, max, last, attention, each once"),
        ("pooling=max,max", "pooling: ['max', 'max']; name one or more of mean, max, last, attention, each once"),
        ("batch_sizes=0", "batch_sizes: 0 is out of range; it must lie in [1, 1000000]"),
        ("batch_sizes=8,0", "batch_sizes: 0 is out of range; it must lie in [1, 1000000]"),
        (
            "batch_sizes=many",
            "batch_sizes: expected a list of whole numbers, as in [128, 64]; received ['many'] (list)",
        ),
        (
            "batch_sizes=[1.5]",
            "batch_sizes: expected a list of whole numbers, as in [128, 64]; received [1.5] (list)",
        ),
        (
            "batch_sizes=true",
            "batch_sizes: expected a list of whole numbers, as in [128, 64]; received [True] (list)",
        ),
        ("batch_multiple=0", "batch_multiple: 0 is out of range; it must lie in [1, 1000000]"),
        ("epochs", "--set epochs: has no '='; write --set key=value"),
        ("batching=random", "batching: 'random' is no valid value; valid: bucket_by_sequence_length, planned"),
        ("batching=1", "batching: expected a name; received 1 (int)"),
        (
            "jit_compile=true",
            "jit_compile: true compiles the training step for every shape of a batch; set static_shapes: true, so that "
            "there are no more shapes than buckets",
        ),
        (
            "class_weights={yes: 2}",
            "class_weights: expected one of none, balanced, or weights by name, as in {spam: 5.0, 'yes': 2.0}; "
            "received {True: 2} (dict)",
        ),
        ("class_weights=balance", "class_weights: 'balance' is no valid value; did you mean 'balanced'?"),
        (
            "pretrained_embeddings=[v.txt]",
            "pretrained_embeddings: expected a path, or paths by name, as in {text: vectors.txt}; "
            "received ['v.txt'] (list)",
        ),
        (
            "monitor=los",
            "monitor: 'los' is no valid value; did you mean 'loss'?",
        ),
        (f"learning_rate=1{'0' * 400}", "learning_rate: inf is out of range; it must lie in [1e-08, 10]"),
        (
            "max_pooling=2",
            "max_pooling: 2 belongs to a convolution, and there is none; set conv_filters, or max_pooling: 1",
        ),
        (
            "conv_stride=2",
            "conv_stride: 2 belongs to a convolution, and there is none; set conv_filters, or conv_stride: 1",
        ),
        (
            "conv_stride=4",
            "conv_stride: 4 is more than conv_width 3, so that steps between two windows would not be read; lower the "
            "one or raise the other",
        ),
        (
            "train_embeddings=false",
            "train_embeddings: false keeps pretrained embeddings as they are, and there are none; name a file as "
            "pretrained_embeddings, or set train_embeddings: true",
        ),
        ("max_batch_size=4", "min_batch_size: 8 is more than max_batch_size 4; lower the one or raise the other"),
    ],
)
def test_what_is_refused(setting: str, expected: str) -> None:
    assert message(None, setting) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            ["static_shapes=true", "jit_compile=true"],
            "jit_compile: true compiles a step for one device; leave it off, or set replicas: 1",
        ),
        (
            ["piece_steps=5"],
            "replicas: 2 with piece_steps: 5 is not supported; set replicas: 1, or piece_steps: 0",
        ),
        (
            ["precision=mixed_float16"],
            "replicas: 2 with precision: mixed_float16 is not supported; set replicas: 1, or precision: float32",
        ),
    ],
)
def test_what_several_replicas_cannot_do(settings: list[str], expected: str) -> None:
    assert message(None, "replicas=2", *settings) == expected


def test_pieces_are_not_compiled() -> None:
    assert message(None, "jit_compile=true", "static_shapes=true", "piece_steps=4") == (
        "jit_compile: true needs shapes that are known beforehand, and with piece_steps the last piece of a batch may "
        "be shorter; leave jit_compile off, or set piece_steps: 0"
    )


def test_weights_and_paths_by_name() -> None:
    config = load_config(None, ["class_weights={spam: 5, 1: 2.5}", "pretrained_embeddings={text: v.txt}"])
    assert config.class_weights == {"spam": 5.0, "1": 2.5}
    assert config.pretrained_embeddings == {"text": "v.txt"}
    assert load_config(None, ["class_weights=balanced", "pretrained_embeddings=v.txt"]) == TrainerConfig(
        class_weights="balanced", pretrained_embeddings="v.txt"
    )


def test_files_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trainer.yaml"
    assert message(path) == f"config {path}: no such file; give the path of a YAML file of settings"
    path.write_text("- 1\n")
    assert message(path) == f"config {path}: expected named settings; received [1] (list)"
    path.write_text("epochs: 1\nepochs: 2\n")
    assert message(path) == f"config {path}: line 2: 'epochs' is given twice; remove one of them"
    path.write_text("epochs: [\n")
    assert message(path).startswith(f"config {path}: is no valid YAML: ")
    path.write_text("!!python/object/apply:os.getcwd []\n")
    assert message(path).startswith(f"config {path}: is no valid YAML: could not determine a constructor")


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "trainer.yaml"
    path.write_text("# nothing yet\n")
    assert load_config(path) == TrainerConfig()


def test_what_is_dumped_reads_back() -> None:
    config = TrainerConfig(
        pooling=("max",), learning_rate=1e-5, seed=7, batch_sizes=(32, 8), class_weights={"1": 2.0, "yes": 0.5}
    )
    assert config_from(yaml.safe_load(dump_config(config))) == config
    assert config_from(to_plain(config)) == config


def test_limits() -> None:
    config = TrainerConfig(batch_padded_steps=5, max_batch_size=4, min_batch_size=3, min_epoch_steps=2)
    limits = batching_of(config).limits
    assert (limits.padded_steps, limits.max_examples, limits.min_examples, limits.min_steps) == (5, 4, 3, 2)
    limits = batching_of(TrainerConfig(batch_sizes=(8, 2), batch_multiple=4)).limits
    assert (limits.sizes, limits.multiple) == ((8, 2), 4)


def test_the_documentation_lists_every_setting_with_its_default() -> None:
    text = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    text = text.partition("## Settings\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    listed = {row[0].strip("| `"): yaml.safe_load(row[1]) for row in rows if len(row) == 3}
    assert listed == to_plain(TrainerConfig())
