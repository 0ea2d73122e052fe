"""On what machine, and with which build of llama.cpp, a model runs: what may change the last digits."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from study.llm.model import engine_versions


def machine() -> dict[str, str]:
    """Return the processor, the operating system and the build of llama.cpp.

    llama.cpp adds and multiplies with what the processor offers, so the same model file may answer with other
    last digits elsewhere. `llama_cpp` names the parts that this build uses here.

    Returns
    -------
    dict
        processor, system, packages (with versions) and llama_cpp (its version and the processor's parts that
        it uses), as words.
    """
    import llama_cpp

    parts = llama_cpp.llama_print_system_info().decode("utf-8", errors="replace")
    used = [part.partition("=")[0].strip() for part in parts.split("|") if part.strip().endswith("= 1")]
    version = getattr(llama_cpp, "llama_version", None)
    build = [version().decode("utf-8", errors="replace")] if version else []
    return {
        "processor": _processor(),
        "system": platform.platform(),
        "packages": ", ".join(f"{name} {number}" for name, number in sorted(engine_versions().items())),
        "llama_cpp": " ".join([*build, *used]),
    }


def _processor() -> str:
    """Return the processor's name; Python itself knows it on few systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name" and value.strip():
            return f"{value.strip()} ({platform.machine()})"
    try:
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        said = ""
    name = said or platform.processor()
    return f"{name} ({platform.machine()})" if name and name != platform.machine() else platform.machine()
