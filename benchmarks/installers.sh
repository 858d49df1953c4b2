#!/usr/bin/env bash
# Seconds that pip and uv take for the pinned packages of the forks, mmcv left out, each in a new environment.
#
#     benchmarks/installers.sh [SCRATCH]
#
# In turn: uv with an empty cache of its own, pip, uv with its cache filled, pip. What pip is configured with, uv must be
# told by its own variables (tools/setup/setup_env.py does).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scratch=${1:-$(mktemp -d)}
export UV_CACHE_DIR=$scratch/cache UV_INDEX_STRATEGY=unsafe-best-match PIP_DISABLE_PIP_VERSION_CHECK=1
pins=$scratch/pins.txt first=$scratch/first.txt
grep -hvE '^#|mmcv' tools/setup/locks/common.txt tools/setup/locks/forks.txt > "$pins"
grep -E '^(setuptools|wheel|packaging|click)==' "$pins" > "$first"
for tool in uv pip uv pip; do
    rm -rf "$scratch/env"
    python3.11 -m venv "$scratch/env"
    "$scratch/env/bin/python" -m pip install -q --no-deps "$(grep '^uv==' "$pins")" 2> /dev/null
    command=("$scratch/env/bin/python" -m $tool)
    [ $tool = uv ] && command+=(pip)
    command+=(install -q --no-deps)
    start=$(date +%s.%N)
    "${command[@]}" -r "$first" 2> /dev/null
    "${command[@]}" --no-build-isolation -r "$pins" 2> /dev/null
    echo "$tool $(date +%s.%N) $start" | awk '{printf "%s: %.1f s\n", $1, $2 - $3}'
done
rm -rf "$scratch/env" "$UV_CACHE_DIR"
