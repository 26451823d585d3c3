"""The settings of a training: a table for each family, and general settings."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from wordgate.errors import did_you_mean

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Pooling = Literal["last", "max", "mean"]
Precision = Literal["auto", "float32", "bfloat16"]
_NUMBER = r"[0-9]*\.?[0-9]+"
_OBJECTIVE = re.compile(
    rf"auto|none|f1|(precision|recall)@{_NUMBER}|cost@{_NUMBER}:{_NUMBER}", re.ASCII
)
_COSTS = ("false_positive", "false_negative")
Penalties = tuple[Annotated[float, Field(gt=0.0)], ...]
ClassWeight = Literal["none", "moderate", "balanced"]
NO_TEACHER = "none"
LARGEST_EMBEDDING = 8192


def split_at_plus(value: object) -> object:
    """Split a value as typed, ``last+max``, into its parts; a single number is one part."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (value,)
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split("+"))


def parse_class_weight(value: object) -> object:
    """Read weights of labels as typed, ``spam=5,ham=1``, or as given in a mapping.

    Raises:
        PydanticCustomError: They are no weights.
    """
    if isinstance(value, str) and value.strip() in get_args(ClassWeight):
        return value.strip()
    found = _by_label(value)
    if not found:
        raise fault(f"class_weight is {value!r:.200}; it must be {_CLASS_WEIGHTS}")
    return {
        label: _positive(weight, f"class_weight gives {label!r:.200} the weight")
        for label, weight in found.items()
    }


_CLASS_WEIGHTS = (
    "'none', 'moderate', 'balanced', or labels with their weights, such as spam=5,ham=1"
)


def parse_objective(value: object) -> object:
    """Read what thresholds are chosen for: a name, or costs by label, typed or in a mapping.

    Returns:
        The name; or for each label its costs ``false_positive`` and ``false_negative``, 1 for the
        one that is left out.

    Raises:
        PydanticCustomError: It is neither.
    """
    if isinstance(value, str) and _OBJECTIVE.fullmatch(value.strip()):
        return value.strip()
    found = _by_label(value)
    if not found:
        raise fault(f"objective is {value!r:.200}; it must be {_OBJECTIVES}")
    return {label: _costs(label, costs) for label, costs in found.items()}


_OBJECTIVES = (
    "auto, none, f1, precision@SHARE, recall@SHARE, cost@FALSE-POSITIVE:MISSED, or costs by label,"
    " in a .toml file or such as spam=1:5"
)


def _costs(label: str, costs: Any) -> dict[str, float]:
    """Give the costs of one label, in the order of `_COSTS`.

    Raises:
        PydanticCustomError: They are others, or no numbers above 0.
    """
    name = f"{label!r:.200}"
    if isinstance(costs, str) and costs.count(":") == 1:
        costs = dict(zip(_COSTS, costs.split(":"), strict=True))
    if not isinstance(costs, Mapping) or not costs:
        raise fault(
            f"objective gives {name} {costs!r:.200}; it must be costs, such as"
            " {false_positive = 1, false_negative = 5}"
        )
    for cost in costs:
        if cost not in _COSTS:
            raise fault(
                f"objective gives {name} an unknown cost {str(cost)!r:.200}"
                f"{did_you_mean(str(cost), _COSTS)}"
            )
    return {
        cost: _positive(costs.get(cost, 1.0), f"objective gives {name} the {cost}")
        for cost in _COSTS
    }


def _by_label(value: object) -> dict[str, Any]:
    """Take values by label from ``spam=5,ham=1`` or a mapping; none from anything else."""
    if isinstance(value, str):
        pairs = [part.rpartition("=") for part in value.split(",")]
        if not all(sign for _, sign, _ in pairs):
            return {}
        return {label.strip(): own.strip() for label, _, own in pairs}
    return {str(label): own for label, own in value.items()} if isinstance(value, Mapping) else {}


