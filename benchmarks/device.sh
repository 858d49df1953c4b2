#!/usr/bin/env bash
# What a GPU makes of this project, in at most ten minutes on a bare machine without a network: docs/device.md.
#
#   bash benchmarks/device.sh [--dry-run] [--out work_dirs/device]
#
# Every step has a time limit, so that one which hangs costs the others nothing, and a log in OUT; the table comes last.
# PYTHON (python3) brings torch. A dry run takes the same steps on a CPU: tiny networks, a short search, more time.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=work_dirs/device
tests=(-m cuda tests)
measured=(--device cuda)
scenes=(test_dataloader.dataset.ann_file=val_32.json test_evaluator.ann_file=data/digit_scenes/val_32.json)
patience=1
while (($#)); do
    case $1 in
        --dry-run)
            tests=(-m 'not cuda' tests/test_detectors/test_device.py)
            measured=(--device cpu --tiny --seconds 0.01)
            scenes+=(test_dataloader.dataset.indices=2 model.inverter.max_nfe=1000)
            patience=6 ;;
        --out) out=$2; shift ;;
        *) echo "There is no option $1: use --dry-run and --out FOLDER." >&2; exit 2 ;;
    esac
    shift
done
rm -rf "$out"/{steps.tsv,throughput.jsonl,detect}
mkdir -p "$out"
export PYTHONPATH=$PWD PYTHONUNBUFFERED=1
python=$out/venv/bin/python

step() {  # NAME SECONDS COMMAND...
    local name=$1 limit=$(($2 * patience)) begin=$SECONDS
    timeout --kill-after=2 "$limit" "${@:3}" >"$out/$name.log" 2>&1
    local status=$?
    printf '%s\t%s\t%s\n' "$name" "$status" "$((SECONDS - begin))" >>"$out/steps.tsv"
    echo "$name: status $status after $((SECONDS - begin)) s"
    ((status == 0)) || tail -n 15 "$out/$name.log"
}

step set-up 120 bash benchmarks/device_wheels.sh install "${PYTHON:-python3}" "$out/venv"
step tests 70 "$python" -m pytest -q --continue-on-collection-errors "${tests[@]}"
for network in digits layout2img dit; do
    step "$network" 65 "$python" benchmarks/device.py measure "$network" --out "$out" "${measured[@]}"
done
for network in gligen geodiffusion; do
    step "$network" 45 "$python" benchmarks/device.py measure "$network" --out "$out" "${measured[@]}"
done
step scenes 20 "$python" tools/dataset_converters/make_digit_scenes.py
step detect 60 "$python" tools/test.py configs/dive/dive_digit-scenes.py weights/dive_digit_scenes.pth \
    --work-dir "$out/detect" --cfg-options "${scenes[@]}"
"$python" benchmarks/device.py table --out "$out" | tee "$out/table.md"
