"""What is known about builtins and libraries: what a call changes, returns, reads and writes.

Whatever is not listed is taken for a call that may change and keep everything it is given. A
wrong entry here can make a pipeline differ from its notebook, so only documented behaviour is
listed: numpy, pandas, scikit-learn and matplotlib leave their arguments alone unless named.
"""

import re
import sys
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from kernelpipe.analysis.handles import HANDLES
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

PARTIAL = "functools.partial"
"""What it makes holds, as its items, the function and the positional arguments."""


def state_of(dotted: str | None) -> str | None:
    """Return the hidden state that the library object ``dotted`` holds, None if it holds none."""
    for prefix, state in STATE_OBJECTS.items():
        if dotted is not None and (dotted == prefix or dotted.startswith(prefix + ".")):
            return state
    return None


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
    "array_split hsplit vsplit dsplit diagonal diag real imag nditer flip fliplr flipud rot90 "
    "rollaxis as_strided sliding_window_view broadcast_arrays require asmatrix matrix frombuffer "
    "einsum permute_dims matrix_transpose unstack trim_zeros real_if_close asarray_chkfinite"
)
_NEW_FRAMES = _names(
    "crosstab pivot_table get_dummies from_dummies melt lreshape wide_to_long cut qcut factorize "
    "isna isnull notna notnull date_range bdate_range period_range timedelta_range interval_range "
    "merge_asof merge_ordered value_counts unique read_csv read_table read_fwf read_excel "
    "read_json read_html read_xml read_parquet read_feather read_orc read_sql read_sql_query "
    "read_sql_table"
)
"""Functions of pandas that give new data, whatever they are told."""
_IMMUTABLE_ROOTS = _names("math cmath statistics time calendar hashlib platform html unicodedata")
_RANDOM_NO_DRAW = _names(
    "default_rng Generator RandomState SeedSequence PCG64 MT19937 Philox SFC64 Random "
    "SystemRandom BitGenerator"
)


MAPPING = frozenset(
    "builtins.map builtins.filter functools.reduce itertools.starmap itertools.accumulate".split()
)
"""Functions that call their first argument with parts of the others."""
LOADERS = _names(
    "pickle.load pickle.loads joblib.load pandas.read_pickle dill.load dill.loads torch.load "
    "cloudpickle.load cloudpickle.loads pickle.Unpickler shelve.open"
)
"""Functions that make objects from files, which may name the notebook's functions and classes."""
DUMPERS = _names("pickle.dump pickle.dumps joblib.dump")
"""Functions that write such files."""
CHANGED_KEYWORDS = _names("dst arr a x out fp file stream")
"""What functions call the argument that they change."""


