"""What is known about builtins and libraries: what a call changes, returns, reads and writes.

Whatever is not listed is taken for a call that may change and keep everything it is given. A
wrong entry here can make a pipeline differ from its notebook, so only documented behaviour is
listed: numpy, pandas, scikit-learn and matplotlib leave their arguments alone unless named.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from kernelpipe.analysis.heap import Kind


class Result(Enum):
    """How the result of a call relates to its arguments."""

    FRESH = "fresh"
    CONTAINS = "contains"
    """A new object that may hold the arguments."""
    SHARES = "shares"
    """May be (a view of) an argument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """Facts of a call to a known function; argument numbers count positional ones from zero."""

    changes: tuple[int, ...] = ()
    result: Result = Result.FRESH
    kind: Kind = Kind.UNKNOWN
    state: str | None = None
    sets_state_anew: bool = False
    draws_from: str | None = None
    is_tainted: bool = False


IMMUTABLE_RESULT = CallFacts(kind=Kind.IMMUTABLE)
TAINTED = CallFacts(kind=Kind.IMMUTABLE, is_tainted=True)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


AMBIENT = (
    "@environ",
    "@cwd",
    "@sys.path",
    "@pandas.options",
    "@matplotlib.rcparams",
    "@warnings.filters",
    "@numpy.printoptions",
    "@numpy.errstate",
    "@sklearn.config",
    "@locale",
    "@decimal",
    "@logging",
)
"""Hidden state that any later code may depend on."""
GENERATORS = ("@random", "@numpy.random", "@torch")
"""Hidden state of random generators: matters once it was seeded."""
STATES = (*AMBIENT, *GENERATORS)

STATE_OBJECTS = {
    "os.environ": "@environ",
    "sys.path": "@sys.path",
    "matplotlib.rcParams": "@matplotlib.rcparams",
    "matplotlib.pyplot.rcParams": "@matplotlib.rcparams",
    "pandas.options": "@pandas.options",
    "decimal.getcontext": "@decimal",
    "logging": "@logging",
}
"""Library objects (and what is below them) that hold state: a store into one changes the state."""

IMMUTABLE_BUILTINS = _names(
    "abs all any ascii bin bool bytes callable chr complex divmod float format hasattr hash hex "
    "id int isinstance issubclass len oct ord pow print range repr slice str type display "
    "help super property classmethod staticmethod"
)
CONTAINER_BUILTINS = {
    "list": Kind.LIST,
    "tuple": Kind.TUPLE,
    "set": Kind.SET,
    "frozenset": Kind.SET,
    "dict": Kind.DICT,
    "sorted": Kind.LIST,
    "bytearray": Kind.LIST,
    "reversed": Kind.ITERATOR,
    "enumerate": Kind.ITERATOR,
    "zip": Kind.ITERATOR,
    "map": Kind.ITERATOR,
    "filter": Kind.ITERATOR,
    "iter": Kind.ITERATOR,
}
SHARING_BUILTINS = _names("sum min max round getattr memoryview")
OPAQUE_BUILTINS = _names("globals locals vars dir compile __import__ breakpoint")

_PURE_ROOTS = _names(
    "numpy scipy pandas sklearn matplotlib mpl_toolkits seaborn math cmath statistics json re "
    "itertools functools collections copy os pathlib time datetime calendar string textwrap "
    "pprint operator typing dataclasses enum abc fractions decimal hashlib base64 zlib gzip "
    "pickle joblib csv io glob shutil platform sys warnings logging random uuid secrets tempfile "
    "IPython tqdm tabulate inspect types contextlib numbers struct bisect heapq argparse gc "
    "traceback unicodedata difflib html urllib locale getpass collections zoneinfo pytz dateutil "
    "statsmodels xgboost lightgbm plotly PIL yaml requests torch pyarrow polars"
)
_VIEWS = _names(
    "asarray ascontiguousarray asfortranarray asanyarray ravel reshape transpose squeeze "
    "expand_dims swapaxes moveaxis broadcast_to atleast_1d atleast_2d atleast_3d split "
    "array_split hsplit vsplit diagonal real imag nditer flip fliplr flipud rot90 rollaxis"
)
_IMMUTABLE_ROOTS = _names("math cmath statistics time calendar hashlib platform html unicodedata")
_RANDOM_NO_DRAW = _names(
    "default_rng Generator RandomState SeedSequence PCG64 MT19937 Philox SFC64 get_state Random "
    "SystemRandom getstate BitGenerator"
)


