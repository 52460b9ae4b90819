"""Notes what a step may depend on that cannot be watched: networks, programs, other readers."""

import ast
import ipaddress
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType, ModuleType
from typing import Any
from urllib.parse import urlsplit

from . import touched_lookups
from .touched_places import skip

_STARTERS = frozenset({"asyncio", "contextlib", "git", "os", "pty", "shlex", "subprocess"})
"""Modules that start the program which their caller names."""
_WORKERS = frozenset({"concurrent", "joblib", "loky", "multiprocess", "multiprocessing"})
_PROBING = frozenset(
    {"ctypes", "matplotlib", "mlflow", "numba", "platform", "psutil", "sysconfig", "uuid"}
)
_PROBES = frozenset(
    {
        *("arp", "cc", "dvipng", "fc-list", "file", "gcc", "git", "gs", "ifconfig", "ip", "ld"),
        *("kpsewhich", "latex", "ldconfig", "lualatex", "nvidia-smi", "objdump", "pdflatex"),
        *("sh", "sysctl", "uname", "ver", "xelatex"),
    }
)
"""Programs that these packages start to look at the system, whatever the step computes."""
_WORKER_MODULES = (
    "joblib.externals.loky.backend.popen_loky_posix",
    "loky.backend.popen_loky_posix",
    "multiprocessing.popen_forkserver",
    "multiprocessing.popen_spawn_posix",
    "multiprocessing.popen_spawn_win32",
)
"""Imported when a worker starts that is not a fork of this process."""
_WORKER_NAMES = frozenset(
    {
        *("Parallel", "Process", "ProcessPoolExecutor", "Pool", "get_context", "parallel_backend"),
        *("get_reusable_executor", "joblib", "loky", "multiprocessing", "set_start_method"),
    }
)

_ANY = re.compile(r"")
_READERS: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(
        (
            *("av", "connectorx", "cudf", "cyvcf2", "datafusion", "datasets", "dbm", "decord"),
            *("deltalake", "duckdb", "fiona", "fitsio", "fitz", "h5netcdf", "ibis", "itk"),
            *("lance", "leveldb", "librosa", "llama_cpp", "lmdb", "netCDF4", "osgeo", "plyvel"),
            *("pymupdf", "pyogrio", "pyreadr", "pyreadstat", "pysam", "rasterio", "rioxarray"),
            *("rocksdb", "safetensors", "sentencepiece", "shelve", "SimpleITK", "soundfile"),
            *("tables", "tiledb", "torchaudio", "vaex"),
        ),
        _ANY,
    ),
    "anndata": re.compile(r"read\w*|write\w*"),
    "catboost": re.compile(r"Pool|load_\w+|save_\w+"),
    "cv2": re.compile(r"im(read|write|count)\w*|Video(Capture|Writer)|FileStorage|readNet\w*|load"),
    "faiss": re.compile(r"(read|write)_\w+"),
    "fasttext": re.compile(r"load_model|train_\w+|save_model"),
    "h5py": re.compile(r"ExternalLink|Virtual(Layout|Source)|h5[a-z]|driver"),
    "geopandas": re.compile(r"read_\w+|to_file|list_layers"),
    "keras": re.compile(r"\w*(load|save|from_directory)\w*"),
    "lightgbm": re.compile(r"Dataset|Booster|load\w*|save\w*"),
    "lxml": re.compile(r"i?parse|write"),
    "onnxruntime": re.compile(r"InferenceSession"),
    "open3d": re.compile(r"(read|write)_\w+"),
    "pandas": re.compile(r"(read|to)_hdf|HDFStore|read_spss"),
    "polars": re.compile(r"(read_database|scan_delta|scan_iceberg|sql)\w*|SQLContext"),
    "pyarrow": re.compile(
        r"OSFile|memory_map|(Local|SubTree)FileSystem|open_(in|out)put_\w+|open_append_stream"
    ),
    "scanpy": re.compile(r"read\w*|write\w*"),
    "skimage": re.compile(r"imread_collection|MultiImage"),
    "tensorflow": re.compile(r"\w*(load|save|read|[Ff]ile|Dataset|checkpoint)\w*"),
    "tokenizers": re.compile(r"from_\w+|save\w*|train\w*"),
    "torch": re.compile(r"from_file|from_buffer|save|_C"),
    "transformers": re.compile(r"from_pretrained|pipeline|load_\w+|save_\w+"),
    "xarray": re.compile(r"(open|load|save)_\w+|to_(netcdf|zarr)"),
    "xgboost": re.compile(r"\w*DMatrix|load_\w+|save_\w+"),
}
"""Library -> the names by which it reads or writes files past Python's ``open``."""
_WATCHED = frozenset({"h5py", "polars", "pyarrow"})
"""Libraries of which only the rest is unseen, as long as they are as we know them."""
_CLIENTS = frozenset(
    {
        *("MySQLdb", "aiomysql", "asyncpg", "cassandra", "clickhouse_connect", "clickhouse_driver"),
        *("cx_Oracle", "elasticsearch", "grpc", "ibm_db", "kafka", "mariadb", "neo4j", "oracledb"),
        *("pg8000", "pika", "psycopg", "psycopg2", "pycurl", "pymongo", "pymssql", "pymysql"),
        *("pyodbc", "redis", "teradatasql", "zmq"),
    }
)
"""Clients of databases and servers, also on this machine, or past Python's sockets."""
_REMOTE = re.compile(
    r"\b(?:s3a?|gs|gcs|hdfs|viewfs|abfss?|az|adl|wasbs?|bigquery|clickhouse|databricks|hive|impala"
    r"|mariadb|mongodb|mssql|mysql|oracle|postgres|postgresql|presto|redis|snowflake|trino)"
    r"(?:\+\w+)?://"
)
_LOOK = re.compile(
    r"\bos\.(l?stat|access|statvfs|environb?\.(copy|items|keys|values))\b"
    r"|(\bdict\(|\*\*|\bfor\s+\w+\s+in\s+)os\.environb?\b"
)
"""Looks at files, or at all environment variables, of which there is no event."""
_WORD = re.compile(r"[^\W\d]\w*")


