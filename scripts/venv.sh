#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes .venv in the repository's root with the pinned libraries that osprey is compared with.
# Does nothing when it is there and up to date. PyTorch's wheel is linked against NVIDIA's
# libraries even for the CPU, so pip fetches several gigabytes the first time.
set -eu
cd "$(dirname "$0")/.."

pins="scripts/requirements.txt tests/golden/requirements.txt"
# shellcheck disable=SC2086 # a list of two files
wanted=$(cat $pins | cksum)
if [ "$(cat .venv/pins 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
echo "venv.sh: installing the Python libraries of scripts/requirements.txt into .venv" >&2
if ! python3 -m venv .venv; then
    echo "venv.sh: Python's venv module is missing: apt-get install python3-venv" >&2
    exit 1
fi
.venv/bin/pip install --quiet -r scripts/requirements.txt
echo "$wanted" >.venv/pins
echo "venv.sh: ready" >&2
