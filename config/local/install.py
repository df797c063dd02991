"""Creates `.venv` and installs one lock file into it, unless that lock is already installed.

Run by the system's Python before anything is installed, so it uses the standard library alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# A lock holds everything of the locks named beside it: installing it installs those too.
CONTAINS = {"requirements-dev.txt": ("requirements-local.txt",)}


def say(line: str, end: str = "\n") -> None:
    sys.stdout.write(line + end)
    sys.stdout.flush()


def stamp(lock: str) -> Path:
    return VENV / f"installed-{lock}"


def digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def is_installed(lock: str) -> bool:
    return PYTHON.exists() and stamp(lock).exists() and stamp(lock).read_text() == digest(lock)


def has_pip() -> bool:
    if not PYTHON.exists():
        return False
    return subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0


def create_venv() -> None:
    """A `.venv` with a working pip; a broken or half-made one is replaced."""
    if has_pip():
        return
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(
            "This Python has no venv module. Install it and try again; "
            f"on Debian or Ubuntu: apt-get install python{version}-venv"
        )
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def install(lock: str) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    result = subprocess.run([*command, "--no-input", "--require-hashes", "-r", str(ROOT / lock)])
    if result.returncode:
        sys.exit(f"Installing {lock} failed; pip says why above. Try again: what is done is kept.")
    for name in (lock, *CONTAINS.get(lock, ())):
        stamp(name).write_text(digest(name))


def main(lock: str) -> None:
    if is_installed(lock):
        return
    say(f"Installing {lock} into .venv ...", end=" ")
    started = time.monotonic()
    create_venv()
    install(lock)
    say(f"{time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1])