def _positive(value: Any, what: str) -> float:
    """Give a label's weight or cost as a number.

    Raises:
        PydanticCustomError: It is no number above 0.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0.0 < number < math.inf:
        raise fault(f"{what} {value!r:.200}; it must be a finite number above 0")
    return number


def fault(message: str) -> PydanticCustomError:
    """Make an error whose message is complete as it is."""
    return PydanticCustomError("no_effect", "{message}", {"message": message})


def no_effect(message: str) -> PydanticCustomError:
    """Make the error about settings that would have no effect together."""
    return fault(message)


class SettingsTable(BaseModel):
    """Settings that a recipe names in one table."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TextSettings(SettingsTable):
    """Tokens and vocabulary of the families that read words: `logreg`, `mlp`, `lstm`."""

    tokenizer: Literal["messages", "keras"] = Field(
        description="`messages` recognizes URLs, @names and emoji; `keras` is the legacy tokenizer"
        " of Keras"
    )
    max_tokens: Annotated[int, Field(ge=1)] = Field(description="longer texts are truncated")
    truncate: Literal["end", "front"] = Field(description="where long texts are truncated")
    vocabulary_from: Literal["train", "all"] = Field(
        description="rows from which the vocabulary is built: those of `train`, or `all` rows,"
        " including test"
    )
    unknown_words: Literal["id", "drop"] = Field(
        description="unknown words share one `id`, or are removed from the text (`drop`)"
    )
    min_groups: Annotated[int, Field(ge=1)] = Field(
        description="minimum number of training groups that contain a word of the vocabulary"
    )
    min_count: Annotated[int, Field(ge=1)] = Field(
        description="minimum number of occurrences of a word of the vocabulary in the training"
        " texts"
    )
    max_words: Annotated[int, Field(ge=1)] = Field(
        description="maximum size of the vocabulary; the most frequent words are kept"
    )


class VectorSettings(SettingsTable):
    """Lookup and storage of word vectors, for the same families."""

    stored: Literal["float32", "int8"] = Field(
        description="type of the word vectors in the saved model; `int8`, with a scale for each"
        " word, takes a quarter of the space"
    )
    spelling: Literal["exact", "any"] = Field(
        description="how a word is looked up in pretrained vectors: as it is (`exact`), or also in"
        " other case, with digits as `#`, without the sign of a hashtag, and with repeated letters"
        " shortened (`any`)"
    )
    more_words: Annotated[int, Field(ge=0)] = Field(
        description="number of words that are added to the vocabulary, beyond `text.max_words`,"
        " with their pretrained vectors, for future texts; the first words of the vector file"
    )


class CountSettings(SettingsTable):
    """Word and character n-gram counts with logistic regression."""

    words: Annotated[int, Field(ge=0, le=5)] = Field(
        description="maximum length of word n-grams; 0 for none"
    )
    characters: Annotated[int, Field(ge=0, le=8)] = Field(
        description="maximum length of character n-grams inside words, at least 2; 0 for none"
    )
    weights: Literal["counts", "tfidf"] = Field(
        description="`counts`, or sublinear TF-IDF (`tfidf`), normalized to unit length for words"
        " and for characters"
    )
    min_texts: Annotated[int, Field(ge=1)] = Field(
        description="minimum number of training texts that contain an n-gram"
    )
    c: Penalties = Field(
        min_length=1,
        description="inverse L2 regularization strengths to try, joined by `+`; chosen on the"
        " validation rows",
    )

    _split_c = field_validator("c", mode="before")(split_at_plus)

    @model_validator(mode="after")
    def _check_something_is_counted(self) -> "CountSettings":
        if not self.words and not self.characters:
            raise no_effect(
                "count.words=0 and count.characters=0 leave nothing to count; set one of them"
            )
        if self.characters == 1:
            raise no_effect(
                "count.characters=1 leaves no characters to count, whose n-grams begin at 2; set 0,"
                " or 2 and more"
            )
        return self