def _table() -> dict[str, CallFacts]:
    first = CallFacts(changes=(0,))
    shares = CallFacts(result=Result.SHARES)
    contains = CallFacts(result=Result.CONTAINS)
    table = {
        **dict.fromkeys(
            (
                "numpy.copyto numpy.place numpy.put numpy.putmask numpy.fill_diagonal "
                "numpy.put_along_axis heapq.heappush heapq.heapify bisect.insort "
                "bisect.insort_left bisect.insort_right operator.setitem operator.delitem"
            ).split(),
            first,
        ),
        **dict.fromkeys(
            (
                "operator.iadd operator.iand operator.iconcat operator.ifloordiv operator.ilshift "
                "operator.imatmul operator.imod operator.imul operator.ior operator.ipow "
                "operator.irshift operator.isub operator.itruediv operator.ixor "
                "heapq.heappop heapq.heapreplace heapq.heappushpop"
            ).split(),
            CallFacts(changes=(0,), result=Result.SHARES),
        ),
        **dict.fromkeys(("io.StringIO", "io.BytesIO"), CallFacts(kind=Kind.BUFFER)),
        **dict.fromkeys(("json.dump", "pickle.dump", "yaml.dump"), CallFacts(changes=(1,))),
        **dict.fromkeys(
            "json.load pickle.load dill.load cloudpickle.load".split(),
            CallFacts(changes=(0,), result=Result.CONTAINS),
        ),
        "copy.deepcopy": CallFacts(),
        "copy.copy": contains,
        **dict.fromkeys(
            (
                "sklearn.pipeline.make_pipeline sklearn.pipeline.make_union "
                "sklearn.compose.make_column_transformer"
            ).split(),
            CallFacts(kind=Kind.ESTIMATOR, result=Result.CONTAINS),
        ),
        "sklearn.base.clone": contains,
        "numpy.array": CallFacts(kind=Kind.ARRAY),
        "collections.defaultdict": CallFacts(kind=Kind.DICT, result=Result.CONTAINS),
        "collections.OrderedDict": CallFacts(kind=Kind.DICT, result=Result.CONTAINS),
        "collections.Counter": CallFacts(kind=Kind.DICT, result=Result.CONTAINS),
        "collections.namedtuple": CallFacts(kind=Kind.CLASS),
        "types.SimpleNamespace": contains,
        PARTIAL: contains,
        "functools.reduce": shares,
        "itertools.accumulate": shares,
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
        **dict.fromkeys(
            ("seaborn.stripplot", "seaborn.catplot", "seaborn.regplot"),
            CallFacts(kind=Kind.FIGURE, draws_from="@numpy.random"),
        ),
        **dict.fromkeys(("numpy.vectorize", "numpy.frompyfunc"), contains),
        "sklearn.utils.shuffle": CallFacts(draws_from="@numpy.random"),
        "sklearn.utils.resample": CallFacts(draws_from="@numpy.random"),
        "random.seed": CallFacts(state="@random", sets_state_anew=True),
        "random.setstate": CallFacts(state="@random", sets_state_anew=True),
        "random.choice": CallFacts(draws_from="@random", result=Result.SHARES),
        "random.choices": CallFacts(draws_from="@random", result=Result.SHARES, kind=Kind.LIST),
        "random.sample": CallFacts(draws_from="@random", result=Result.SHARES, kind=Kind.LIST),
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
        "dotenv.load_dotenv": CallFacts(kind=Kind.IMMUTABLE, state="@environ"),
        "site.addsitedir": CallFacts(state="@sys.path"),
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
        **dict.fromkeys(HANDLES, CallFacts(kind=Kind.HANDLE, result=Result.CONTAINS)),
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


def is_known_library(root: str) -> bool:
    """Tell whether ``root`` is a module of the standard library, or a library known here."""
    return root in _PURE_ROOTS or root in sys.stdlib_module_names


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


_OUT = {
    1: _names(
        "abs absolute fabs sign sqrt cbrt square exp exp2 expm1 log log2 log10 log1p sin cos tan "
        "sinh cosh tanh arcsin arccos arctan floor ceil trunc rint negative positive reciprocal "
        "conj conjugate invert logical_not isnan isfinite isinf deg2rad rad2deg degrees radians"
    ),
    2: _names(
        "add subtract multiply divide true_divide floor_divide mod remainder fmod power "
        "float_power maximum minimum fmax fmin hypot arctan2 logaddexp matmul dot outer "
        "bitwise_and bitwise_or bitwise_xor left_shift right_shift logical_and logical_or "
        "logical_xor equal not_equal less less_equal greater greater_equal copysign around round "
        "max min amax amin argmax argmin all any"
    ),
    3: _names("clip sum prod mean cumsum cumprod take choose median std var"),
}
"""Place of the argument that results are written to -> functions of numpy."""


def _by_numpy(last: str, dotted: str) -> CallFacts:
    if last in ("at", "setfield") or last == "nan_to_num":
        return CallFacts(kind=Kind.ARRAY, changes=(0,), result=Result.SHARES)
    shares = last in _VIEWS or dotted.startswith("numpy.ma.")
    return CallFacts(
        kind=Kind.ARRAY,
        changes=tuple(place for place, names in _OUT.items() if last in names),
        result=Result.SHARES if shares else Result.FRESH,
    )


def _by_root(root: str, last: str, dotted: str) -> CallFacts:
    if last == "rvs" and root == "scipy":
        return CallFacts(kind=Kind.ARRAY, draws_from="@numpy.random")
    if root == "numpy":
        return _by_numpy(last, dotted)
    if root == "pandas":
        result = Result.FRESH if last in _NEW_FRAMES else Result.CONTAINS
        return CallFacts(kind=Kind.FRAME, result=result)
    if root in _ESTIMATOR_ROOTS and last[:1].isupper():
        return CallFacts(kind=Kind.ESTIMATOR, result=Result.CONTAINS)
    package = ".".join(dotted.split(".")[:2])
    return _BY_PACKAGE.get(package) or _BY_ROOT.get(root, CallFacts(result=Result.CONTAINS))


_SETTERS = re.compile(
    r"(set_|enable_|disable_|register_|patch_|switch_)\w+|use|seed|seterr\w*|setcheckinterval|"
    r"setswitchinterval|setdefaulttimeout|setrecursionlimit|configure|login|install|"
    r"set[A-Z]\w+"
)
_SETTING = frozenset(
    "signal.signal mimetypes.add_type copyreg.pickle urllib.request.install_opener os.umask "
    "csv.field_size_limit weakref.finalize".split()
)
"""Functions that set something for all later code, though their names do not look like it."""


_FILLERS = {
    **dict.fromkeys("append extend remove appendleft".split(), (1,)),
    **dict.fromkeys("insert setdefault".split(), (2,)),
    "update": (0, 1),
    "pop": (0, 1, 2),
    "popitem": (0,),
    "clear": (0,),
}
"""What changes a list or a dict -> how many positional arguments it takes."""


def fills_library(dotted: str, count: int) -> bool:
    """Tell whether a call changes a list or dict of a library, as ``sys.argv.append(x)`` does.

    Args:
        dotted: What is called.
        count: How many positional arguments it is given.
    """
    root, *inner, method = dotted.split(".")
    is_data = bool(inner) and not inner[-1][:1].isupper()
    return is_data and count in _FILLERS.get(method, ()) and is_known_library(root)


def sets_library_up(dotted: str) -> bool:
    """Tell whether a library function seems to change the library for all later code.

    Those whose state travels (``AMBIENT``, ``GENERATORS``) are left out.
    """
    root, _, rest = dotted.partition(".")
    known = _EXACT.get(dotted)
    last = rest.rpartition(".")[2]
    has_state = known is not None and known.state is not None
    if root == "tqdm" and last == "pandas":
        return True
    is_setter = bool(_SETTERS.fullmatch(last)) or dotted in _SETTING
    return is_setter and root != "builtins" and not has_state
