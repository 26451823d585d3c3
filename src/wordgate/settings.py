"""Settings of a training run, and the recipes: named, complete sets of them."""

import operator
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from wordgate.errors import SettingsError, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Pooling = Literal["last", "max", "mean"]
Strengths = tuple[Annotated[float, Field(gt=0.0)], ...]
NO_TEACHER = "none"
LARGEST_SEED = 2**32 - 1
LARGEST_EMBEDDING = 8192

_NEEDED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "string_type": "a name",
    "too_short": "one or several values, joined by '+'",
    "tuple_type": "one or several values, joined by '+'",
}
"""What a setting must be, by the kind of fault pydantic finds."""

_MOST_SHOWN = 200  # characters of what a recipe says, in a message
_MOST_FAULTS = 100
_LONGEST_RECIPE = 2**14  # bytes, six of ours: the parser takes seconds over a key of 40,000


class Settings(BaseModel):
    """Everything that decides how a model is trained, but for its data and its seed.

    There are no defaults here: each recipe names every setting, so one file tells it all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

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
        description="rows without a text are left out, or kept as the word `nan`, as pandas'"
        " `astype(str)` keeps them"
    )
    calibration: Literal["temperature", "none"] = Field(
        description="probabilities are tempered by one number that suits the validation rows (Guo"
        " et al. 2017), or left as the model gives them"
    )

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
        description="a word enters the vocabulary if it stands in so many training groups"
    )
    min_count: Annotated[int, Field(ge=1)] = Field(
        description="a word enters the vocabulary if it stands so often in training texts"
    )
    max_words: Annotated[int, Field(ge=1)] = Field(
        description="size limit of the vocabulary; the most frequent words stay"
    )

    embedding_size: Annotated[int, Field(ge=1, le=LARGEST_EMBEDDING)] = Field(
        description="numbers per word vector; pretrained vectors bring their own size"
    )
    embedding_scale: Annotated[float, Field(gt=0.0)] = Field(
        description="standard deviation of the word vectors at the start"
    )
    embedding_stored: Literal["float32", "int8"] = Field(
        description="what the finished model keeps its table of words in; `int8`, with a scale for"
        " each word, takes a quarter of the space"
    )
    vectors_spelling: Literal["exact", "any"] = Field(
        description="where pretrained word vectors are given, a word is looked for as it is"
        " (`exact`), or in another case, with its digits as `#`, without the sign of a hashtag,"
        " with stretched letters shortened, too (`any`)"
    )
    vectors_missing: Literal["zeros", "spread"] = Field(
        description="a word that has no pretrained vector begins with `zeros`, or with numbers"
        " drawn from the `spread` of the vectors of those that have"
    )
    vectors_scale: Annotated[float, Field(ge=0.0)] = Field(
        description="standard deviation that pretrained vectors are brought to; 0 leaves them as"
        " they are"
    )
    vectors_extra_size: Annotated[int, Field(ge=0, le=4096)] = Field(
        description="numbers that each word vector has besides the pretrained ones; they are drawn"
        " and trained as without pretrained vectors"
    )
    vectors_more_words: Annotated[int, Field(ge=0)] = Field(
        description="so many words that the vocabulary hasn't enter it with their pretrained"
        " vectors, beyond `max_words`; the first of the table, for the texts to come"
    )
    vectors_learning_rate: Annotated[float, Field(ge=0.0)] = Field(
        description="Adam's rate for pretrained numbers; 0 keeps them as they are"
    )
    vectors_drawn_learning_rate: Annotated[float, Field(ge=0.0)] = Field(
        description="the same for all other numbers of word vectors, where some are pretrained; it"
        " takes the place of `embedding_learning_rate`"
    )
    vectors_frozen_epochs: Annotated[int, Field(ge=0)] = Field(
        description="so many epochs keep pretrained numbers as they are, before these move at their"
        " rate"
    )
    hidden_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="numbers in the LSTM's state, per direction"
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
    class_weight: Literal["none", "moderate", "balanced"] = Field(
        description="`balanced` gives every label the same weight in the loss; `moderate` weighs a"
        " text by the fourth root of its weight in `balanced`, so that rare labels are not passed"
        " over and accuracy hardly falls"
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
        description="texts of `similar` length share a batch, or whichever chance puts there"
    )
    epochs: Annotated[int, Field(ge=1)] = Field(description="passes over the training texts")
    min_updates: Annotated[int, Field(ge=0)] = Field(
        description="small data takes smaller batches and is passed more often than `epochs` to"
        " make so many updates; 0 changes neither"
    )
    max_updates: Annotated[int, Field(ge=0)] = Field(
        description="large data is passed less often than `epochs`, so that no more than about so"
        " many updates are made, but four times at the least; 0 for no limit"
    )
    learning_rate: Annotated[float, Field(gt=0.0)] = Field(
        description="Adam's rate, at its highest"
    )
    embedding_learning_rate: Annotated[float, Field(ge=0.0)] = Field(
        description="the same for the word vectors; 0 keeps them as they are"
    )
    embedding_updates: Literal["batch", "keras"] = Field(
        description="`batch` moves the word vectors of the batch; `keras`, as Keras on TensorFlow,"
        " moves the others by their momentum, too, and squares the gradient of each occurrence"
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
        " counted from the end of the warm-up; for `warm-constant` at the least after `min_updates`"
    )
    patience_updates: Annotated[int, Field(ge=0)] = Field(
        description="small data makes few updates an epoch: stop only after so many updates without"
        " a better validation score, too; 0 for `patience` alone"
    )
    epoch_score: Literal["accuracy", "accuracy+macro-f1", "last"] = Field(
        description="the epoch that is kept is that of the highest validation `accuracy`, or of the"
        " highest mean of accuracy and macro F1, in which rare labels count, too; or the `last`,"
        " where the schedule brings the rate to zero and validation has nothing to choose"
    )
    epoch_ties: Literal["loss", "first"] = Field(
        description="between epochs of equal validation score the lower `loss` is the best, or the"
        " `first` of them, as in Keras"
    )

    count_words: Annotated[int, Field(ge=0, le=5)] = Field(
        description="longest n-gram of words that is counted; 0 for no words"
    )
    count_characters: Annotated[int, Field(ge=0, le=8)] = Field(
        description="longest n-gram of characters in words that is counted, from 2 on; 0 for none"
    )
    count_weights: Literal["counts", "tfidf"] = Field(
        description="plain `counts`, or sublinear TF-IDF (`tfidf`) of unit length for words and for"
        " characters"
    )
    count_min_texts: Annotated[int, Field(ge=1)] = Field(
        description="a run is counted if it stands in so many training texts"
    )
    count_c: Strengths = Field(
        min_length=1,
        description="inverse strengths of the L2 penalty to try, joined by `+`; validation chooses",
    )

    average_weights: Literal["plain", "inverse-frequency", "best"] = Field(
        description="word vectors are averaged as they are (`plain`), rare words weigh more"
        " (`inverse-frequency`, Arora et al. 2017), or validation chooses (`best`)"
    )
    average_c: Strengths = Field(
        min_length=1,
        description="inverse strengths of the L2 penalty that `logreg` tries, joined by `+`;"
        " validation chooses",
    )
    mlp_hidden_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="numbers in the hidden layer"
    )
    mlp_input_dropout: Share = Field(description="share of the average's components dropped")
    mlp_output_dropout: Share = Field(description="share of the hidden layer dropped")
    mlp_batch_size: Annotated[int, Field(ge=1)] = Field(description="texts per update")
    mlp_epochs: Annotated[int, Field(ge=1)] = Field(description="passes over the training texts")
    mlp_learning_rate: Annotated[float, Field(gt=0.0)] = Field(description="Adam's rate")
    mlp_patience: Annotated[int, Field(ge=1)] = Field(
        description="stop after so many epochs without a better validation accuracy"
    )

    transformer_model: str = Field(
        min_length=1,
        description="what is fine-tuned: a folder, `minilm`, or a model of the Hugging Face hub as"
        " OWNER/NAME",
    )
    transformer_max_tokens: Annotated[int, Field(ge=4)] = Field(
        description="longer texts are truncated, in the transformer's own tokens"
    )
    transformer_texts_per_group: Annotated[int, Field(ge=0)] = Field(
        description="an epoch reads so many texts of each group, others each time: copies of a text"
        " teach little that is new; more where `transformer_min_updates` wants more; 0 for all"
    )
    transformer_batch_size: Annotated[int, Field(ge=1)] = Field(description="texts per update")
    transformer_epochs: Annotated[int, Field(ge=1)] = Field(
        description="passes over the training texts"
    )
    transformer_min_updates: Annotated[int, Field(ge=0)] = Field(
        description="small data is passed more often than `transformer_epochs` to make so many"
        " updates, up to 20 times; 0 changes nothing"
    )
    transformer_learning_rate: Annotated[float, Field(gt=0.0)] = Field(
        description="AdamW's rate, at its highest"
    )
    transformer_weight_decay: Annotated[float, Field(ge=0.0)] = Field(
        description="AdamW's decoupled weight decay"
    )
    transformer_warmup: Share = Field(
        description="share of the updates in which the rate rises; it falls in a line after"
    )
    transformer_patience: Annotated[int, Field(ge=1)] = Field(
        description="stop after so many epochs without a better validation accuracy"
    )

    teacher: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1,
        description="what teaches an LSTM or MLP: `none`; a transformer to fine-tune first (a"
        " folder, `minilm`, or OWNER/NAME); a saved model's folder; or several joined by `+`, whose"
        " log-probabilities are averaged",
    )
    teacher_weight: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        description="share of the teacher's probabilities in the target of a training text; its"
        " label has the rest (Hinton et al. 2015)"
    )
    teacher_texts: Annotated[int, Field(ge=0)] = Field(
        description="so many texts the teacher labels at most: the training texts, those without"
        " labels, and variations of both (Tang et al. 2019)"
    )
    teacher_variations: Annotated[int, Field(ge=0)] = Field(
        description="variations of each text at most"
    )

    @field_validator("pooling", "count_c", "average_c", "teacher", mode="before")
    @classmethod
    def _split_at_plus(cls, value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return (value,)
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split("+"))

    @property
    def is_taught(self) -> bool:
        """Whether a teacher labels texts for the model."""
        return self.teacher != (NO_TEACHER,)

    @property
    def states_have_own_masks(self) -> bool:
        """Whether each text has recurrent dropout masks of its own, which no fused kernel knows."""
        return self.recurrent_dropout > 0 and self.dropout_masks != "batch"

    def with_vectors_of(self, size: int) -> "Settings":
        """Give the same settings for an embedding that pretrained vectors of a size begin."""
        return self.model_copy(
            update={
                "embedding_size": size + self.vectors_extra_size,
                "embedding_learning_rate": self.vectors_drawn_learning_rate,
            }
        )

    def lighter(self) -> "Settings":
        """Give the settings of the second, less regularised candidate."""
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
    def _refuse_what_has_no_effect(self) -> "Settings":
        if not self.count_words and not self.count_characters:
            raise PydanticCustomError(
                "no_effect",
                "count_words=0 and count_characters=0 leave nothing to count; set one of them",
            )
        if self.count_characters == 1:
            raise PydanticCustomError(
                "no_effect",
                "count_characters=1 leaves no characters to count, whose runs begin at 2; set 0, or"
                " 2 and more",
            )
        if NO_TEACHER in self.teacher and self.is_taught:
            raise PydanticCustomError(
                "no_effect", f"teacher={NO_TEACHER} stands beside other teachers; leave it out"
            )
        if self.word_dropout and self.unknown_words == "drop":
            raise PydanticCustomError(
                "no_effect",
                "word_dropout puts the unknown word in a word's place, and with"
                " unknown_words=drop there is none; set word_dropout=0 or unknown_words=id",
            )
        if self.lighter_candidate and self.lighter_word_dropout and self.unknown_words == "drop":
            raise PydanticCustomError(
                "no_effect",
                "lighter_word_dropout puts the unknown word in a word's place, and with"
                " unknown_words=drop there is none; set lighter_word_dropout=0 or unknown_words=id",
            )
        if self.epoch_score == "last" and self.schedule == "warm-constant":
            raise PydanticCustomError(
                "no_effect",
                "epoch_score=last keeps the epoch at the end of the schedule, and"
                " schedule=warm-constant has none; set schedule=one-cycle or another epoch_score",
            )
        if self.bidirectional and self.embedding_updates == "keras":
            raise PydanticCustomError(
                "no_effect",
                "embedding_updates=keras squares the gradient of each occurrence, which reading a"
                " text twice takes apart; set bidirectional=false or embedding_updates=batch",
            )
        if self.vectors_frozen_epochs and not self.vectors_learning_rate:
            raise PydanticCustomError(
                "no_effect",
                "vectors_frozen_epochs says when pretrained numbers begin to move, and with"
                " vectors_learning_rate=0 they never do; set vectors_frozen_epochs=0 or a rate",
            )
        if self.states_have_own_masks and self.precision == "bfloat16":
            raise PydanticCustomError(
                "no_effect",
                f"dropout_masks={self.dropout_masks} with recurrent_dropout computes in float32;"
                " set precision=float32 or dropout_masks=batch",
            )
        return self


SET_BY_CANDIDATE = frozenset(
    (
        *("hidden_size", "word_dropout", "embedding_learning_rate", "vectors_learning_rate"),
        "vectors_drawn_learning_rate",
    )
)
"""The settings in which the second candidate differs: who sets one of them wants one LSTM."""

_SHARED = ("split", "test_size", "valid_size", "stratify", "empty_texts", "calibration")
_WORDS = (
    *("tokenizer", "max_tokens", "truncate", "vocabulary_from", "unknown_words", "min_groups"),
    *("min_count", "max_words", "embedding_stored", "vectors_spelling", "vectors_more_words"),
)
_PREFIXES = {
    "count_": ("count",),
    "average_": ("logreg", "mlp"),
    "mlp_": ("mlp",),
    "transformer_": ("transformer",),
    "teacher_": ("lstm", "mlp"),
}
TAUGHT = ("lstm", "mlp")
"""The families that can learn from a teacher."""


def reads_setting(family: str, setting: str) -> bool:
    """Tell whether a setting has any effect on models of a family."""
    if setting in _SHARED:
        return True
    if setting == "teacher":
        return family in TAUGHT
    for prefix, families in _PREFIXES.items():
        if setting.startswith(prefix):
            return family in families and (family, setting) != ("mlp", "average_c")
    if setting == "precision":
        return family in ("lstm", "transformer")
    return family == "lstm" or (family in ("logreg", "mlp") and setting in _WORDS)


def recipe_names() -> list[str]:
    """Name the recipes that come with wordgate."""
    files = (resources.files("wordgate") / "recipes").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_settings(recipe: str | Path, overrides: Mapping[str, object] | None = None) -> Settings:
    """Read a recipe and lay single settings over it.

    A setting in which the two candidates of a recipe would differ leaves one, unless a setting of
    the second one is given, too; `epochs` leaves no `max_updates`.

    Args:
        recipe: A name from `recipe_names()`, or the path of a ``.toml`` file like theirs.
        overrides: Settings that beat the recipe's. Values may be strings, as typed.

    Returns:
        The complete, validated settings.

    Raises:
        SettingsError: The recipe is unknown, or settings are; all faults are told at once.
    """
    given = dict(overrides or {})
    if SET_BY_CANDIDATE & given.keys() and not any(name.startswith("lighter_") for name in given):
        given["lighter_candidate"] = False
    if "epochs" in given:
        given.setdefault("max_updates", 0)
    return _validated({**_read_recipe(recipe), **given}, recipe)


def parse_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """Turn ``["hidden_size=64"]`` into ``{"hidden_size": "64"}``.

    Raises:
        SettingsError: One is not of the form KEY=VALUE.
    """
    pairs = {}
    for assignment in assignments:
        key, sign, value = assignment.partition("=")
        if not sign or not key.strip():
            raise SettingsError(
                f"'{assignment}' is not a setting; write KEY=VALUE, such as hidden_size=64"
            )
        pairs[key.strip()] = value.strip()
    return pairs


def checked_seed(seed: int) -> int:
    """Give a seed back as a plain integer.

    Raises:
        SettingsError: It is no whole number, or one that scikit-learn doesn't take.
    """
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= LARGEST_SEED:
        raise SettingsError(f"seed is {seed!r}; it must be a whole number from 0 to {LARGEST_SEED}")
    return number


def _read_recipe(recipe: str | Path) -> dict[str, Any]:
    name = str(recipe)
    if name in recipe_names():
        return _parsed(
            (resources.files("wordgate") / "recipes" / f"{name}.toml").read_bytes(), name
        )
    if not name.endswith(".toml"):
        raise SettingsError(
            f"no recipe '{name}'"
            + did_you_mean(name, [*recipe_names(), "the path of a .toml file of your own"])
        )
    try:
        return _parsed(Path(recipe).read_bytes(), name)
    except OSError as error:
        raise SettingsError(f"the recipe '{name}' can't be read: {error.strerror}") from error


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    if len(content) > _LONGEST_RECIPE:
        raise SettingsError(
            f"the recipe '{name}' has {len(content):,} bytes; more than {_LONGEST_RECIPE:,} is no"
            " recipe"
        )
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # too long a number, and too deep a list, too
        why = f"{error!s:.{_MOST_SHOWN}}"
        raise SettingsError(f"the recipe '{name}' is not valid TOML: {why}") from error


def _validated(values: Mapping[str, object], recipe: str | Path) -> Settings:
    try:
        return Settings.model_validate({str(name): value for name, value in values.items()})
    except ValidationError as error:
        faults = [_fault(detail) for detail in error.errors()[:_MOST_FAULTS]]
        if left := error.error_count() - len(faults):
            faults.append(f"  and {left:,} more")
        raise SettingsError(
            "\n".join([f"these settings (recipe '{recipe}') can't be used:", *faults])
        ) from error


def _fault(detail: Any) -> str:
    """Say one fault as pydantic found it in the words of a user."""
    if detail["type"] == "no_effect":
        return f"  {detail['msg']}"
    name = f"{detail['loc'][0]!s:.{_MOST_SHOWN}}"
    if detail["type"] == "extra_forbidden":
        return f"  no setting '{name}'{did_you_mean(name, Settings.model_fields)}"
    if detail["type"] == "missing":
        return f"  {name} is missing"
    if detail["type"] not in _NEEDED:
        return f"  {name}: {detail['msg']}, not {_shown(detail['input'])}"
    needed = _NEEDED[detail["type"]].format(**detail.get("ctx", {}))
    return f"  {name} is {_shown(detail['input'])}; it must be {needed}"


def _shown(value: object) -> str:
    """Show a value in one line; a number or a list may be too long or too deep to be written."""
    try:
        return f"{value!r:.{_MOST_SHOWN}}"
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"
