#!/usr/bin/env bash
# Makes the committed fixtures of test/fixtures/ again, from other people's implementations.
#   scripts/fixtures.sh            every program
#   scripts/fixtures.sh metrics    only the named ones, of those listed below (gguf_quantized wants a file: see there)
#   scripts/fixtures.sh environment  makes the Python environment only, and prints the path of its python
# The Python environment (about 6 GB with torch) is kept in HYPERFIT_FIXTURES_VENV, by default in the user's cache.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
here="$root/scripts/fixtures"
venv="${HYPERFIT_FIXTURES_VENV:-${HYPERFIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyperfit}/fixtures-venv}"
python="$venv/bin/python"

[ -x "$python" ] || python3 -m venv "$venv"
# The stamp makes a second run free: pip is asked only when the pins changed or the packages do not import.
stamp="$venv/hyperfit-requirements.txt"
if ! cmp -s "$here/requirements.txt" "$stamp"; then
  if ! "$python" "$here/check_versions.py" "$here/requirements.txt"; then
    echo "installing the pinned Python packages into $venv" >&2
    "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
  fi
  cp "$here/requirements.txt" "$stamp"
fi

if [ "${1:-}" = environment ]; then
  echo "$python"
  exit
fi
programs=("$@")
[ $# -gt 0 ] || programs=(
  metrics preference significance mauve_scores tiny_models lora quantized_training adapters smollm2 files data_files chat jinja
  tokenizer_configs gemma3 gemma3_llama_cpp gguf_blocks gguf_export images tensorboard_events
)
export CUBLAS_WORKSPACE_CONFIG=:4096:8 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1
cd "$root"
for program in "${programs[@]}"; do
  if [ -f "$here/$program.mjs" ]; then
    echo "== $program" >&2
    node "$here/$program.mjs"
    continue
  fi
  [ -f "$here/$program.py" ] || { echo "expected one of the programs in $here, got $program" >&2; exit 2; }
  echo "== $program" >&2
  "$python" "$here/$program.py"
done