def _table() -> dict[str, CallFacts]:
    first = CallFacts(changes=(0,))
    shares = CallFacts(result=Result.SHARES)
    contains = CallFacts(result=Result.CONTAINS)
    handle = CallFacts(kind=Kind.HANDLE)
    table = {
        **dict.fromkeys(
            (
                "numpy.copyto numpy.place numpy.put numpy.putmask numpy.fill_diagonal "
                "numpy.put_along_axis heapq.heappush heapq.heappop heapq.heapify "
                "heapq.heapreplace heapq.heappushpop bisect.insort bisect.insort_left "
                "bisect.insort_right operator.setitem operator.delitem operator.iadd"
            ).split(),
            first,
        ),
        "copy.deepcopy": CallFacts(),
        "copy.copy": contains,
        "numpy.array": CallFacts(kind=Kind.ARRAY),
        "collections.defaultdict": CallFacts(kind=Kind.DICT, result=Result.CONTAINS),
        "collections.OrderedDict": CallFacts(kind=Kind.DICT, result=Result.CONTAINS),
        "collections.Counter": CallFacts(kind=Kind.DICT, result=Result.CONTAINS),
        "collections.namedtuple": CallFacts(kind=Kind.CLASS),
        "types.SimpleNamespace": contains,
        "functools.partial": contains,
        "functools.reduce": shares,
        "sklearn.model_selection.train_test_split": CallFacts(draws_from="@numpy.random"),
        **dict.fromkeys(
            (
                "scipy.optimize.differential_evolution scipy.optimize.dual_annealing "
                "scipy.optimize.basinhopping scipy.stats.bootstrap scipy.stats.permutation_test "
                "scipy.sparse.random sklearn.datasets.make_classification "
                "sklearn.datasets.make_regression sklearn.datasets.make_blobs "
                "sklearn.datasets.make_moons sklearn.datasets.make_circles"
            ).split(),
            CallFacts(draws_from="@numpy.random"),
        ),
        "sklearn.utils.shuffle": CallFacts(draws_from="@numpy.random"),
        "sklearn.utils.resample": CallFacts(draws_from="@numpy.random"),
        "random.seed": CallFacts(state="@random", sets_state_anew=True),
        "random.setstate": CallFacts(state="@random", sets_state_anew=True),
        "random.Random": CallFacts(kind=Kind.RANDOM),
        "random.shuffle": CallFacts(changes=(0,), draws_from="@random"),
        "numpy.random.seed": CallFacts(state="@numpy.random", sets_state_anew=True),
        "numpy.random.set_state": CallFacts(state="@numpy.random", sets_state_anew=True),
        "numpy.random.shuffle": CallFacts(changes=(0,), draws_from="@numpy.random"),
        "numpy.random.default_rng": CallFacts(kind=Kind.RANDOM),
        "numpy.random.RandomState": CallFacts(kind=Kind.RANDOM),
        "torch.manual_seed": CallFacts(state="@torch", sets_state_anew=True),
        "os.chdir": CallFacts(state="@cwd"),
        "os.putenv": CallFacts(state="@environ"),
        "os.getpid": TAINTED,
        "os.urandom": TAINTED,
        "os.getcwd": IMMUTABLE_RESULT,
        "uuid.uuid1": TAINTED,
        "uuid.uuid4": TAINTED,
        "numpy.set_printoptions": CallFacts(state="@numpy.printoptions"),
        "numpy.seterr": CallFacts(state="@numpy.errstate"),
        "sklearn.set_config": CallFacts(state="@sklearn.config"),
        "time.tzset": CallFacts(state="@environ"),
        "locale.setlocale": CallFacts(state="@locale"),
        "decimal.setcontext": CallFacts(state="@decimal"),
        "logging.basicConfig": CallFacts(state="@logging"),
        "logging.disable": CallFacts(state="@logging"),
        "threading.Lock": handle,
        "threading.RLock": handle,
        "threading.Thread": handle,
        "threading.Event": handle,
        "socket.socket": handle,
        "sqlite3.connect": handle,
        "joblib.dump": CallFacts(),
        "joblib.load": CallFacts(),
        "numpy.save": CallFacts(),
        "numpy.savez": CallFacts(),
        "numpy.savez_compressed": CallFacts(),
        "numpy.savetxt": CallFacts(),
        "numpy.load": CallFacts(kind=Kind.ARRAY),
        "numpy.loadtxt": CallFacts(kind=Kind.ARRAY),
        "numpy.genfromtxt": CallFacts(kind=Kind.ARRAY),
        "numpy.fromfile": CallFacts(kind=Kind.ARRAY),
        "matplotlib.pyplot.savefig": CallFacts(),
        "matplotlib.pyplot.imread": CallFacts(kind=Kind.ARRAY),
        "os.listdir": CallFacts(kind=Kind.LIST),
        "os.scandir": CallFacts(),
        "os.walk": CallFacts(kind=Kind.GENERATOR),
        "os.path.exists": CallFacts(kind=Kind.IMMUTABLE),
        "os.path.isfile": CallFacts(kind=Kind.IMMUTABLE),
        "os.path.isdir": CallFacts(kind=Kind.IMMUTABLE),
        "os.path.getsize": CallFacts(kind=Kind.IMMUTABLE),
        "glob.glob": CallFacts(kind=Kind.LIST),
        "shutil.copy": CallFacts(),
        "shutil.copyfile": CallFacts(),
        "shutil.copy2": CallFacts(),
        "shutil.copytree": CallFacts(),
        "shutil.move": CallFacts(),
        "os.rename": CallFacts(),
        "os.replace": CallFacts(),
        "io.open": CallFacts(kind=Kind.FILE),
        "gzip.open": CallFacts(kind=Kind.FILE),
    }
    table.update(
        dict.fromkeys(
            (
                "os.remove os.unlink os.mkdir os.makedirs os.rmdir shutil.rmtree "
                "shutil.make_archive"
            ).split(),
            CallFacts(),
        )
    )
    for state, functions in {
        "@pandas.options": "pandas.set_option pandas.reset_option",
        "@matplotlib.rcparams": (
            "matplotlib.rc matplotlib.rcdefaults matplotlib.style.use matplotlib.pyplot.rc "
            "matplotlib.pyplot.style.use matplotlib.pyplot.rcdefaults seaborn.set "
            "seaborn.set_theme seaborn.set_style seaborn.set_palette seaborn.set_context "
            "matplotlib.rcParams.update matplotlib.pyplot.rcParams.update "
            "matplotlib.pyplot.set_cmap"
        ),
        "@warnings.filters": (
            "warnings.filterwarnings warnings.simplefilter warnings.resetwarnings"
        ),
    }.items():
        table.update(dict.fromkeys(functions.split(), CallFacts(state=state)))
    return table


