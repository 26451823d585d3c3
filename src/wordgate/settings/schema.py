"""The settings of a training: one table of them for each family, and those that all share."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator
from pydantic_core import PydanticCustomError

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Pooling = Literal["last", "max", "mean"]
Precision = Literal["auto", "float32", "bfloat16"]
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
    if isinstance(value, str):
        if value.strip() in get_args(ClassWeight):
            return value.strip()
        pairs = [part.rpartition("=") for part in value.split(",")]
        if not all(sign for _, sign, _ in pairs):
            raise fault(f"class_weight is {value!r:.200}; it must be {_CLASS_WEIGHTS}")
        value = {label.strip(): weight for label, _, weight in pairs}
    if not isinstance(value, Mapping) or not value:
        raise fault(f"class_weight is {value!r:.200}; it must be {_CLASS_WEIGHTS}")
    return {str(label): _positive(label, weight) for label, weight in value.items()}


_CLASS_WEIGHTS = (
    "'none', 'moderate', 'balanced', or labels with their weights, such as spam=5,ham=1"
)


def _positive(label: object, weight: Any) -> float:
    """Give a label's weight as a number.

    Raises:
        PydanticCustomError: It is no number above 0.
    """
    try:
        number = float(weight)
    except (TypeError, ValueError):
        number = math.nan
    if not 0.0 < number < math.inf:
        raise fault(
            f"class_weight gives {str(label)!r:.200} the weight {weight!r:.200}; it must be a"
            " finite number above 0"
        )
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
        description="`messages` knows URLs, @names and emoji; `keras` is the legacy tokenizer"
    )
    max_tokens: Annotated[int, Field(ge=1)] = Field(description="longer texts are truncated")
    truncate: Literal["end", "front"] = Field(description="where a long text loses its tokens")
    vocabulary_from: Literal["train", "all"] = Field(
        description="the rows whose words are known: those of `train`, or `all` rows, test included"
    )
    unknown_words: Literal["id", "drop"] = Field(
        description="unknown words share one id, or vanish from the text"
    )
    min_groups: Annotated[int, Field(ge=1)] = Field(
        description="a word enters the vocabulary if so many training groups have it"
    )
    min_count: Annotated[int, Field(ge=1)] = Field(
        description="a word enters the vocabulary if it occurs so often in training texts"
    )
    max_words: Annotated[int, Field(ge=1)] = Field(
        description="size limit of the vocabulary; the most frequent words stay"
    )


class VectorSettings(SettingsTable):
    """Lookup and storage of word vectors, for the same families."""

    stored: Literal["float32", "int8"] = Field(
        description="what the finished model keeps its table of words in; `int8`, with a scale for"
        " each word, takes a quarter of the space"
    )
    spelling: Literal["exact", "any"] = Field(
        description="where pretrained word vectors are given, a word is looked for as it is"
        " (`exact`), or in another case, with its digits as `#`, without the sign of a hashtag,"
        " with stretched letters shortened, too (`any`)"
    )
    more_words: Annotated[int, Field(ge=0)] = Field(
        description="so many words that the vocabulary hasn't enter it with their pretrained"
        " vectors, beyond `text.max_words`; the first of the table, for the texts to come"
    )


class CountSettings(SettingsTable):
    """Word and character n-gram counts with logistic regression."""

    words: Annotated[int, Field(ge=0, le=5)] = Field(
        description="longest word n-gram that is counted; 0 for none"
    )
    characters: Annotated[int, Field(ge=0, le=8)] = Field(
        description="longest character n-gram inside words that is counted, from 2 on; 0 for none"
    )
    weights: Literal["counts", "tfidf"] = Field(
        description="plain `counts`, or sublinear TF-IDF (`tfidf`) of unit length for words and for"
        " characters"
    )
    min_texts: Annotated[int, Field(ge=1)] = Field(
        description="an n-gram is counted if so many training texts have it"
    )
    c: Penalties = Field(
        min_length=1,
        description="inverse strengths of the L2 penalty to try, joined by `+`; validation chooses",
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
        description="word vectors are averaged as they are (`plain`), rare words weigh more"
        " (`inverse-frequency`, Arora et al. 2017), or validation chooses (`best`)"
    )


class LogregSettings(SettingsTable):
    """Logistic regression over averaged word vectors."""

    c: Penalties = Field(
        min_length=1,
        description="inverse strengths of the L2 penalty that `logreg` tries, joined by `+`;"
        " validation chooses",
    )

    _split_c = field_validator("c", mode="before")(split_at_plus)


class MLPSettings(SettingsTable):
    """A multilayer perceptron over averaged word vectors."""

    hidden_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="units of the hidden layer"
    )
    input_dropout: Share = Field(description="share of the average's components dropped")
    output_dropout: Share = Field(description="share of the hidden layer dropped")
    batch_size: Annotated[int, Field(ge=1)] = Field(description="texts per update")
    epochs: Annotated[int, Field(ge=1)] = Field(description="passes over the training texts")
    learning_rate: Annotated[float, Field(gt=0.0)] = Field(description="Adam's rate")
    patience: Annotated[int, Field(ge=1)] = Field(
        description="stop after so many epochs without a better validation accuracy"
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
        description="dimensions of the word vectors; pretrained vectors bring their own"
    )
    embedding_scale: Annotated[float, Field(gt=0.0)] = Field(
        description="standard deviation of the word vectors at the start"
    )
    embedding_learning_rate: Annotated[float, Field(ge=0.0)] = Field(
        description="the same for the word vectors; 0 keeps them as they are"
    )
    embedding_updates: Literal["batch", "keras"] = Field(
        description="`batch` moves the word vectors of the batch; `keras`, as Keras on TensorFlow,"
        " moves the others by their momentum, too, and squares the gradient of each occurrence"
    )
    vectors_missing: Literal["zeros", "spread"] = Field(
        description="a word that has no pretrained vector begins with `zeros`, or with values"
        " drawn from the `spread` of the vectors of those that have"
    )
    vectors_scale: Annotated[float, Field(ge=0.0)] = Field(
        description="standard deviation that pretrained vectors are brought to; 0 leaves them as"
        " they are"
    )
    vectors_extra_size: Annotated[int, Field(ge=0, le=4096)] = Field(
        description="dimensions of each word vector besides the pretrained ones; they are"
        " initialized and trained as without pretrained vectors"
    )
    vectors_learning_rate: Annotated[float, Field(ge=0.0)] = Field(
        description="Adam's rate for pretrained components; 0 keeps them as they are"
    )
    vectors_drawn_learning_rate: Annotated[float, Field(ge=0.0)] = Field(
        description="the same for all other components of word vectors, where some are pretrained;"
        " it takes the place of `embedding_learning_rate`"
    )
    vectors_frozen_epochs: Annotated[int, Field(ge=0)] = Field(
        description="so many epochs keep pretrained components as they are, before these change at"
        " their rate"
    )
    hidden_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="units of the LSTM, per direction"
    )
    bidirectional: bool = Field(description="read the text from its end, too")
    pooling: tuple[Pooling, ...] = Field(
        min_length=1,
        description="what of the states is classified: the `last`, their `max`, their `mean`;"
        " several joined by `+`",
    )
    word_dropout: Share = Field(description="share of words replaced by the unknown word")
    input_dropout: Share = Field(description="share of word vector components dropped")
    recurrent_dropout: Share = Field(description="share of state components dropped between steps")
    output_dropout: Share = Field(description="share of pooled components dropped")
    dropout_masks: Literal["batch", "text", "gate"] = Field(
        description="who shares a mask of input and recurrent dropout: the texts of a `batch`"
        " (fastest), the gates of a `text`, or nobody (`gate`, as Keras draws them)"
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(
        description="decoupled weight decay of all weights but the word vectors (AdamW)"
    )
    label_smoothing: Share = Field(description="share of the target spread over all labels")
    class_weight: ClassWeight = Field(
        description="the general `class_weight` of an LSTM where that is `none` and not set:"
        " `balanced` gives every label the same weight in the loss; `moderate` weighs a"
        " text by the fourth root of its weight in `balanced`, so that rare labels are not passed"
        " over and accuracy hardly falls; with several labels a text all weigh the same unless this"
        " is set, and `balanced` weighs the texts that bear a label as much as those that don't"
    )
    lighter_candidate: bool = Field(
        description="train a second, less regularised LSTM by the three settings below, too, and"
        " keep the one whose best epoch is better (`epoch_score`); there is no second where a user"
        " sets singly what the two differ in, such as `hidden_size`, and none of these"
    )
    lighter_hidden_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="`hidden_size` of the second candidate"
    )
    lighter_word_dropout: Share = Field(description="`word_dropout` of the second candidate")
    lighter_embedding_rates: Annotated[float, Field(gt=0.0)] = Field(
        description="what the second candidate multiplies all learning rates of word vectors by"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        description="what the LSTM trains in; `auto` is bfloat16 where the hardware has it, float32"
        " where it has not and where each text has recurrent dropout masks of its own"
    )
    batch_size: Annotated[int, Field(ge=1)] = Field(description="texts per update")
    batches: Literal["similar", "shuffled"] = Field(
        description="texts of `similar` length share a batch, or are shuffled"
    )
    epochs: Annotated[int, Field(ge=1)] = Field(description="passes over the training texts")
    min_updates: Annotated[int, Field(ge=0)] = Field(
        description="small data takes smaller batches and is passed more often than `epochs` to"
        " make so many updates, unless `batch_size` or `epochs` is set, too; up to 40 times where"
        " this is a recipe's; 0 changes neither"
    )
    max_updates: Annotated[int, Field(ge=0)] = Field(
        description="large data is passed less often than `epochs`, so that no more than about so"
        " many updates are made; where this is a recipe's, `min_updates` and four passes at the"
        " least, and it counts no more where `epochs` is set; 0 for no limit"
    )
    learning_rate: Annotated[float, Field(gt=0.0)] = Field(
        description="Adam's rate, at its highest"
    )
    schedule: Literal["one-cycle", "warm-constant", "constant"] = Field(
        description="`one-cycle` warms up, then anneals to zero (Smith 2018); `warm-constant` warms"
        " up and stays there, so that nobody need know the number of epochs: `patience` ends the"
        " training, and `epochs` is the most"
    )
    warmup: Share = Field(
        description="share of the updates in which the rate of `one-cycle` rises; share of"
        " `min_updates` for `warm-constant`"
    )
    weight_averaging: Share = Field(
        description="the network that is judged and kept is the average of the weights over about"
        " this share of the latest updates (Polyak & Juditsky 1992; Shamir & Zhang 2013); 0 for the"
        " weights as they are"
    )
    gradient_clip: Annotated[float, Field(ge=0.0)] = Field(
        description="largest norm of the gradient; 0 for no limit"
    )
    patience: Annotated[int, Field(ge=1)] = Field(
        description="stop after so many epochs without a better validation score (`epoch_score`),"
        " counted from the end of the warm-up; for `warm-constant` at the least after"
        " `min_updates`, unless patience alone is set"
    )
    patience_updates: Annotated[int, Field(ge=0)] = Field(
        description="small data makes few updates an epoch: stop only after so many updates without"
        " a better validation score, too; 0, as where `patience` alone is set, for `patience` alone"
    )
    epoch_score: Literal["accuracy", "accuracy+macro-f1", "loss", "last"] = Field(
        description="the epoch that is kept is that of the highest validation `accuracy`, of the"
        " highest mean of accuracy and macro F1, in which rare labels count, too, or of the lowest"
        " log `loss`, as with several labels a text unless this is set; or the `last`,"
        " where the schedule brings the rate to zero and validation has nothing to choose"
    )
    epoch_ties: Literal["loss", "first"] = Field(
        description="between epochs of equal validation score the lower `loss` is the best, or the"
        " `first` of them, as in Keras"
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
                "lstm.embedding_updates=keras squares the gradient of each occurrence, which"
                " reading a text twice takes apart; set lstm.bidirectional=false or"
                " lstm.embedding_updates=batch"
            )
        if self.vectors_frozen_epochs and not self.vectors_learning_rate:
            raise no_effect(
                "lstm.vectors_frozen_epochs says when pretrained vectors begin to change, and with"
                " lstm.vectors_learning_rate=0 they never do; set lstm.vectors_frozen_epochs=0 or a"
                " rate"
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
        description="what is fine-tuned: a folder, `minilm`, or a model of the Hugging Face hub as"
        " OWNER/NAME",
    )
    max_tokens: Annotated[int, Field(ge=4)] = Field(
        description="longer texts are truncated, in the transformer's own tokens"
    )
    texts_per_group: Annotated[int, Field(ge=0)] = Field(
        description="an epoch reads so many texts of each group, others each time: copies of a text"
        " teach little that is new; more where `min_updates` wants more and this is not set; 0 for"
        " all"
    )
    batch_size: Annotated[int, Field(ge=1)] = Field(description="texts per update")
    epochs: Annotated[int, Field(ge=1)] = Field(description="passes over the training texts")
    min_updates: Annotated[int, Field(ge=0)] = Field(
        description="small data is passed more often than `epochs` to make so many updates, unless"
        " `epochs` is set, too; up to 20 times where this is a recipe's; 0 changes nothing"
    )
    learning_rate: Annotated[float, Field(gt=0.0)] = Field(
        description="AdamW's rate, at its highest"
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(
        description="AdamW's decoupled weight decay"
    )
    warmup: Share = Field(
        description="share of the updates in which the rate rises; it falls in a line after"
    )
    patience: Annotated[int, Field(ge=1)] = Field(
        description="stop after so many epochs without a better validation accuracy"
    )
    precision: Precision = Field(
        description="what it computes in while it is fine-tuned, and while it labels texts as a"
        " teacher; `auto` is bfloat16 where the hardware has it"
    )


class TeacherSettings(SettingsTable):
    """Knowledge distillation, for `mlp` and `lstm`."""

    models: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1,
        description="what teaches an LSTM or MLP: `none`; a transformer to fine-tune first (a"
        " folder, `minilm`, or OWNER/NAME); a saved model's folder; or several joined by `+`, whose"
        " log-probabilities are averaged",
    )
    weight: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        description="share of the teacher's probabilities in the target of a training text; its"
        " label has the rest (Hinton et al. 2015)"
    )
    texts: Annotated[int, Field(ge=0)] = Field(
        description="so many texts the teacher labels at most: the training texts, those without"
        " labels, and variations of both (Tang et al. 2019)"
    )
    variations: Annotated[int, Field(ge=0)] = Field(description="variations of each text at most")

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
        description="keep groups together (`grouped`) or cut between any two rows (`random`)"
    )
    test_size: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="share of the rows that test the finished model"
    )
    valid_size: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="share of the other rows that choose the best epoch"
    )
    stratify: bool = Field(
        description="a random split gives every label its share of each part; a grouped one always"
        " does, as well as groups allow"
    )
    empty_texts: Literal["drop", "nan"] = Field(
        description="rows whose text is empty or white space alone are left out, or kept: an empty"
        " one as the word `nan`, as pandas' `astype(str)` keeps it"
    )
    calibration: Literal["temperature", "none"] = Field(
        description="probabilities are tempered by one number that suits the validation rows (Guo"
        " et al. 2017), or left as the model gives them"
    )
    class_weight: ClassWeight | dict[str, float] = Field(
        description="weights of the labels in the loss, of every family: `none`; `balanced`, by"
        " n / (labels * texts of the label); `moderate`, by the fourth root of that; or your own,"
        " as `spam=5,ham=1` or a table of a recipe, 1 for labels not named. With several labels a"
        " text a weight is that of the texts that bear the label, `balanced` the number of those"
        " that don't for each that does, at most 100. Weights shift probabilities towards the"
        " labels that weigh more, which calibration mends in part"
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
    """Give the values of nested tables by their dotted names; weights of labels are no table."""
    for name, value in values.items():
        if isinstance(value, Mapping) and name != "class_weight":
            yield from ((f"{name}.{short}", own) for short, own in value.items())
        else:
            yield name, value