class AverageSettings(SettingsTable):
    """Averages of word vectors, for `logreg` and `mlp`."""

    weights: Literal["plain", "inverse-frequency", "best"] = Field(
        description="weights of the average of word vectors: equal (`plain`), higher for rare"
        " words (`inverse-frequency`, Arora et al. 2017), or chosen on the validation rows"
        " (`best`)"
    )


class LogregSettings(SettingsTable):
    """Logistic regression over averaged word vectors."""

    c: Penalties = Field(
        min_length=1,
        description="inverse L2 regularization strengths to try, joined by `+`; chosen on the"
        " validation rows",
    )

    _split_c = field_validator("c", mode="before")(split_at_plus)


class MLPSettings(SettingsTable):
    """A multilayer perceptron over averaged word vectors."""

    hidden_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="units of the hidden layer"
    )
    input_dropout: Share = Field(description="dropout rate of the input")
    output_dropout: Share = Field(description="dropout rate of the hidden layer")
    batch_size: Annotated[int, Field(ge=1)] = Field(description="texts per update")
    epochs: Annotated[int, Field(ge=1)] = Field(description="maximum number of epochs")
    learning_rate: Annotated[float, Field(gt=0.0)] = Field(description="learning rate of Adam")
    patience: Annotated[int, Field(ge=1)] = Field(
        description="stop after this number of epochs without a better validation accuracy"
    )


class LossSettings(SettingsTable):
    """The loss of the families that are trained in epochs: `mlp`, `lstm`, `transformer`."""

    function: Literal["cross-entropy", "focal"] = Field(
        description="`cross-entropy`, or `focal` (Lin et al. 2017), in which texts count less that"
        " the network is sure of and right about"
    )
    focal_gamma: Annotated[float, Field(ge=0.0)] = Field(
        description="how much less they count in the `focal` loss: a label's log loss is multiplied"
        " by 1 minus its probability to this power"
    )