_EXACT = _table()
_TAINTED = _names(
    "time.time time.time_ns time.perf_counter time.perf_counter_ns time.monotonic "
    "time.process_time time.localtime time.gmtime time.ctime time.strftime "
    "datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today datetime.date.today "
    "pandas.Timestamp.now pandas.Timestamp.today pandas.Timestamp.utcnow pandas.to_datetime.now"
)
_TAINTED_ROOTS = _names("secrets tempfile getpass requests urllib.request")
_ESTIMATOR_ROOTS = _names("sklearn xgboost lightgbm catboost")


@lru_cache(maxsize=4096)
def library_call(dotted: str) -> CallFacts | None:
    """Return what is known of calling ``dotted`` ("numpy.sum"), None when nothing is."""
    if dotted in _EXACT:
        return _EXACT[dotted]
    root, _, rest = dotted.partition(".")
    last = dotted.rpartition(".")[2]
    if dotted in _TAINTED or any(dotted.startswith(r + ".") for r in _TAINTED_ROOTS):
        return CallFacts(is_tainted=True)
    if not rest or root not in _PURE_ROOTS:
        return CallFacts(result=Result.CONTAINS) if last[:1].isupper() else None
    if root == "random" and last not in _RANDOM_NO_DRAW:
        return CallFacts(kind=Kind.IMMUTABLE, draws_from="@random")
    if dotted.startswith("numpy.random.") and last not in _RANDOM_NO_DRAW:
        return CallFacts(kind=Kind.ARRAY, draws_from="@numpy.random")
    return _by_root(root, last, dotted)


_BY_PACKAGE = {
    "sklearn.metrics": CallFacts(kind=Kind.ARRAY),
    "sklearn.datasets": CallFacts(kind=Kind.FRAME),
    "sklearn.preprocessing": CallFacts(result=Result.CONTAINS),
    "sklearn.utils": CallFacts(result=Result.CONTAINS),
    "os.path": IMMUTABLE_RESULT,
}
_BY_ROOT = {
    "sklearn": CallFacts(draws_from="@numpy.random", result=Result.CONTAINS),
    "torch": CallFacts(draws_from="@torch", result=Result.SHARES),
    "pathlib": IMMUTABLE_RESULT,
    "matplotlib": CallFacts(kind=Kind.FIGURE, result=Result.CONTAINS),
    "seaborn": CallFacts(kind=Kind.FIGURE, result=Result.CONTAINS),
    "itertools": CallFacts(kind=Kind.ITERATOR, result=Result.CONTAINS),
    **dict.fromkeys(_IMMUTABLE_ROOTS, IMMUTABLE_RESULT),
}


