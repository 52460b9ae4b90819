"""What is known about methods, by their names: which change their object, and which give views."""

from kernelpipe.analysis.heap import FALSE, Kind
from kernelpipe.analysis.summaries import Argument


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MUTATORS = {
    Kind.LIST: _names("append extend insert remove pop clear sort reverse __setitem__ __delitem__"),
    Kind.DICT: _names("update pop popitem clear setdefault subtract move_to_end __setitem__"),
    Kind.SET: _names(
        "add discard remove pop clear update difference_update intersection_update "
        "symmetric_difference_update"
    ),
    Kind.ARRAY: _names("sort fill put resize itemset partition setflags setfield"),
    Kind.FRAME: _names(
        "insert pop update isetitem __setitem__ set_flags "
        # of lists, dicts and sets in cells
        "append extend remove clear setdefault popitem appendleft discard sort reverse"
    ),
    Kind.ESTIMATOR: _names(
        "fit fit_transform fit_predict fit_resample partial_fit set_params set_output __setstate__ "
        "set_fit_request load_model update"
    ),
}
_PURE_KINDS = frozenset({Kind.IMMUTABLE, Kind.TUPLE})
_ANY_METHOD_CHANGES = frozenset(
    {
        Kind.RANDOM,
        Kind.ITERATOR,
        Kind.GENERATOR,
        Kind.FILE,
        Kind.BUFFER,
        Kind.HANDLE,
        Kind.FIGURE,
    }
)
_TYPES = _names(
    "builtins.list builtins.dict builtins.set builtins.str builtins.bytearray builtins.tuple "
    "numpy.ndarray pandas.DataFrame pandas.Series pandas.Index collections.deque "
    "collections.Counter collections.OrderedDict collections.defaultdict"
)
_CONSTRUCTORS = _names(
    "fromkeys from_dict from_records from_arrow from_tuples maketrans fromhex __new__"
)
_PURE_OF_STREAMS = _names("getvalue tell readable writable seekable fileno")
_IN_PLACE_METHODS = _names(
    "clip drop drop_duplicates dropna eval ffill bfill fillna interpolate mask query rename "
    "rename_axis replace reset_index set_index sort_index sort_values where"
)
_PURE_METHODS = _names(
    # texts
    "capitalize casefold center count decode encode endswith expandtabs find format format_map "
    "index isalnum isalpha isdecimal isdigit isidentifier islower isnumeric isspace istitle "
    "isupper join ljust lower lstrip partition removeprefix removesuffix replace rfind rindex "
    "rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate "
    "upper zfill "
    # containers
    "copy get items keys values most_common union intersection difference issubset issuperset "
    # arrays and frames
    "abs agg aggregate all any argmax argmin argsort assign astype between bfill clip corr cov "
    "cummax cummin cumprod cumsum describe diff dot drop_duplicates dropna dt duplicated equals "
    "explode ffill fillna first groupby head hist idxmax idxmin info interpolate isin isna isnull "
    "iterrows itertuples kurt last max mean median melt memory_usage merge min mode nlargest "
    "notna notnull nsmallest nunique pct_change pivot pivot_table plot prod quantile rank reindex "
    "rename reset_index resample rolling round select_dtypes set_index shift skew sort_index "
    "sort_values stack std sum tail to_csv to_dict to_excel to_feather to_frame to_html to_json "
    "to_list to_markdown to_numpy to_parquet to_pickle to_records to_sql to_string tolist unique "
    "unstack value_counts var where flatten ravel reshape transpose squeeze swapaxes nonzero "
    "trace repeat take query filter sample drop "
    # estimators
    "predict predict_proba predict_log_proba decision_function score transform inverse_transform "
    "get_params get_feature_names_out get_depth get_n_leaves kneighbors score_samples "
    # dates, paths, patterns
    "date day hour isoformat minute month now second strftime time timestamp total_seconds "
    "today weekday year as_posix exists is_dir is_file joinpath mkdir read_bytes read_text "
    "relative_to resolve with_name with_suffix write_bytes write_text match search findall "
    "finditer fullmatch group groups groupdict span sub"
)
_PREDICTIONS = _names(
    "predict predict_proba predict_log_proba decision_function score score_samples kneighbors "
    "get_feature_names_out"
)
_VIEW_METHODS = _names(
    "reshape ravel transpose squeeze swapaxes view diagonal astype to_numpy head tail xs get "
    "groupby rolling resample expanding ewm iterrows itertuples items pipe set_axis take "
    "infer_objects rename set_flags truncate align"
)
_FILLING_METHODS = _names(
    "append appendleft extend extendleft insert setdefault discard popleft popitem remove"
)
_FRESH_METHODS = _names(
    "all any argmax argmin argsort corr cov cummax cummin cumprod cumsum describe dot fetchall "
    "fetchmany fetchone idxmax idxmin isna isnull mean median notna notnull nunique prod quantile "
    "std sum trace value_counts var"
)
_PLOTS = _names(
    "plot bar barh line scatter hist pie box boxplot kde density area hexbin imshow violinplot"
)