class Unseen:
    """Texts in the user's words: what this process did that cannot be watched."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}
        self.told: Callable[[str], None] | None = None
        self._has_host = False

    def add(self, text: str) -> None:
        """Remember a text."""
        if text not in self.texts:
            self.texts[text] = None
            if self.told is not None:
                self.told(text)

    # What audit events call; ``frame`` is the Python code that did it.

    def resolved(self, args: tuple[Any, ...], _frame: FrameType) -> None:
        """Note ``socket.getaddrinfo(host, ...)`` and ``socket.gethostbyname(host)``."""
        self._talks(args[0])

    def connected(self, args: tuple[Any, ...], _frame: FrameType) -> None:
        """Note ``socket.connect(socket, address)`` and ``socket.sendto``."""
        address = args[1]
        if isinstance(address, tuple) and address and not self._has_host:
            self._talks(address[0])

    def requested(self, args: tuple[Any, ...], _frame: FrameType) -> None:
        """Note ``urllib.Request(url, ...)``."""
        url = urlsplit(str(args[0]))
        if url.scheme != "file":
            self._talks(url.hostname)

    def _talks(self, host: object) -> None:
        if isinstance(host, bytes):
            host = host.decode(errors="replace")
        if isinstance(host, str) and not _is_loopback(host):
            self._has_host = True
            self.add(f"it talks to the network ({host})")

    def started(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``subprocess.Popen(executable, args, ...)``, ``os.posix_spawn``, ``os.exec``."""
        arguments = args[1]
        if isinstance(arguments, str | bytes | os.PathLike):
            arguments = [_first_word(os.fsdecode(arguments))]
        elif not arguments:
            arguments = [args[0]]
        self._starts(os.fsdecode(arguments[0]), arguments, frame)

    def commanded(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``os.system(command)``."""
        program = _first_word(os.fsdecode(args[0]))
        self._starts(program, [program], frame)

    def _starts(self, program: str, arguments: Iterable[Any], frame: FrameType) -> None:
        name = os.path.basename(program) or program  # noqa: PTH119 - a name, whatever it is
        starter = _starter(frame)
        if starter in _WORKERS or (name in _PROBES and starter in _PROBING):
            return
        if name in {"sh", "bash", "zsh", "cmd.exe"}:
            words = [os.fsdecode(each) for each in arguments]
            if "-c" in words[1:-1]:
                name = _first_word(words[words.index("-c") + 1])
        self.add(f"it runs another program ({name}), whose files cannot be watched")

    # At the end.

    def note_readers(self, cells: Iterable[str], namespace: Mapping[str, Any]) -> None:
        """Note what the source of cells shows that no event does.

        Args:
            cells: Their source.
            namespace: What the names in them are bound to.
        """
        for source in cells:
            words = frozenset(_WORD.findall(source))
            for library in sorted(_libraries(words, namespace)):
                names = _names_of(library)
                if names is _ANY or any(map(names.fullmatch, words)):
                    self._note_library(library)
            if not words.isdisjoint(_WORKER_NAMES):
                self._note_workers()
            self._note_looks(source)
            texts = (namespace.get(word) for word in words)
            self._note_remote(source, *(text for text in texts if isinstance(text, str)))

    def note_modules(self, sources: Iterable[str]) -> None:
        """Note what the source of local modules shows that no event does; they may be many."""
        loaded = [name for name in (*_READERS, *_CLIENTS) if name in sys.modules]
        for source in sources:
            for library in loaded:
                if library in source and _names_of(library).search(source):
                    self._note_library(library)
            if any(name in source for name in _WORKER_NAMES):
                self._note_workers()
            self._note_looks(source)
            self._note_remote(source)

    def _note_library(self, library: str) -> None:
        if library in _CLIENTS:
            self.add(f"it talks to the network or a server (with {library})")
        else:
            self.add(f"{library} reads files in a way that cannot be watched")

    def _note_workers(self) -> None:
        if any(name in sys.modules for name in _WORKER_MODULES):
            self.add("it starts workers in other processes, whose files cannot be watched")

    def _note_looks(self, source: str) -> None:
        if _LOOK.search(source):
            self.add("it looks at files or at all variables in a way that cannot be watched")

    def _note_remote(self, *texts: str) -> None:
        for text in texts:
            if found := _REMOTE.search(text):
                self.add(f"it uses a {found[0]} address, which cannot be watched")


def _names_of(library: str) -> re.Pattern[str]:
    """Return the names by which a library does what cannot be watched."""
    if library in _WATCHED and not touched_lookups.is_watched(library):
        return _ANY
    return _READERS.get(library, _ANY)


def _libraries(words: frozenset[str], namespace: Mapping[str, Any]) -> Iterator[str]:
    """Yield the libraries that words of the source stand for and that need a look."""
    for word in words:
        found = {word if word in sys.modules else ""}
        if word in namespace:
            value = namespace[word]
            name = value.__name__ if isinstance(value, ModuleType) else _module_of(value)
            found.add(name.partition(".")[0])
        yield from found & (_READERS.keys() | _CLIENTS)


def _module_of(value: object) -> str:
    for each in (value, type(value)):
        name = getattr(each, "__module__", None)
        if isinstance(name, str):
            return name
    return ""


def used_code(source: str) -> str:
    """Return the source of a setup cell without its imports, which alone use nothing."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    kept = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, kept))


def _is_loopback(host: str) -> bool:
    if host in {"", "localhost", "localhost.localdomain", "ip6-localhost", socket.gethostname()}:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _starter(frame: FrameType | None) -> str:
    """Return the package that starts a program, past what only passes its command on."""
    found = skip(frame, _STARTERS)
    return "" if found is None else str(found.f_globals.get("__name__")).partition(".")[0]


def _first_word(command: str) -> str:
    return (command.split() or ["?"])[0]
