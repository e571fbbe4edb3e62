"""Build the component: `python build.py`, with the packages of requirements.txt installed. No network."""

import pathlib
import shutil
import sys
import tempfile

import componentize_py

here = pathlib.Path(__file__).resolve().parent

# Built from a copy: importing the plugin leaves a `__pycache__` beside it, and tests have no place in it.
with tempfile.TemporaryDirectory() as work:
    for module in ["logic.py", "plugin.py"]:
        shutil.copy(here / module, work)
    sys.argv = [
        "componentize-py",
        "--quiet",
        *("--wit-path", str(here / "wit")),
        *("--world", "pure-tool"),
        "componentize",
        *("--python-path", work),
        *("--output", str(here / "{{name}}.component")),
        "plugin",
    ]
    status = componentize_py.script()
sys.exit(status)
