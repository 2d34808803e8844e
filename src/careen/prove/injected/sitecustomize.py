"""Import audit: writes down what the interpreter is asked to import, and which file asked.

It is in the service's PYTHONPATH during a proof only, and hands over to the image's own sitecustomize.
One line a module and process: the module's dotted name, a tab, the file whose code asked for it.
"""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202, INP001, PLC0415, PTH100, PTH118, PTH120, S110, BLE001 - it runs with an image's Python

import os
import sys


def _audit(folder):
    seen = set()
    getframe = sys._getframe  # noqa: SLF001 - what the frame is for
    state = {"pid": None, "handle": None}

    def handle():
        if state["pid"] != os.getpid():  # the first time, and after a fork
            state["pid"] = os.getpid()
            name = os.path.join(folder, f"imports-{os.getpid()}-{os.urandom(4).hex()}")
            state["handle"] = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        return state["handle"]

    def hook(event, arguments):
        if event != "import":
            return
        name = arguments[0]
        if name in seen or not isinstance(name, str):
            return
        seen.add(name)
        try:
            frame = getframe(1)
            while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
                frame = frame.f_back
            asker = frame.f_code.co_filename if frame is not None else ""
            os.write(handle(), f"{name}\t{asker}\n".encode("utf-8", "backslashreplace"))
        except Exception:
            pass  # a proof that cannot write must not change what the service does

    sys.addaudithook(hook)


def _hand_over():
    own = os.path.dirname(os.path.abspath(__file__))
    others = [folder for folder in sys.path if os.path.abspath(folder or ".") != own]
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if os.environ.get("CAREEN_PROOF_IMPORTS"):
    _audit(os.environ["CAREEN_PROOF_IMPORTS"])
_hand_over()
