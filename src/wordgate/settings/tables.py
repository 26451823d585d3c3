"""The tables of settings: one for each family, and those that families share."""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    model_validator,
)
from pydantic_core import PydanticCustomError

NO_TEACHER = "none"
LARGEST_EMBEDDING = 8192


def _split_at_plus(value: object) -> object:
    """Split a typed value such as ``last+max``; a single number is one part."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (value,)
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split("+"))


SPLIT_AT_PLUS = BeforeValidator(_split_at_plus)
AtLeastOne = Annotated[int, Field(ge=1)]
Units = Annotated[int, Field(ge=1, le=4096)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Pooling = Literal["last", "max", "mean"]
Precision = Literal["auto", "float32", "bfloat16"]
ClassWeight = Literal["none", "moderate", "balanced"]
Penalties = Annotated[
    tuple[PositiveFloat, ...],
    Field(
        min_length=1,
        description="inverse L2 regularization strengths to try, joined by `+`; chosen on the"
        " validation rows",
    ),
    SPLIT_AT_PLUS,
]


def fault(message: str) -> PydanticCustomError:
    """Return an error with a complete message, such as that settings have no effect."""
    return PydanticCustomError("no_effect", "{message}", {"message": message})


class SettingsTable(BaseModel):
    """Settings of one table of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TextSettings(SettingsTable):
    """Tokens and vocabulary of the families that read words: `logreg`, `mlp`, `lstm`."""

    tokenizer: Literal["messages", "keras"] = Field(
        description="`messages` recognizes URLs, @names and emoji; `keras` is the legacy tokenizer"
        " of Keras"
    )
    max_tokens: AtLeastOne = Field(
        description="maximum number of tokens; longer texts are truncated"
    )
    truncate: Literal["end", "front"] = Field(
        description="where longer texts are truncated: at the `end` or at the `front`"
    )
    vocabulary_from: Literal["train", "all"] = Field(
        description="rows from which the vocabulary is built: those of `train`, or `all` rows,"
        " including test"
    )
    unknown_words: Literal["id", "drop"] = Field(
        description="unknown words share one `id`, or are removed from the text (`drop`)"
    )
    min_groups: AtLeastOne = Field(
        description="minimum number of training groups that contain a word of the vocabulary"
    )
    min_count: AtLeastOne = Field(
        description="minimum number of occurrences of a word of the vocabulary in the training"
        " texts"
    )
    max_words: AtLeastOne = Field(
        description="maximum size of the vocabulary; the most frequent words are kept"
    )


