"""Calls by which a file could run code do not occur in the package's syntax trees."""

import ast
from pathlib import Path

import pytest

import wordgate

SOURCE = Path(wordgate.__file__).parent

FORBIDDEN_MODULES = {
    "pickle": "unpickling runs what the file says",
    "_pickle": "unpickling runs what the file says",
    "cPickle": "unpickling runs what the file says",
    "dill": "unpickling runs what the file says",
    "cloudpickle": "unpickling runs what the file says",
    "joblib": "its files are pickles",
    "shelve": "its files are pickles",
    "marshal": "it loads compiled code",
    "code": "it runs strings",
    "runpy": "it runs files",
    "imp": "it imports files by their paths",
}
FORBIDDEN_CALLS = {
    "eval": "it runs a string",
    "exec": "it runs a string",
    "compile": "it makes code of a string",
    "__import__": "it imports what a string says",
}
FORBIDDEN_METHODS = {
    ("torch", "load"): "its files are pickles",
    ("torch.jit", "load"): "its files hold code",
    ("torch.hub", "load"): "it runs a repository's code",
    ("np", "fromregex"): "it is for trusted text",
    ("pd", "read_pickle"): "its files are pickles",
    ("pandas", "read_pickle"): "its files are pickles",
    ("yaml", "load"): "it makes any object",
    ("yaml", "unsafe_load"): "it makes any object",
    ("os", "system"): "it runs a command",
    ("os", "popen"): "it runs a command",
    ("importlib.util", "spec_from_file_location"): "it imports a file by its path",
    ("zipfile.ZipFile", "extractall"): "names in an archive lead out of the folder",
}
FORBIDDEN_METHODS_OF_ANY = {
    "extractall": "names in an archive lead out of the folder",
    "unpack_archive": "names in an archive lead out of the folder",
    "read_pickle": "its files are pickles",
    "to_pickle": "its files are pickles",
}
FORBIDDEN_KEYWORDS = {
    ("trust_remote_code", True): "it runs a repository's code",
    ("allow_pickle", True): "unpickling runs what the file says",
    ("weights_only", False): "unpickling runs what the file says",
    ("shell", True): "a name in a command becomes a command",
    ("use_safetensors", False): "the other weights are pickles",
}


def offences(tree):
    """Name what a module's syntax tree does that lets files run code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _imported(node, alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield from _imported(node, node.module or "")
            for alias in node.names:
                yield from _method(node, f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Call):
            yield from _called(node)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                yield from _keyword(node, getattr(key, "value", None), value)


def _imported(node, name):
    if (module := name.partition(".")[0]) in FORBIDDEN_MODULES:
        yield node.lineno, f"imports {module}: {FORBIDDEN_MODULES[module]}"


def _called(node):
    called = ast.unparse(node.func)
    if called in FORBIDDEN_CALLS:
        yield node.lineno, f"calls {called}: {FORBIDDEN_CALLS[called]}"
    yield from _method(node, called)
    for keyword in node.keywords:
        yield from _keyword(node, keyword.arg, keyword.value)


def _method(node, called):
    owner, _, method = called.rpartition(".")
    why = FORBIDDEN_METHODS.get((owner, method))
    if owner:
        why = why or FORBIDDEN_METHODS_OF_ANY.get(method)
    if why:
        yield node.lineno, f"calls {called}: {why}"


def _keyword(node, name, value):
    why = FORBIDDEN_KEYWORDS.get((name, getattr(value, "value", None)))
    if why:
        yield node.lineno, f"says {name}={value.value}: {why}"


def test_no_module_of_the_package_lets_files_run_code():
    modules = sorted(SOURCE.rglob("*.py"))
    assert len(modules) > 100
    found = [
        f"{file.relative_to(SOURCE).as_posix()}: {what}"
        for file in modules
        for _, what in offences(ast.parse(file.read_text(encoding="utf-8")))
    ]
    # Processes of a training exchange objects through memory and files that no path names.
    assert found == [
        f"{file}: imports pickle: unpickling runs what the file says"
        for file in ("runtime/processes.py", "training/local_group.py")
    ]


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from joblib import load", "import shelve as s", "eval(x)", "torch.load(f)",
     "from torch import load", "np.load(f, allow_pickle=True)", "f(trust_remote_code=True)",
     "{'trust_remote_code': True}", "exec('x')", "archive.extractall()", "run(c, shell=True)"],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(code):
    assert list(offences(ast.parse(code)))


def test_the_search_passes_over_what_is_harmless():
    harmless = "model.eval()\nre.compile('x')\nf(trust_remote_code=False)\nparquet.load(x)"
    assert list(offences(ast.parse(harmless))) == []
