#!/usr/bin/env bash
# What a machine without a network lacks beside torch: carried there as wheels, and mmcv as source.
#
#   bash benchmarks/device_wheels.sh fetch [VERSION]       here, with an index: for Python VERSION (3.12), 17 MB
#   bash benchmarks/device_wheels.sh list                  what that is, pinned
#   bash benchmarks/device_wheels.sh install PYTHON VENV   there: VENV has these beside PYTHON's own packages
#
# Versions are those of tools/setup/locks (common.txt, forks.txt). PYTHON brings torch, torchvision, numpy,
# opencv-python-headless, scipy, scikit-learn, pandas, matplotlib, timm, einops, ninja and pytest; the machine a C++
# compiler.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
wheels=work_dirs/device_wheels
pure=(addict diffusers imaug importlib_metadata lazy-importer mat4py mlxtend model-index modelindex onedl-mmdetection
      onedl-mmengine onedl-mmpretrain ordered-set platformdirs setuptools termcolor terminaltables yapf)
compiled=(pycocotools shapely)

pinned() {
    local name
    for name in "$@"; do
        grep -h "^$name==" tools/setup/locks/{common,forks}.txt || { echo "No lock pins $name." >&2; return 1; }
    done
}

list() { pinned "${pure[@]}" "${compiled[@]}" onedl-mmcv; }

fetch() {
    local pip=("${PYTHON:-.venv/bin/python}" -m pip) quiet=(-q --no-deps --no-build-isolation)
    list >/dev/null
    rm -rf "$wheels"
    "${pip[@]}" wheel "${quiet[@]}" -w "$wheels" $(pinned "${pure[@]}")
    "${pip[@]}" download "${quiet[@]}" -d "$wheels" --only-binary :all: --python-version "${1:-3.12}" \
        --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 $(pinned "${compiled[@]}")
    "${pip[@]}" download "${quiet[@]}" -d "$wheels" --no-binary :all: $(pinned onedl-mmcv)
    du -sh "$wheels"
}

install() {
    local python venv=$2
    python=$(command -v "$1")
    # `--system-site-packages` would show what lies below PYTHON where that is itself of a virtual environment.
    "$python" -m venv --clear --without-pip "$venv"
    "$python" -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
        >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/parent.pth"
    "$venv/bin/python" -m pip install -q --no-index --no-deps --no-compile "$wheels"/*.whl
    # mmpretrain takes PYTHON's transformers 5 for what its multimodal models need, and then does not import. Where
    # PYTHON has mmpretrain already, nothing of it is in VENV.
    local file
    for file in "$venv"/lib/python*/site-packages/mmpretrain/utils/dependency.py; do
        [[ ! -f $file ]] || echo 'WITH_MULTIMODAL = False' >>"$file"
    done
    # pip finds the source of mmcv among the wheels, and ninja lies beside PYTHON; operators for a GPU that it sees
    # would take many minutes, and nothing here calls them.
    PATH=$(dirname "$python"):$PATH CUDA_VISIBLE_DEVICES= PIP_NO_INDEX=1 PIP_FIND_LINKS=$wheels MAX_JOBS=$(nproc) \
        "$venv/bin/python" tools/setup/mmcv_wheel.py "$(pinned onedl-mmcv)" --cache "$venv/mmcv"
    PYTHONPATH=. "$venv/bin/python" -c 'import dive_mmdet, mmcv.ops, mmdet.models, mmpretrain.models, diffusers.models'
}

case ${1:-} in
    list | fetch | install) "$@" ;;
    *) echo 'Say `list`, `fetch [VERSION]` or `install PYTHON VENV`.' >&2; exit 2 ;;
esac
