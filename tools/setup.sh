#!/bin/sh
# Make or refresh the virtual environment: sh tools/setup.sh [FOLDER]
set -eu
cd "$(dirname "$0")/.."
venv=${1:-.venv}

usable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1
}

python=""
for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if usable "$name"; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    echo "NDE Studio needs Python 3.11, 3.12, 3.13 or 3.14, and none was found: install one, or name it as PYTHON=/path/to/python3." >&2
    exit 1
fi

"$python" tools/system.py build qt
if ! usable "$venv/bin/python"; then
    echo "Making $venv with $("$python" --version) ..."
    "$python" -m venv --clear "$venv"
fi
echo "Installing NDE Studio and what it needs into $venv (the first time takes a few minutes) ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
"$venv/bin/python" tools/fmu_binaries.py
touch "$venv/.ready"