class LSTMSettings(SettingsTable):
    """An LSTM over word vectors."""

    embedding_size: Annotated[int, Field(ge=1, le=LARGEST_EMBEDDING)] = Field(
        description="dimensions of the word vectors; pretrained vectors have their own"
    )
    embedding_scale: Annotated[float, Field(gt=0.0)] = Field(
        description="standard deviation of the initial word vectors"
    )
    embedding_learning_rate: Annotated[float, Field(ge=0.0)] = Field(
        description="learning rate of the word vectors; 0 to freeze them"
    )
    embedding_updates: Literal["batch", "keras"] = Field(
        description="`batch` updates only the word vectors of the batch; `keras` also moves the"
        " others by their momentum and squares the gradient of each occurrence, as Keras on"
        " TensorFlow does"
    )
    vectors_missing: Literal["zeros", "spread"] = Field(
        description="initial value of a word without a pretrained vector: `zeros`, or random with"
        " the `spread` of the pretrained vectors"
    )
    vectors_scale: Annotated[float, Field(ge=0.0)] = Field(
        description="standard deviation to which pretrained vectors are scaled; 0 for no scaling"
    )
    vectors_extra_size: Annotated[int, Field(ge=0, le=4096)] = Field(
        description="additional dimensions of each word vector, which are initialized and trained"
        " as without pretrained vectors"
    )
    vectors_learning_rate: Annotated[float, Field(ge=0.0)] = Field(
        description="learning rate of pretrained components; 0 to freeze them"
    )
    vectors_drawn_learning_rate: Annotated[float, Field(ge=0.0)] = Field(
        description="learning rate of all other components of word vectors if some are pretrained,"
        " in place of `embedding_learning_rate`"
    )
    vectors_frozen_epochs: Annotated[int, Field(ge=0)] = Field(
        description="number of epochs at the start in which pretrained components are frozen"
    )
    hidden_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="units of the LSTM, per direction"
    )
    bidirectional: bool = Field(description="add a second LSTM that reads the text backwards")
    pooling: tuple[Pooling, ...] = Field(
        min_length=1,
        description="pooling of the hidden states over time: the `last` state, their `max`, or"
        " their `mean`; several joined by `+`",
    )
    word_dropout: Share = Field(description="share of words replaced by the unknown word")
    input_dropout: Share = Field(description="dropout rate of word vectors")
    recurrent_dropout: Share = Field(
        description="dropout rate of the hidden state between time steps"
    )
    output_dropout: Share = Field(description="dropout rate of the pooled states")
    dropout_masks: Literal["batch", "text", "gate"] = Field(
        description="what shares a mask of input and recurrent dropout: the texts of a `batch`"
        " (fastest), the gates of a `text`, or nothing (`gate`, as in Keras)"
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(
        description="decoupled weight decay (AdamW) of all weights except the word vectors"
    )
    label_smoothing: Share = Field(
        description="share of the target probability that is spread over all labels"
    )
    class_weight: ClassWeight = Field(
        description="the general `class_weight` of an LSTM if that is `none` and not set:"
        " `balanced` gives every label the same weight in the loss; `moderate` uses the fourth root"
        " of these weights, which helps rare labels at hardly any cost in accuracy; with several"
        " labels per text, all weights are equal unless this is set, and `balanced` gives the texts"
        " with a label the same total weight as those without it"
    )
    lighter_candidate: bool = Field(
        description="also train a second, less regularized LSTM with the three settings below, and"
        " keep the one with the better best epoch (`epoch_score`); not if you set one of the"
        " settings in which the two differ, such as `hidden_size`, and none of these three"
    )
    lighter_hidden_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="`hidden_size` of the second candidate"
    )
    lighter_word_dropout: Share = Field(description="`word_dropout` of the second candidate")
    lighter_embedding_rates: Annotated[float, Field(gt=0.0)] = Field(
        description="factor of all learning rates of word vectors for the second candidate"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        description="precision of the training; `auto` is bfloat16 if the hardware supports it and"
        " dropout masks are shared by the batch, else float32"
    )
    batch_size: Annotated[int, Field(ge=1)] = Field(description="texts per update")
    batches: Literal["similar", "shuffled"] = Field(
        description="batches of texts of `similar` length, or `shuffled`"
    )
    epochs: Annotated[int, Field(ge=1)] = Field(description="maximum number of epochs")
    min_updates: Annotated[int, Field(ge=0)] = Field(
        description="minimum number of updates: small data gets smaller batches and more epochs,"
        " up to 40 times as many if this is the value of a recipe; not if you also set"
        " `batch_size` or `epochs`; 0 for no minimum"
    )
    max_updates: Annotated[int, Field(ge=0)] = Field(
        description="approximate maximum number of updates: large data gets fewer epochs; if this"
        " is the value of a recipe, at least `min_updates` and four epochs; ignored if you set"
        " `epochs`; 0 for no maximum"
    )
    learning_rate: Annotated[float, Field(gt=0.0)] = Field(
        description="maximum learning rate of Adam"
    )
    schedule: Literal["one-cycle", "warm-constant", "constant"] = Field(
        description="`one-cycle` has a warm-up, then decays to zero (Smith 2018); `warm-constant`"
        " has a warm-up, then stays constant until `patience` ends the training, with `epochs` as"
        " the maximum; `constant`"
    )
    warmup: Share = Field(
        description="share of the updates in which the learning rate rises; for `warm-constant`,"
        " share of `min_updates`"
    )
    weight_averaging: Share = Field(
        description="the model is the average of the weights over about this share of the latest"
        " updates (Polyak & Juditsky 1992; Shamir & Zhang 2013); 0 for no averaging"
    )
    gradient_clip: Annotated[float, Field(ge=0.0)] = Field(
        description="maximum norm of the gradient; 0 for no limit"
    )
    patience: Annotated[int, Field(ge=1)] = Field(
        description="stop after this number of epochs without a better validation score"
        " (`epoch_score`), counted from the end of the warm-up; for `warm-constant`, not before"
        " `min_updates` unless you set only `patience`"
    )
    patience_updates: Annotated[int, Field(ge=0)] = Field(
        description="small data has few updates per epoch: do not stop before this number of"
        " updates without a better validation score either; 0, as when you set only `patience`,"
        " for no such minimum"
    )
    epoch_score: Literal["accuracy", "accuracy+macro-f1", "loss", "last"] = Field(
        description="choice of the best epoch: highest validation `accuracy`, highest mean of"
        " accuracy and macro F1 (in which rare labels count more), lowest log `loss` (the default"
        " with several labels per text), or always the `last` epoch, for schedules that decay to"
        " zero"
    )
    epoch_ties: Literal["loss", "first"] = Field(
        description="between epochs with equal validation scores, the one with the lower `loss` is"
        " best, or the `first`, as in Keras"
    )

    _split_pooling = field_validator("pooling", mode="before")(split_at_plus)

    @property
    def states_have_own_masks(self) -> bool:
        """Whether each text has recurrent dropout masks of its own, which no fused kernel knows."""
        return self.recurrent_dropout > 0 and self.dropout_masks != "batch"

    def lighter(self) -> "LSTMSettings":
        """Give the settings of the second, less regularized candidate."""
        factor = self.lighter_embedding_rates
        return self.model_copy(
            update={
                "lighter_candidate": False,
                "hidden_size": self.lighter_hidden_size,
                "word_dropout": self.lighter_word_dropout,
                "embedding_learning_rate": self.embedding_learning_rate * factor,
                "vectors_learning_rate": self.vectors_learning_rate * factor,
                "vectors_drawn_learning_rate": self.vectors_drawn_learning_rate * factor,
            }
        )

    @model_validator(mode="after")
    def _check_effects(self) -> "LSTMSettings":
        if self.epoch_score == "last" and self.schedule == "warm-constant":
            raise no_effect(
                "lstm.epoch_score=last keeps the epoch at the end of the schedule, and"
                " lstm.schedule=warm-constant has none; set lstm.schedule=one-cycle or another"
                " lstm.epoch_score"
            )
        if self.bidirectional and self.embedding_updates == "keras":
            raise no_effect(
                "lstm.embedding_updates=keras does not work with lstm.bidirectional=true; set"
                " lstm.bidirectional=false or lstm.embedding_updates=batch"
            )
        if self.vectors_frozen_epochs and not self.vectors_learning_rate:
            raise no_effect(
                "lstm.vectors_frozen_epochs has no effect with lstm.vectors_learning_rate=0, which"
                " always freezes pretrained vectors; set one of them to another value"
            )
        if self.states_have_own_masks and self.precision == "bfloat16":
            raise no_effect(
                f"lstm.dropout_masks={self.dropout_masks} with lstm.recurrent_dropout computes in"
                " float32; set lstm.precision=float32 or lstm.dropout_masks=batch"
            )
        return self


