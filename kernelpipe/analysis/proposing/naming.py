"""Names for proposed steps: from the heading above, from a comment, or from what the code does."""

import ast
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from kernelpipe.analysis.source import nodes_of

_LONGEST: Final = 30
_MOST_WORDS: Final = 3
_NUMBER: Final = re.compile(
    r"^\W*(?:(?:part|step|section|chapter|exercise|task|lesson|question|q)\W*(?:\d+|[ivx]+)\b"
    r"|\d+(?:\.\d+)*|[a-z]\)|[ivx]+\.)(?![a-z])[\s.):\-]*",
    re.IGNORECASE,
)
_STOP: Final = frozenset(
    "a an and are as at be but by can do does for from get getting has have how i if in into is it "
    "its let lets me more my next now of on or our out s so some take than that the their them "
    "then there these this those to up us use using via was we what where which why will with you "
    "your s t ll".split()
)
_SETUP: Final = frozenset(
    "setup set import imports importing library libraries package packages module modules install "
    "installation dependencies requirements configuration config settings preliminaries "
    "parameters constants helper helpers functions utilities environment prerequisites".split()
)
_COMMENT: Final = re.compile(r"#+[\s#=*~_%\-]*(.*?)[\s#=*~_:.\-]*$")
_PROSE: Final = 48
"""A first comment longer than this explains and does not name."""

_WORDS: Final = {
    "split": "train_test_split TimeSeriesSplit random_split",
    "tune": "GridSearchCV RandomizedSearchCV HalvingGridSearchCV create_study optimize",
    "evaluate": (
        "accuracy_score classification_report confusion_matrix mean_squared_error r2_score "
        "roc_auc_score roc_curve f1_score precision_score recall_score mean_absolute_error "
        "cross_val_score cross_validate silhouette_score ConfusionMatrixDisplay score "
        "log_loss learning_curve permutation_importance brier_score_loss"
    ),
    "train": "fit compile fit_generator train backward",
    "predict": "predict predict_proba forecast",
    "load": (
        "read_csv read_excel read_json read_parquet read_sql read_table read_pickle read_html "
        "load_iris load_wine load_digits load_diabetes load_breast_cancer load_dataset "
        "fetch_california_housing fetch_openml fetch_20newsgroups load_data loadtxt "
        "genfromtxt make_classification make_regression make_blobs make_moons load imread "
        "urlretrieve"
    ),
    "clean": (
        "dropna fillna drop_duplicates isnull isna astype to_datetime to_numeric interpolate "
        "SimpleImputer duplicated rename strip drop"
    ),
    "prepare": (
        "get_dummies StandardScaler MinMaxScaler OneHotEncoder LabelEncoder fit_transform "
        "ColumnTransformer OrdinalEncoder CountVectorizer TfidfVectorizer cut qcut "
        "PolynomialFeatures normalize"
    ),
    "aggregate": "groupby pivot_table agg crosstab resample pivot value_counts",
    "combine": "merge concat join append hstack vstack",
    "describe": "describe info corr nunique head",
    "plot": (
        "plot hist scatter bar boxplot heatmap pairplot histplot countplot lineplot barplot "
        "scatterplot subplots show imshow figure distplot violinplot kdeplot jointplot "
        "relplot displot catplot savefig"
    ),
    "save": "to_csv dump to_pickle to_parquet to_excel to_json save savez to_sql",
    "simulate": "normal uniform choice randint random default_rng RandomState randn rand shuffle",
    "report": "print display",
}
"""What a step that calls these is named; the first of them that is called most."""
_BY_CALL: Final = {call: word for word, calls in _WORDS.items() for call in calls.split()}
_RANK: Final = {word: rank for rank, word in enumerate(_WORDS)}
_WEIGHTS: Final = {
    "split": 6, "tune": 6, "evaluate": 4, "train": 4, "predict": 2, "load": 5, "save": 2,
    "describe": 0.5, "plot": 1, "report": 0.1, "clean": 1.2, "simulate": 0.8,
}  # fmt: skip
"""How much a call says of a step, else 1."""


def name_of_text(text: str) -> str | None:
    """Return a step's name for a heading, None if nothing of it can be kept."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    without = _NUMBER.sub("", plain)
    first, _, rest = without.partition(":")
    words = _words(first) or _words(f"{first} {rest}")
    kept = [word for word in words if word not in _STOP]
    name = ""
    for word in kept[:_MOST_WORDS]:
        longer = f"{name}_{word}" if name else word[:_LONGEST]
        if len(longer) > _LONGEST:
            break
        name = longer
    if not re.search(r"[a-z]", name):
        return None
    return name if name[0].isalpha() else f"_{name}"


def _words(text: str) -> list[str]:
    found = re.findall(r"[a-z0-9]+", re.sub(r"['`]", "", text))
    return found if any(word not in _STOP for word in found) else []


def comment_of(source: str) -> str | None:
    """Return what the comment says that a cell begins with, if it is short enough for a title."""
    first = next((line.strip() for line in source.splitlines() if line.strip()), "")
    found = _COMMENT.fullmatch(first)
    if found is None or first.startswith(("#!", "# %%", "# type:", "# noqa")):
        return None
    text = found[1]
    is_code = re.search(r"[=()\[\]{}]|^(?:import|from|print|return|del)\b", text) is not None
    return text if 0 < len(text) <= _PROSE and not is_code else None


def is_about_setup(heading: str | None) -> bool:
    """Tell whether a heading speaks of imports and the like, and not of a step."""
    return heading is not None and not _SETUP.isdisjoint(_words(heading.lower()))


def name_of_code(trees: Iterable[ast.Module], made: Sequence[str]) -> str:
    """Return a step's name from what its code calls, else from the first name of ``made``."""
    found: dict[str, float] = {}
    for tree in trees:
        for node in nodes_of(tree):
            if isinstance(node, ast.Call):
                word = _BY_CALL.get(_called(node))
                if word is not None:
                    found[word] = found.get(word, 0) + _WEIGHTS.get(word, 1)
    if found:
        best = max(found, key=lambda word: (found[word], -_RANK[word]))
        if found[best] >= 1 or not made:
            return best
    names = [name for name in made if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{1,29}", name)]
    return names[0].lower() if names else "step"


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def free_name(name: str, taken: Collection[str]) -> str:
    """Return ``name``, with the next number behind it if it is taken.

    Names that differ in case or in ``_`` and ``-`` alone count as one, as they do on a cluster.
    """
    known = {each.lower().replace("-", "_") for each in taken}
    number = 2
    free = name
    while free.lower().replace("-", "_") in known:
        free = f"{name}_{number}"
        number += 1
    return free