class VectorSettings(SettingsTable):
    """Lookup and storage of word vectors, for the same families."""

    stored: Literal["float32", "int8"] = Field(
        description="type of the word vectors in the saved model; `int8`, with a scale for each"
        " word, takes a quarter of the space"
    )
    spelling: Literal["exact", "any"] = Field(
        description="how a word is looked up in pretrained vectors: as it is (`exact`), or also"
        " with different case, with digits as `#`, without the hashtag sign, and with repeated"
        " letters shortened (`any`)"
    )
    more_words: NonNegativeInt = Field(
        description="number of words, the first ones of the vector file, that are added to the"
        " vocabulary with their pretrained vectors, because they may occur in future texts;"
        " `text.max_words` does not limit them"
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
    min_texts: AtLeastOne = Field(
        description="minimum number of training texts that contain an n-gram"
    )
    c: Penalties

    @model_validator(mode="after")
    def _check_something_is_counted(self) -> "CountSettings":
        if not self.words and not self.characters:
            raise fault(
                "count.words=0 and count.characters=0 leave no n-grams to count; set one of them"
            )
        if self.characters == 1:
            raise fault(
                "count.characters=1 has no effect: character n-grams have at least 2 characters;"
                " set 0, or 2 or more"
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

    c: Penalties


class MLPSettings(SettingsTable):
    """A multilayer perceptron over averaged word vectors."""

    hidden_size: Units = Field(description="units of the hidden layer")
    input_dropout: Share = Field(description="dropout rate of the input")
    output_dropout: Share = Field(description="dropout rate of the hidden layer")
    batch_size: AtLeastOne = Field(description="texts per update")
    epochs: AtLeastOne = Field(description="maximum number of epochs")
    learning_rate: PositiveFloat = Field(description="learning rate of Adam")
    patience: AtLeastOne = Field(
        description="stop after this number of epochs without a better validation accuracy"
    )


class LossSettings(SettingsTable):
    """The loss of the families that are trained in epochs: `mlp`, `lstm`, `transformer`."""

    function: Literal["cross-entropy", "focal"] = Field(
        description="`cross-entropy`, or `focal` (Lin et al. 2017), which reduces the weight"
        " of texts that the network already classifies correctly with high confidence"
    )
    focal_gamma: NonNegativeFloat = Field(
        description="focusing parameter of the `focal` loss: a label's log loss is multiplied by"
        " (1 - p) to this power, where p is its probability"
    )


class LSTMSettings(SettingsTable):
    """An LSTM over word vectors."""

    embedding_size: Annotated[int, Field(ge=1, le=LARGEST_EMBEDDING)] = Field(
        description="dimensions of the word vectors; pretrained vectors have their own"
    )
    embedding_scale: PositiveFloat = Field(
        description="standard deviation of the initial word vectors"
    )
    embedding_learning_rate: NonNegativeFloat = Field(
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
    vectors_scale: NonNegativeFloat = Field(
        description="standard deviation to which pretrained vectors are scaled; 0 for no scaling"
    )
    vectors_extra_size: Annotated[int, Field(ge=0, le=4096)] = Field(
        description="additional dimensions of each word vector, which are initialized and trained"
        " as without pretrained vectors"
    )
    vectors_learning_rate: NonNegativeFloat = Field(
        description="learning rate of pretrained components; 0 to freeze them"
    )
    vectors_random_learning_rate: NonNegativeFloat = Field(
        description="learning rate of all other components of word vectors if some are pretrained,"
        " in place of `embedding_learning_rate`"
    )
    vectors_frozen_epochs: NonNegativeInt = Field(
        description="number of epochs at the start in which pretrained components are frozen"
    )
    hidden_size: Units = Field(description="units of the LSTM, per direction")
    bidirectional: bool = Field(description="add a second LSTM that reads the text backwards")
    pooling: Annotated[tuple[Pooling, ...], SPLIT_AT_PLUS] = Field(
        min_length=1,
        description="pooling of the hidden states over time: the `last` state, their `max`, or"
        " their `mean`; several joined by `+`",
    )
    word_dropout: Share = Field(description="fraction of words replaced by the unknown word")
    input_dropout: Share = Field(description="dropout rate of word vectors")
    recurrent_dropout: Share = Field(
        description="dropout rate of the hidden state between time steps"
    )
    output_dropout: Share = Field(description="dropout rate of the pooled states")
    dropout_masks: Literal["batch", "text", "gate"] = Field(
        description="scope of one mask of input and recurrent dropout: all texts of a `batch`"
        " (fastest), all gates of a `text`, or a single `gate`, as in Keras"
    )
    weight_decay: NonNegativeFloat = Field(
        description="decoupled weight decay (AdamW) of all weights except the word vectors"
    )
    label_smoothing: Share = Field(
        description="fraction of the target probability that is spread over all labels"
    )
    class_weight: ClassWeight = Field(
        description="default of the general `class_weight` for an LSTM, used if you do not set"
        " that: `balanced` gives every label the same total weight in the loss; `moderate` uses the"
        " fourth root of these weights, which improves rare labels at hardly any cost in accuracy."
        " With several labels per text, all weights are equal unless you set this; `balanced` then"
        " gives the texts with a label the same total weight as those without it"
    )
    lighter_candidate: bool = Field(
        description="also train a second, less regularized LSTM with the three settings below, and"
        " keep the one with the better best epoch (`epoch_score`). There is no second candidate if"
        " you set a setting in which the two differ, such as `hidden_size`, and none of these three"
    )
    lighter_hidden_size: Units = Field(description="`hidden_size` of the second candidate")
    lighter_word_dropout: Share = Field(description="`word_dropout` of the second candidate")
    lighter_embedding_rates: PositiveFloat = Field(
        description="factor by which the second candidate multiplies all learning rates of word"
        " vectors"
    )
    precision: Precision = Field(
        description="precision of training; `auto` is bfloat16 if the hardware supports it and"
        " dropout masks are shared by the batch, else float32"
    )
    batch_size: AtLeastOne = Field(description="texts per update")
    batches: Literal["similar", "shuffled"] = Field(
        description="how batches are formed: from texts of `similar` length, or `shuffled`"
    )
    epochs: AtLeastOne = Field(description="maximum number of epochs")
    min_updates: NonNegativeInt = Field(
        description="minimum number of updates: small data gets smaller batches and more epochs,"
        " up to 40 times as many if the value comes from a recipe; ignored if you also set"
        " `batch_size` or `epochs`; 0 for no minimum"
    )
    max_updates: NonNegativeInt = Field(
        description="approximate maximum number of updates: large data gets fewer epochs, but at"
        " least `min_updates` and four epochs if the value comes from a recipe; ignored if you set"
        " `epochs`; 0 for no maximum"
    )
    learning_rate: PositiveFloat = Field(description="peak learning rate of Adam")
    schedule: Literal["one-cycle", "warm-constant", "constant"] = Field(
        description="learning rate schedule: `one-cycle` (warm-up, then decay to zero; Smith 2018),"
        " `warm-constant` (warm-up, then constant until `patience` ends the training, with `epochs`"
        " as the maximum), or `constant`"
    )
    warmup: Share = Field(
        description="fraction of the updates in which the learning rate rises; for `warm-constant`,"
        " fraction of `min_updates`"
    )
    weight_averaging: Share = Field(
        description="the model is the average of the weights over about this fraction of the latest"
        " updates (Polyak & Juditsky 1992; Shamir & Zhang 2013); 0 for no averaging"
    )
    gradient_clip: NonNegativeFloat = Field(
        description="maximum norm of the gradient; 0 for no limit"
    )
    patience: AtLeastOne = Field(
        description="stop after this number of epochs without a better validation score"
        " (`epoch_score`), counted from the end of the warm-up; for `warm-constant`, not before"
        " `min_updates` unless you set only `patience`"
    )
    patience_updates: NonNegativeInt = Field(
        description="minimum number of updates without a better validation score before training"
        " stops, for small data with few updates per epoch; 0 for no minimum, which is also the"
        " case if you set only `patience`"
    )
    epoch_score: Literal["accuracy", "accuracy+macro-f1", "loss", "last"] = Field(
        description="how the best epoch is chosen: highest validation `accuracy`, highest mean of"
        " accuracy and macro F1 (in which rare labels count more), lowest log `loss` (the default"
        " with several labels per text), or always the `last` epoch, for schedules that decay to"
        " zero"
    )
    epoch_ties: Literal["loss", "first"] = Field(
        description="between epochs with equal validation scores, the one with the lower `loss` is"
        " best, or the `first`, as in Keras"
    )

    @property
    def states_have_own_masks(self) -> bool:
        """Whether each text has its own recurrent dropout masks, which fused kernels lack."""
        return self.recurrent_dropout > 0 and self.dropout_masks != "batch"

    def lighter(self) -> "LSTMSettings":
        """Return the settings of the second, less regularized candidate."""
        factor = self.lighter_embedding_rates
        return self.model_copy(
            update={
                "lighter_candidate": False,
                "hidden_size": self.lighter_hidden_size,
                "word_dropout": self.lighter_word_dropout,
                "embedding_learning_rate": self.embedding_learning_rate * factor,
                "vectors_learning_rate": self.vectors_learning_rate * factor,
                "vectors_random_learning_rate": self.vectors_random_learning_rate * factor,
            }
        )

    @model_validator(mode="after")
    def _check_effects(self) -> "LSTMSettings":
        if self.epoch_score == "last" and self.schedule == "warm-constant":
            raise fault(
                "lstm.epoch_score=last keeps the epoch at the end of the schedule, and"
                " lstm.schedule=warm-constant has none; set lstm.schedule=one-cycle or another"
                " lstm.epoch_score"
            )
        if self.bidirectional and self.embedding_updates == "keras":
            raise fault(
                "lstm.embedding_updates=keras does not work with lstm.bidirectional=true; set"
                " lstm.bidirectional=false or lstm.embedding_updates=batch"
            )
        if self.vectors_frozen_epochs and not self.vectors_learning_rate:
            raise fault(
                "lstm.vectors_frozen_epochs has no effect with lstm.vectors_learning_rate=0, which"
                " always freezes pretrained vectors; set one of them to another value"
            )
        if self.states_have_own_masks and self.precision == "bfloat16":
            raise fault(
                f"lstm.dropout_masks={self.dropout_masks} with lstm.recurrent_dropout computes in"
                " float32; set lstm.precision=float32 or lstm.dropout_masks=batch"
            )
        return self


class TransformerSettings(SettingsTable):
    """A pretrained transformer, fine-tuned."""

    model: str = Field(
        min_length=1,
        description="pretrained model: a folder, `minilm`, or OWNER/NAME on the Hugging Face Hub",
    )
    max_tokens: Annotated[int, Field(ge=4)] = Field(
        description="maximum number of subwords; longer texts are truncated"
    )
    texts_per_group: NonNegativeInt = Field(
        description="texts of each group per epoch, different ones each time, because duplicates"
        " of a text add little; more if `min_updates` requires it and you do not set this; 0 for"
        " all"
    )
    batch_size: AtLeastOne = Field(description="texts per update")
    epochs: AtLeastOne = Field(description="maximum number of epochs")
    min_updates: NonNegativeInt = Field(
        description="minimum number of updates: small data gets more epochs, up to 20 times as"
        " many if the value comes from a recipe; ignored if you also set `epochs`; 0 for no minimum"
    )
    learning_rate: PositiveFloat = Field(description="peak learning rate of AdamW")
    weight_decay: NonNegativeFloat = Field(description="decoupled weight decay of AdamW")
    warmup: Share = Field(
        description="fraction of the updates in which the learning rate rises; then it falls"
        " linearly"
    )
    patience: AtLeastOne = Field(
        description="stop after this number of epochs without a better validation accuracy"
    )
    precision: Precision = Field(
        description="precision of fine-tuning, and of predictions as a teacher; `auto` is bfloat16"
        " if the hardware supports it"
    )


class TeacherSettings(SettingsTable):
    """Knowledge distillation, for `mlp` and `lstm`."""

    models: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], SPLIT_AT_PLUS] = Field(
        min_length=1,
        description="the teacher of an LSTM or MLP: `none`; a transformer to fine-tune first (a"
        " folder, `minilm`, or OWNER/NAME); the folder of a saved model; or several joined by `+`,"
        " whose log-probabilities are averaged",
    )
    weight: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        description="weight of the teacher's probabilities in the target of a training text; the"
        " label has the remaining weight (Hinton et al. 2015)"
    )
    texts: NonNegativeInt = Field(
        description="maximum number of texts that the teacher labels: training texts, unlabeled"
        " texts, and variations of both (Tang et al. 2019)"
    )
    variations: NonNegativeInt = Field(description="maximum number of variations of each text")

    @property
    def is_given(self) -> bool:
        """Whether there is a teacher."""
        return self.models != (NO_TEACHER,)

    @model_validator(mode="after")
    def _check_names(self) -> "TeacherSettings":
        if NO_TEACHER in self.models and self.is_given:
            raise fault(f"teacher.models={NO_TEACHER} is among other teachers; leave it out")
        for name in self.models:
            if self.models.count(name) > 1:
                raise fault(f"teacher.models names '{name}' more than once; give each teacher once")
        return self