def may_change_object(kind: Kind, name: str, arguments: tuple[Argument, ...]) -> bool:
    """Tell whether calling method ``name`` of an object of ``kind`` may change the object."""
    mutators = mutator_names(kind)
    if mutators is None:
        return name not in _PURE_OF_STREAMS
    return (
        name in mutators
        or may_work_in_place(name, arguments)
        or any(a.keyword == "out" for a in arguments)
    )


def changes_arguments(kind: Kind, name: str) -> bool:
    """Tell whether a method changes what it is given, too."""
    if kind is Kind.RANDOM:
        return name in ("shuffle", "permuted")
    return kind in (Kind.GENERATOR, Kind.HANDLE) or name == "readinto"


def is_method_of_type(owner: str, method: str, arguments: tuple[Argument, ...]) -> bool:
    """Tell whether ``owner.method(x, ...)`` is ``x.method(...)``, as with ``list.sort(rows)``."""
    is_given = bool(arguments) and arguments[0].keyword is None and not arguments[0].is_starred
    return owner in _TYPES and is_given and method not in _CONSTRUCTORS


def changes_first(owner: str, method: str) -> bool:
    """Tell whether function ``method`` of the type ``owner`` changes its first argument."""
    return owner in _TYPES and any(method in names for names in _MUTATORS.values())


def is_pure_type_method(owner: str, method: str) -> bool:
    """Tell whether function ``method`` of the type ``owner`` leaves its arguments alone."""
    return owner in _TYPES and not changes_first(owner, method)


def may_work_in_place(name: str, arguments: tuple[Argument, ...]) -> bool:
    """Tell whether a method is told, or may be told by ``**keywords``, to change its object."""
    return any(
        (a.keyword == "inplace" and a.value != FALSE)
        or (a.is_starred and a.keyword is None and name in _IN_PLACE_METHODS)
        for a in arguments
    )


def mutator_names(kind: Kind) -> frozenset[str] | None:
    """Return the names of the methods of ``kind`` that change it; None when any method may."""
    if kind in _PURE_KINDS:
        return frozenset()
    return None if kind in _ANY_METHOD_CHANGES else _MUTATORS.get(kind)


def is_pure_method(name: str) -> bool:
    """Tell whether ``name`` changes nothing in every common class that has such a method."""
    return name in _PURE_METHODS


def is_prediction(name: str) -> bool:
    """Tell whether a method that changes nothing gives new arrays or numbers in every class."""
    return name in _PREDICTIONS


def gives_view(name: str) -> bool:
    """Tell whether a method of an array or a frame may return a view of it, or keep it."""
    return name in _VIEW_METHODS


def gives_new(name: str) -> bool:
    """Tell whether ``name`` gives a new object in every common class that has such a method."""
    return name in _FRESH_METHODS


def fills_container(name: str) -> bool:
    """Tell whether ``name`` changes its object alone, in every common class that has it."""
    return name in _FILLING_METHODS


def draws_plot(name: str) -> bool:
    """Tell whether a method of data, or of its ``plot`` accessor, returns axes."""
    return name in _PLOTS


def fits_estimator(name: str) -> bool:
    """Tell whether ``name`` trains its object and leaves the training data alone."""
    return name in _MUTATORS[Kind.ESTIMATOR] and name.startswith(("fit", "partial_fit"))


_SPLITTERS = _names("KFold StratifiedKFold GroupKFold StratifiedGroupKFold")
_DETERMINISTIC = _names(
    "LinearRegression Ridge RidgeCV StandardScaler MinMaxScaler MaxAbsScaler RobustScaler "
    "Normalizer Binarizer OneHotEncoder OrdinalEncoder LabelEncoder LabelBinarizer SimpleImputer "
    "KNeighborsClassifier KNeighborsRegressor NearestNeighbors GaussianNB MultinomialNB "
    "BernoulliNB ComplementNB PolynomialFeatures CountVectorizer TfidfVectorizer "
    "TfidfTransformer FunctionTransformer VarianceThreshold LinearDiscriminantAnalysis "
    "QuadraticDiscriminantAnalysis KBinsDiscretizer PowerTransformer"
)


def shuffles(dotted: str, arguments: tuple[Argument, ...]) -> bool:
    """Tell whether a splitter is told to shuffle; true of all that is no such splitter."""
    asked = any((a.keyword == "shuffle" and a.value != FALSE) or a.is_starred for a in arguments)
    return asked or dotted.rpartition(".")[2] not in _SPLITTERS


def draws_when_split(dotted: str | None) -> bool:
    """Tell whether a class of scikit-learn draws when its ``split`` is iterated."""
    last = (dotted or "").rpartition(".")[2]
    return last in _SPLITTERS or last.endswith("ShuffleSplit") or last.startswith("Repeated")


def draws_when_fitted(dotted: str | None) -> bool:
    """Tell whether an estimator class without ``random_state`` may draw from numpy's generator."""
    return dotted is None or dotted.rpartition(".")[2] not in _DETERMINISTIC
