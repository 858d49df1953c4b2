#!/usr/bin/env bash
# What a GPU makes of this project, in at most ten minutes on a bare machine without a network: docs/device.md.
#
#   bash benchmarks/device.sh [--train SECONDS CONFIG...] [--dry-run] [--out work_dirs/device] [--work work_dirs/device]
#
# Every step has a time limit, so that one which hangs costs the others nothing, and a log in WORK, where the
# environment is made too. OUT has the results, each as soon as there is one: throughput.jsonl, steps.tsv, table.md.
# `--train` trains generators, side by side, and leaves their averaged weights in OUT/trained, named like the folders of
# their configs.
# PYTHON (python3) brings torch. A dry run takes the same steps on a CPU: tiny networks, a short search, more time.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=work_dirs/device work=work_dirs/device
tests=(-m cuda tests)
measured=(--device cuda --seconds 0.3)
scenes=(test_dataloader.dataset.ann_file=val_32.json test_evaluator.ann_file=data/digit_scenes/val_32.json
        test_dataloader.batch_size=32 model.batch_size=4096)
patience=1
train=0 configs=() trained=(--images 96 --noises 16)
while (($#)); do
    case $1 in
        --train) train=$2; shift ;;
        *.py) configs+=("$1") ;;
        --dry-run)
            tests=(-m 'not cuda' tests/test_detectors/test_device.py)
            measured=(--device cpu --tiny --seconds 0.01)
            scenes+=(test_dataloader.dataset.indices=2 model.inverter.max_nfe=1000)
            trained=(--images 2 --noises 2 --workers 1 --first-steps 18)
            patience=6 ;;
        --out) out=$2; shift ;;
        --work) work=$2; shift ;;
        *) echo "There is no option $1: use --train SECONDS CONFIG..., --dry-run, --out or --work FOLDER." >&2; exit 2 ;;
    esac
    shift
done
mkdir -p "$out/trained" "$work"
export PYTHONPATH=$PWD PYTHONUNBUFFERED=1
python=$work/venv/bin/python

step() {  # NAME SECONDS COMMAND...
    local name=$1 limit=$(($2 * patience)) begin=$SECONDS
    timeout --kill-after=2 "$limit" "${@:3}" >"$work/$name.log" 2>&1
    local status=$?
    printf '%s\t%s\t%s\n' "$name" "$status" "$((SECONDS - begin))" >>"$out/steps.tsv"
    echo "$name: status $status after $((SECONDS - begin)) s"
    tail -n "$((status ? 15 : 1))" "$work/$name.log"
    "$python" benchmarks/device.py table --out "$out" --work "$work" >"$out/table.md"
}

rm -rf "$out"/{steps.tsv,throughput.jsonl,trained/*} "$work/detect"
step set-up 180 bash benchmarks/device_wheels.sh install "${PYTHON:-python3}" "$work/venv"
step networks 150 "$python" benchmarks/device.py measure digits layout2img dit gligen geodiffusion --out "$out" \
    "${measured[@]}"
step scenes 20 "$python" tools/dataset_converters/make_digit_scenes.py
step detect 50 "$python" tools/test.py configs/dive/dive_digit-scenes.py weights/dive_digit_scenes.pth \
    --work-dir "$work/detect" --cfg-options "${scenes[@]}"
# From here on nothing is timed.
for config in "${configs[@]}"; do
    name=$(basename "$(dirname "$config")")
    step "train-$name" $((train + 30)) "$python" benchmarks/device_train.py "$config" "$out/trained/$name.pth" \
        --seconds "$train" "${trained[@]}" &
done
step tests 90 "$python" -m pytest -q --continue-on-collection-errors "${tests[@]}"
wait
cat "$out/table.md"
