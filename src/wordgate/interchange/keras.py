"""Import of a trained Keras model of the tutorial notebook's architecture.

Keras and wordgate have the same order of LSTM gates (input, forget, cell, output), and transposed
kernels. Padding, which Keras masks, does not exist in wordgate.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from wordgate.arguments import whole_number
from wordgate.bundle.config import Config
from wordgate.bundle.folder import Bundle, check_destination, write_bundle
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.errors import BundleError, SettingsError
from wordgate.interchange.hdf5 import ArrayFile
from wordgate.interchange.keras_config import LARGEST, KerasNetwork, parse_config
from wordgate.interchange.keras_files import open_keras, read_vocabulary
from wordgate.models.base import Floats
from wordgate.models.lstm import LSTMModel, Network
from wordgate.models.lstm_forward import Direction
from wordgate.prediction.predictor import Predictor
from wordgate.runtime.display import shown
from wordgate.storage.files import expand_home
from wordgate.tables.encoding import without_surrogates
from wordgate.text.encoder import TextEncoder, Truncate
from wordgate.text.tokenizers import KerasTokenizer
from wordgate.text.vocabulary import Vocabulary


def import_keras(
    model: str | Path,
    tokenizer: str | Path,
    *,
    labels: Iterable[str],
    out: str | Path | None = None,
    max_tokens: int | None = None,
    truncate: Truncate = "front",
    overwrite: bool = False,
) -> Predictor:
    """Import a trained Keras 3 model of an Embedding, an LSTM and a Dense layer.

    No code of the file is run, and Keras need not be installed. Assumptions about the model are
    listed in ``config.data["notes"]`` of the result.

    Args:
        model: The file written by ``model.save("model.keras")``.
        tokenizer: A file with the output of the ``to_json()`` of a legacy ``Tokenizer``.
        labels: The labels, in the order of the outputs of the model.
        out: The folder to write the model to; None to write nothing.
        max_tokens: Maximum number of tokens of a text, if the model does not define it.
        truncate: Where longer texts are truncated: ``front``, the default of ``pad_sequences``, or
            ``end``.
        overwrite: Whether to replace an existing model at `out`.

    Returns:
        The imported model.

    Raises:
        BundleError: A file is missing or damaged, the architecture is not supported, or `out`
            cannot be written.
        SettingsError: `labels` or `max_tokens` do not fit the model.
    """
    model, tokenizer = expand_home(model), expand_home(tokenizer)
    names = _listed(labels)
    if out is not None:
        check_destination(out, overwrite=overwrite)
    with _naming_file(tokenizer):
        vocabulary = read_vocabulary(tokenizer)
    with _naming_file(model), open_keras(model) as archive:
        sizes = parse_config(archive.config)
        _check_labels(names, sizes)
        encoder = _encoder(vocabulary, sizes, max_tokens, truncate)
        ours = LSTMModel(encoder, _network(archive.weights, sizes, len(vocabulary)))
    config = Config(
        family="lstm",
        labels=names,
        seed=0,
        recipe="import-keras",
        settings={},
        data={
            "source": without_surrogates(model.name),
            "tokenizer": without_surrogates(tokenizer.name),
            "training_texts": "unknown",
            "notes": _notes(encoder, sizes),
        },
        environment={"keras": archive.version},
    )
    if out is not None:
        bundle = Bundle(config, ours, metrics=None, fingerprints=Fingerprints.of([], None))
        write_bundle(bundle, out, overwrite=overwrite)
    return Predictor(ours, config)


@contextmanager
def _naming_file(file: Path) -> Iterator[None]:
    """Add the name of the file to errors."""
    try:
        yield
    except BundleError as error:
        raise BundleError(f"{shown(str(file), 200)}: {error}") from error
    except RecursionError as error:
        raise BundleError(f"{shown(str(file), 200)}: its JSON is nested too deeply") from error


def _listed(labels: Iterable[str]) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise SettingsError(f"labels must be a list of labels, not the text {labels!r}")
    names = tuple(without_surrogates(str(label)) for label in labels)
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise SettingsError(f"the label '{shown(twice[0], 60)}' is given more than once")
    if "" in names:
        raise SettingsError("a label is empty; give one to each output of the model")
    return names


def _check_labels(names: tuple[str, ...], sizes: KerasNetwork) -> None:
    if sizes.classes < 2:
        raise BundleError(
            f"{sizes.output} has units={sizes.classes}; a classifier has two outputs or more"
        )
    if len(names) != sizes.classes:
        raise SettingsError(
            f"{len(names)} labels were given and the model has {sizes.classes} outputs; give its"
            " labels in the order of its outputs (scikit-learn's LabelEncoder sorts them)"
        )


def _encoder(
    vocabulary: Vocabulary, sizes: KerasNetwork, max_tokens: int | None, truncate: Truncate
) -> TextEncoder:
    """Build the encoder, with the input length of the model, or else of the user."""
    if sizes.words < len(vocabulary):
        raise BundleError(
            f"the embedding has {sizes.words:,} rows, but the tokenizer's vocabulary needs"
            f" {len(vocabulary):,}; they are from different models"
        )
    if max_tokens is not None:
        needed = f"a whole number from 1 to {LARGEST}"
        max_tokens = whole_number(max_tokens, "max_tokens", needed, most=LARGEST)
    length = sizes.length or max_tokens
    if length is None:
        raise SettingsError(
            "the input length of the model is not fixed; use --max-tokens to give the number of"
            " tokens to which texts were padded in training (pad_sequences' maxlen)"
        )
    if max_tokens not in (None, length):
        raise SettingsError(
            f"max_tokens is {max_tokens}, but the model's input has the fixed length {length}"
        )
    return TextEncoder(KerasTokenizer(), vocabulary, length, truncate)


def _network(arrays: ArrayFile, sizes: KerasNetwork, words: int) -> Network:
    """Read the weights, and transpose them to our layout."""
    # In Keras 3, their paths have the class of a layer, not its name (``_save_container_state`` in
    # its ``saving/saving_lib.py``).
    gates = 4 * sizes.hidden
    embedding = arrays.read("layers/embedding/vars/0", (sizes.words, sizes.embedding), rows=words)
    cell, dense = "layers/lstm/cell/vars", "layers/dense/vars"
    forward = Direction(
        input_weights=_transposed(arrays.read(f"{cell}/0", (sizes.embedding, gates))),
        hidden_weights=_transposed(arrays.read(f"{cell}/1", (sizes.hidden, gates))),
        bias=_bias(arrays, f"{cell}/2", gates, present=sizes.lstm_bias),
    )
    return Network(
        embedding=embedding,
        directions=(forward,),
        output_weights=_transposed(arrays.read(f"{dense}/0", (sizes.hidden, sizes.classes))),
        output_bias=_bias(arrays, f"{dense}/1", sizes.classes, present=sizes.output_bias),
        pooling=("last",),
    )


def _transposed(kernel: Floats) -> Floats:
    return np.ascontiguousarray(kernel.T)


def _bias(arrays: ArrayFile, path: str, size: int, *, present: bool) -> Floats:
    return arrays.read(path, (size,)) if present else np.zeros(size, np.float32)


def _notes(encoder: TextEncoder, sizes: KerasNetwork) -> list[str]:
    """Describe properties of the model, and assumptions about it."""
    words = len(encoder.vocabulary)
    length = "as given by max_tokens" if sizes.length is None else "the fixed length of the model"
    truncating = "default truncating='pre'" if encoder.truncate == "front" else "truncating='post'"
    drops = encoder.vocabulary.unknown is None
    unknown = "dropped" if drops else "read as the tokenizer's oov_token"
    notes = [
        f"texts of more than {encoder.max_tokens} tokens ({length}) are truncated at the"
        f" {encoder.truncate}, as with pad_sequences' {truncating}",
        f"words that are not in the vocabulary are {unknown}",
    ]
    if sizes.words > words:
        notes.append(
            f"the embedding has {sizes.words:,} rows, of which the vocabulary needs {words:,}; the"
            " others were left out"
        )
    mixed = sorted(sizes.policies - {"float32"})
    if mixed:
        notes.append(f"the model was computed in {mixed[0]}; wordgate computes in float32")
    return notes