def _by_root(root: str, last: str, dotted: str) -> CallFacts:
    if root == "numpy":
        result = Result.SHARES if last in _VIEWS else Result.FRESH
        return CallFacts(kind=Kind.ARRAY, result=result)
    if root == "pandas":
        return CallFacts(kind=Kind.FRAME, result=Result.CONTAINS)
    if root in _ESTIMATOR_ROOTS and last[:1].isupper():
        return CallFacts(kind=Kind.ESTIMATOR, result=Result.CONTAINS)
    package = ".".join(dotted.split(".")[:2])
    return _BY_PACKAGE.get(package) or _BY_ROOT.get(root, CallFacts(result=Result.CONTAINS))


_MUTATORS = {
    Kind.LIST: _names("append extend insert remove pop clear sort reverse __setitem__ __delitem__"),
    Kind.DICT: _names("update pop popitem clear setdefault subtract move_to_end __setitem__"),
    Kind.SET: _names(
        "add discard remove pop clear update difference_update intersection_update "
        "symmetric_difference_update"
    ),
    Kind.ARRAY: _names("sort fill put resize itemset partition setflags setfield"),
    Kind.FRAME: _names("insert pop update isetitem __setitem__ set_flags"),
    Kind.ESTIMATOR: _names(
        "fit fit_transform fit_predict fit_resample partial_fit set_params set_output __setstate__ "
        "set_fit_request load_model update"
    ),
}
_PURE_KINDS = frozenset({Kind.IMMUTABLE, Kind.TUPLE})
_ANY_METHOD_CHANGES = frozenset(
    {Kind.RANDOM, Kind.ITERATOR, Kind.GENERATOR, Kind.FILE, Kind.HANDLE, Kind.FIGURE}
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
_VIEW_METHODS = _names(
    "reshape ravel transpose squeeze swapaxes view diagonal astype to_numpy head tail xs get "
    "groupby rolling resample expanding ewm iterrows itertuples items pipe set_axis take "
    "infer_objects rename set_flags truncate align pop"
)
_PLOTS = _names(
    "plot bar barh line scatter hist pie box boxplot kde density area hexbin imshow violinplot"
)
_SETTERS = re.compile(
    r"(set_|enable_|disable_|register_|patch_)\w+|use|seed|seterr\w*|setcheckinterval|"
    r"setswitchinterval|setdefaulttimeout|setrecursionlimit|configure|login|install|"
    r"set[A-Z]\w+"
)


def sets_library_up(dotted: str) -> bool:
    """Tell whether a library function seems to change the library for all later code.

    Those whose state travels (``STATES``) are left out.
    """
    root, _, rest = dotted.partition(".")
    known = _EXACT.get(dotted)
    last = rest.rpartition(".")[2]
    has_state = known is not None and known.state is not None
    return bool(_SETTERS.fullmatch(last)) and root != "builtins" and not has_state


def mutator_names(kind: Kind) -> frozenset[str] | None:
    """Return the names of the methods of ``kind`` that change it; None when any method may."""
    if kind in _PURE_KINDS:
        return frozenset()
    return None if kind in _ANY_METHOD_CHANGES else _MUTATORS.get(kind)


def is_pure_method(name: str) -> bool:
    """Tell whether ``name`` changes nothing in every common class that has such a method."""
    return name in _PURE_METHODS


def gives_view(name: str) -> bool:
    """Tell whether a method of an array or a frame may return a view of it, or keep it."""
    return name in _VIEW_METHODS


def draws_plot(name: str) -> bool:
    """Tell whether a method of data, or of its ``plot`` accessor, returns axes."""
    return name in _PLOTS


def fits_estimator(name: str) -> bool:
    """Tell whether ``name`` trains its object and leaves the training data alone."""
    return name in _MUTATORS[Kind.ESTIMATOR] and name.startswith(("fit", "partial_fit"))


_DETERMINISTIC = _names(
    "LinearRegression Ridge RidgeCV StandardScaler MinMaxScaler MaxAbsScaler RobustScaler "
    "Normalizer Binarizer OneHotEncoder OrdinalEncoder LabelEncoder LabelBinarizer SimpleImputer "
    "KNeighborsClassifier KNeighborsRegressor NearestNeighbors GaussianNB MultinomialNB "
    "BernoulliNB ComplementNB PolynomialFeatures CountVectorizer TfidfVectorizer "
    "TfidfTransformer FunctionTransformer VarianceThreshold LinearDiscriminantAnalysis "
    "QuadraticDiscriminantAnalysis KBinsDiscretizer PowerTransformer"
)


def draws_when_fitted(dotted: str | None) -> bool:
    """Tell whether an estimator class without ``random_state`` may draw from numpy's generator."""
    return dotted is None or dotted.rpartition(".")[2] not in _DETERMINISTIC