class TransformerSettings(SettingsTable):
    """A pretrained transformer, fine-tuned."""

    model: str = Field(
        min_length=1,
        description="pretrained model: a folder, `minilm`, or OWNER/NAME on the Hugging Face hub",
    )
    max_tokens: Annotated[int, Field(ge=4)] = Field(
        description="longer texts are truncated, in subwords of the transformer"
    )
    texts_per_group: Annotated[int, Field(ge=0)] = Field(
        description="texts of each group per epoch, different ones each time, because duplicates"
        " of a text add little; more if `min_updates` requires it and you do not set this; 0 for"
        " all"
    )
    batch_size: Annotated[int, Field(ge=1)] = Field(description="texts per update")
    epochs: Annotated[int, Field(ge=1)] = Field(description="maximum number of epochs")
    min_updates: Annotated[int, Field(ge=0)] = Field(
        description="minimum number of updates: small data gets more epochs, up to 20 times as"
        " many if this is the value of a recipe; not if you also set `epochs`; 0 for no minimum"
    )
    learning_rate: Annotated[float, Field(gt=0.0)] = Field(
        description="maximum learning rate of AdamW"
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(
        description="decoupled weight decay of AdamW"
    )
    warmup: Share = Field(
        description="share of the updates in which the learning rate rises; then it falls linearly"
    )
    patience: Annotated[int, Field(ge=1)] = Field(
        description="stop after this number of epochs without a better validation accuracy"
    )
    precision: Precision = Field(
        description="precision of fine-tuning, and of predictions as a teacher; `auto` is bfloat16"
        " if the hardware supports it"
    )


class TeacherSettings(SettingsTable):
    """Knowledge distillation, for `mlp` and `lstm`."""

    models: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1,
        description="the teacher of an LSTM or MLP: `none`; a transformer to fine-tune first (a"
        " folder, `minilm`, or OWNER/NAME); the folder of a saved model; or several joined by `+`,"
        " whose log-probabilities are averaged",
    )
    weight: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        description="weight of the probabilities of the teacher in the target of a training text;"
        " the label has the rest (Hinton et al. 2015)"
    )
    texts: Annotated[int, Field(ge=0)] = Field(
        description="maximum number of texts that the teacher labels: training texts, unlabelled"
        " texts, and variations of both (Tang et al. 2019)"
    )
    variations: Annotated[int, Field(ge=0)] = Field(
        description="maximum number of variations of each text"
    )

    _split_models = field_validator("models", mode="before")(split_at_plus)

    @property
    def is_given(self) -> bool:
        """Whether there is a teacher."""
        return self.models != (NO_TEACHER,)

    @model_validator(mode="after")
    def _check_names(self) -> "TeacherSettings":
        if NO_TEACHER in self.models and self.is_given:
            raise no_effect(f"teacher.models={NO_TEACHER} is among other teachers; leave it out")
        return self


