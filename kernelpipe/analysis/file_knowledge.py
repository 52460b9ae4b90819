"""Which functions and methods of libraries read and write files, and which argument says where."""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Access(Enum):
    """What a call does to a file or folder."""

    READ = "read"
    WRITE = "write"
    """Leaves nothing of what was there."""
    UPDATE = "update"
    """Needs what was there, or leaves a part of it: appends, deletes, makes a folder."""
    BESIDE = "beside"
    """Writes a file whose name begins with what is given."""
    OPEN = "open"
    """As the mode says, which is the next positional argument or called ``mode``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileArgument:
    """An argument that says where: its position, its names, and what is done there.

    ``default`` is where when it is not given (None: nowhere).
    """

    access: Access
    position: int
    keywords: tuple[str, ...]
    default: str | None = None
    suffix: str = ""
    """Added to a name that does not end with it."""


_FUNCTIONS = """
read 0 filename: joblib.load numpy.load matplotlib.pyplot.imread PIL.Image.open cv2.imread
read 0 filename: imageio.imread skimage.io.imread torch.load linecache.getline fileinput.input
read 0 fname: numpy.loadtxt numpy.genfromtxt numpy.fromfile matplotlib.image.imread
read 0 file: numpy.memmap pyarrow.parquet.read_table pyarrow.feather.read_table
read 0 path: os.scandir os.path.exists os.path.isfile os.path.isdir os.path.getsize
read 0 path: os.path.getmtime os.stat os.path.lexists
read 0 path .: os.listdir
read 0 top: os.walk
read 0 pathname: glob.glob glob.iglob
read 0 paths: pandas.ExcelFile
write 0 file .npy: numpy.save
write 0 file .npz: numpy.savez numpy.savez_compressed
write 0 fname: numpy.savetxt matplotlib.image.imsave matplotlib.pyplot.imsave skimage.io.imsave
write 0 filename: cv2.imwrite imageio.imwrite
write 0 path: pandas.ExcelWriter
write 1 filename: joblib.dump torch.save urllib.request.urlretrieve pyarrow.parquet.write_table
write 1 filename: pyarrow.feather.write_feather
update 0 path: pandas.HDFStore shelve.open os.remove os.unlink os.mkdir os.makedirs os.rmdir
update 0 path: shutil.rmtree os.chmod os.utime os.truncate os.removedirs
update 0 database: sqlite3.connect duckdb.connect
update 0 url: sqlalchemy.create_engine sqlalchemy.engine.create_engine
update 1 dst: os.symlink os.link
beside 0 fname: matplotlib.pyplot.savefig
beside 0 base_name: shutil.make_archive
read 2 root_dir .: shutil.make_archive
read 0 src: shutil.copy shutil.copyfile shutil.copy2 shutil.copytree
update 1 dst: shutil.copy shutil.copy2 shutil.copytree
write 1 dst: shutil.copyfile
update 0 src: shutil.move os.rename os.replace
update 1 dst: shutil.move os.rename os.replace
read 0 filename: shutil.unpack_archive
update 1 extract_dir .: shutil.unpack_archive
open 0 file: builtins.open io.open gzip.open bz2.open lzma.open codecs.open tarfile.open
open 0 file: zipfile.ZipFile h5py.File wave.open tarfile.TarFile
"""
_METHODS = """
write 0 path_or_buf: to_csv to_json to_string
write 0 path_or_buf: to_markdown to_html to_latex
write 0 excel_writer: to_excel
write 0 path: to_feather to_parquet to_pickle to_orc to_stata to_xml
update 0 path_or_buf: to_hdf
update 1 con: to_sql
beside 0 fname: savefig
write 0 fid: tofile
write 0 file: write_html write_image write_json
update 0 path: save_model save dump extractall.
update 1 path .: extract
"""
_OF_PATHS = {
    **dict.fromkeys(
        "read_text read_bytes exists is_file is_dir iterdir glob rglob stat".split(), Access.READ
    ),
    **dict.fromkeys("write_text write_bytes".split(), Access.WRITE),
    **dict.fromkeys("mkdir unlink touch rename rmdir replace".split(), Access.UPDATE),
}
_KEYWORDS = (
    "path path_or_buf path_or_buffer filepath_or_buffer filepath fname filename file f fp io src "
    "source dst name buf excel_writer database uri key_path"
).split()
_NO_FILES = frozenset({"read_clipboard", "read_gbq", "read_sql_table"})


def _parsed(text: str) -> dict[str, tuple[FileArgument, ...]]:
    table: dict[str, tuple[FileArgument, ...]] = {}
    for line in text.strip().splitlines():
        head, _, names = line.partition(": ")
        access, position, keyword, *more = head.split()
        argument = FileArgument(
            access=Access(access),
            position=int(position),
            keywords=(keyword, *_KEYWORDS) if int(position) == 0 else (keyword,),
            default="." if more == ["."] else None,
            suffix=more[0] if more and more != ["."] else "",
        )
        for name in names.split():
            table[name] = (*table.get(name, ()), argument)
    return table


_BY_FUNCTION = _parsed(_FUNCTIONS)
_BY_METHOD = _parsed(_METHODS.replace("extractall.", "") + "update 0 path .: extractall")
_READ_FIRST = FileArgument(access=Access.READ, position=0, keywords=tuple(_KEYWORDS))
_UPDATE_CON = FileArgument(access=Access.UPDATE, position=1, keywords=("con",))


@lru_cache(maxsize=4096)
def files_of_function(dotted: str) -> tuple[FileArgument, ...]:
    """Return the arguments of a library function that say which files it touches."""
    known = _BY_FUNCTION.get(dotted)
    if known is not None:
        return known
    if dotted.startswith(("pandas.read_", "polars.read_", "polars.scan_", "geopandas.read_")):
        name = dotted.rpartition(".")[2]
        if name.startswith("read_sql"):
            return (_UPDATE_CON,)
        return () if name in _NO_FILES else (_READ_FIRST,)
    return ()


def files_of_method(name: str) -> tuple[FileArgument, ...]:
    """Return the arguments of a method, of whatever object, that say which files it touches."""
    return _BY_METHOD.get(name, ())


def access_of_path(name: str) -> Access | None:
    """Return what a method of a path does to the file there, None when it touches none."""
    return _OF_PATHS.get(name)
