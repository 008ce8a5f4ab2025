#!/bin/bash
# Everything that is to be measured on a GPU, in at most six minutes, the most wanted first:
#
#   benchmarks/gpu/run.sh OUTDIR [--rehearse]
#
# Leaves six files in OUTDIR (README.md says what they are). Each part has a limit of its own, and the failure of one
# leaves the others. --rehearse: small sizes on a CPU, to see that all of it runs; every table says so, and limits are six
# times as long (PATIENCE). PYTHON is the interpreter, default python3; COMMIT names the commit where there is no history.
# It needs no network, and of the package's dependencies only JAX, diffrax, equinox, optimistix, jaxtyping, networkx,
# xarray, typer, numba, scipy, pytest and NumPy.
set -u
if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "${2:---rehearse}" != --rehearse ]; then
    echo "usage: benchmarks/gpu/run.sh OUTDIR [--rehearse]" >&2
    exit 2
fi
mkdir -p "$1" && out=$(cd "$1" && pwd) || exit 2
rehearse=${2:-}
cd "$(dirname "$0")/../.." || exit 2
python=${PYTHON:-python3}
# a rehearsal may be on a slow machine
patience=${PATIENCE:-$([ -n "$rehearse" ] && echo 6 || echo 1)}
limit=$((360 * patience)) begin=$(date +%s)
export PYTHONPATH=$PWD PYTHONDONTWRITEBYTECODE=1
# memory as it is asked for: several processes share the device, and peaks are what they are
export XLA_PYTHON_CLIENT_PREALLOCATE=false
# a second run compiles nothing again
export JAX_COMPILATION_CACHE_DIR=${TMPDIR:-/tmp}/resource_ode_compiled JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0.5
# unoptimised code compiles in a quarter of the time
[ -n "$rehearse" ] && export XLA_FLAGS=--xla_backend_optimization_level=0
export JAX_PLATFORMS=$([ -n "$rehearse" ] && echo cpu || echo cuda,cpu)
native=resource_ode/native

now() { echo $(($(date +%s) - begin)); }
say() { echo "[$(now) s] $*" | tee -a "$out/log.txt"; }

# limited SECONDS COMMAND...: within its own limit and that of the whole; status 124 if neither allowed it
limited() {
    local most=$(($1 * patience)) left=$((limit - $(now)))
    shift
    [ "$most" -gt "$left" ] && most=$left
    [ "$most" -lt 5 ] && return 124
    timeout --kill-after=5 "$most" "$@"
}

# part NAME SECONDS COMMAND...: into the log; the table is written anew after each
part() {
    local name=$1 from=$(now) most=$2
    shift 2
    limited "$most" "$@" >>"$out/log.txt" 2>&1
    say "$name: status $?, $(($(now) - from)) s"
    "$python" -m benchmarks.gpu table --out "$out" >>"$out/log.txt" 2>&1
}

measure() { part "$1 $2" "$3" "$python" -m benchmarks.gpu "$1" "$2" --out "$out" $rehearse; }

loops_are_there() { "$python" -c "from resource_ode import native; raise SystemExit(bool(native.why_not()))" 2>/dev/null; }

rm -f "$out"/{about.json,about.txt,tests.txt,rows.jsonl,table.md,log.txt}

# -- (a) what is here; what is not built yet, in the background

{
    nvidia-smi 2>&1 || echo "nvidia-smi: there is none"
    "$python" -m pip list 2>/dev/null | grep -i -E "^(jax|cuda|nvidia|diffrax|equinox|numpy)" || true
    PATH=$PATH:/usr/local/cuda/bin nvcc --version 2>&1 | tail -2
    gcc --version 2>&1 | head -1
} >"$out/about.txt"
# loops that came along, built by another Python: they do not know it
if ! loops_are_there; then
    for name in _loops _handlers; do
        for file in $native/$name.cpython-*.so; do
            [ -e "$file" ] && [ ! -e $native/$name.abi3.so ] && cp "$file" $native/$name.abi3.so
        done
    done
fi
builds=
if ! loops_are_there; then
    rm -f $native/_loops.abi3.so $native/_handlers.abi3.so
    say "loops: building"
    limited 150 "$python" setup.py -q build_ext --inplace -j 2 >>"$out/log.txt" 2>&1 &
    builds="$!"
fi
walk=cuda
[ -n "$rehearse" ] && walk=host
if [ ! -e $native/_walks_$walk.so ]; then
    say "walk: building"
    limited 110 "$python" -m resource_ode.native.build_walks $walk >>"$out/log.txt" 2>&1 &
    builds="$builds $!"
fi
part "a" 60 bash -c "'$python' -m benchmarks.gpu about --out '$out' >>'$out/about.txt'"
[ -n "$builds" ] && wait $builds
say "built: loops $(loops_are_there && echo yes || echo no), walk $([ -e $native/_walks_$walk.so ] && echo yes || echo no)"

# -- (b) correctness, each way in a process of its own, side by side

tests() {
    limited "$2" "$python" -m pytest -q -o addopts= -p no:cacheprovider -m gpu -rs tests/solve/test_gpu.py -k "$1" 2>&1
    echo "$1: status $?"
}
for way in cuda pallas arrays; do tests $way 75 >"$out/tests_$way.txt" & done
wait
if [ -z "$rehearse" ] && ! grep -q "cuda: status 0" "$out/tests_cuda.txt"; then
    say "the walk failed, or is not there: built again for this device"
    limited 100 "$python" -m resource_ode.native.build_walks cuda -arch=native >>"$out/log.txt" 2>&1
    tests cuda 45 >>"$out/tests_cuda.txt"
fi
cat "$out"/tests_{cuda,pallas,arrays}.txt >"$out/tests.txt"
rm -f "$out"/tests_{cuda,pallas,arrays}.txt
say "b: $(grep -E "status" "$out/tests.txt" | tr '\n' ' ')"

# -- (c) the table

measure c cuda 40
measure c pallas 40
measure c arrays 50
measure c "diffrax Tsit5" 35
measure c "diffrax Dopri5" 30
winner=$("$python" -m benchmarks.gpu winner --out "$out")
say "the kernel of the parts that follow: $winner"

# -- (d) derivatives, (e) sizes, (f) whole sweep chunks, (g) memory; then what time is left for

measure d "$winner" 50
measure e "$winner" 30
measure large arrays 25
measure f "$winner" 40
measure g "$winner" 20
[ "$winner" != arrays ] && measure d arrays 40
[ "$winner" != arrays ] && measure e arrays 60
say "finished; see $out/table.md"
sed -n 1,12p "$out/table.md"