class Settings(SettingsTable):
    """Everything that decides how a model is trained, except its data and the random seed.

    There are no defaults here: each recipe names every setting, its own or those of the recipe that
    it extends.
    """

    split: Literal["grouped", "random"] = Field(
        description="keep groups together (`grouped`), or split between any two rows (`random`)"
    )
    test_size: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="share of the rows for the test set"
    )
    valid_size: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="share of the other rows for the validation set"
    )
    stratify: bool = Field(
        description="stratify a random split by label; a grouped split is always stratified, as"
        " well as whole groups allow"
    )
    empty_texts: Literal["drop", "nan"] = Field(
        description="leave out rows whose text is empty or only whitespace (`drop`), or keep them,"
        " with an empty text as the word `nan`, as pandas' `astype(str)` does"
    )
    calibration: Literal["temperature", "none"] = Field(
        description="calibrate probabilities by temperature scaling on the validation rows (Guo et"
        " al. 2017), or not"
    )
    objective: str | dict[str, dict[str, float]] = Field(
        description="objective for choosing thresholds on the validation rows: `f1`,"
        " `precision@SHARE` or `recall@SHARE`, such as `recall@0.9`, or"
        " `cost@FALSE-POSITIVE:MISSED`, such as `cost@1:5`; or costs by label, in a `.toml` file,"
        " in a table of a recipe, or such as `spam=1:5,scam=1:9`, and 1 for other labels; `none`"
        " for 0.5, or, with one label per text, for the most probable label; `auto` is `f1` with"
        " several labels per text and `none` with one"
    )
    class_weight: ClassWeight | dict[str, float] = Field(
        description="weights of the labels in the loss of every family: `none`; `balanced`, which"
        " is n / (labels * texts of the label); `moderate`, the fourth root of that; or your own,"
        " such as `spam=5,ham=1` or a table in a recipe, and 1 for other labels. With several"
        " labels per text, a weight is that of the texts with the label, and `balanced` is the"
        " number of texts without the label divided by the number of texts with it, at most 100."
        " Weights shift probabilities towards labels with higher weights, which calibration"
        " corrects in part"
    )
    text: TextSettings
    vectors: VectorSettings
    count: CountSettings
    average: AverageSettings
    logreg: LogregSettings
    loss: LossSettings
    mlp: MLPSettings
    lstm: LSTMSettings
    transformer: TransformerSettings
    teacher: TeacherSettings
    _set_by_user: frozenset[str] = PrivateAttr(default=frozenset())

    _parse_class_weight = field_validator("class_weight", mode="before")(parse_class_weight)
    _parse_objective = field_validator("objective", mode="before")(parse_objective)

    @property
    def empty_text_as(self) -> str | None:
        """What an empty text is read as; None where its row is left out."""
        return None if self.empty_texts == "drop" else self.empty_texts

    @property
    def set_by_user(self) -> frozenset[str]:
        """The settings that a user set, by their dotted names: these adapt to no data."""
        return self._set_by_user

    def with_user_settings(self, names: Iterable[str]) -> "Settings":
        """Note which settings a user set, by their dotted names."""
        copy = self.model_copy()
        copy._set_by_user = frozenset(names)
        return copy

    def updated(self, changes: Mapping[str, object]) -> "Settings":
        """Give a copy in which settings, by their dotted names, have other values.

        Values are not validated: they come from settings that were.
        """
        update: dict[str, Any] = {}
        for name, value in changes.items():
            table, dot, short = name.rpartition(".")
            if dot:
                own = update.get(table) or getattr(self, table)
                update[table] = own.model_copy(update={short: value})
            else:
                update[name] = value
        return self.model_copy(update=update)

    def with_lighter_lstm(self) -> "Settings":
        """Give the settings of the second, less regularized LSTM candidate."""
        return self.model_copy(update={"lstm": self.lstm.lighter()})

    def flat(self) -> dict[str, Any]:
        """Give the settings by their dotted names, as plain JSON values."""
        return dict(flattened(self.model_dump(mode="json")))

    def with_vectors_of(self, size: int) -> "Settings":
        """Give the settings of an LSTM whose embedding starts from pretrained vectors.

        Args:
            size: Dimensions of the pretrained vectors.
        """
        return self.updated(
            {
                "lstm.embedding_size": size + self.lstm.vectors_extra_size,
                "lstm.embedding_learning_rate": self.lstm.vectors_drawn_learning_rate,
            }
        )

    @model_validator(mode="after")
    def _check_word_dropout(self) -> "Settings":
        if self.text.unknown_words != "drop":
            return self
        for name, rate in (
            ("lstm.word_dropout", self.lstm.word_dropout),
            (
                "lstm.lighter_word_dropout",
                self.lstm.lighter_candidate * self.lstm.lighter_word_dropout,
            ),
        ):
            if rate:
                raise no_effect(
                    f"{name} replaces words by the unknown word, and with text.unknown_words=drop"
                    f" there is none; set {name}=0 or text.unknown_words=id"
                )
        return self


def setting_fields() -> dict[str, Any]:
    """Give the pydantic field of every setting by its dotted name, in the order of the schema."""
    fields: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        table = field.annotation
        if isinstance(table, type) and issubclass(table, SettingsTable):
            fields |= {f"{name}.{short}": own for short, own in table.model_fields.items()}
        else:
            fields[name] = field
    return fields


def flattened(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the values of nested tables by their dotted names; values by label are no table."""
    for name, value in values.items():
        if isinstance(value, Mapping) and name not in ("class_weight", "objective"):
            yield from ((f"{name}.{short}", own) for short, own in value.items())
        else:
            yield name, value


def format_setting(value: object) -> str:
    """Write a setting's value, as JSON has it, as ``--set`` takes it."""
    if isinstance(value, list):
        return "+".join(map(str, value))
    if isinstance(value, Mapping):
        return ",".join(f"{label}={_amounts(own)}" for label, own in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _amounts(value: float | Mapping[str, float]) -> str:
    """Write a label's weight, or its costs."""
    return ":".join(
        f"{one:g}" for one in (value.values() if isinstance(value, Mapping) else [value])
    )
