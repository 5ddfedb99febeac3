#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything that has to hold besides the tests: the scripts' checks, both compilers without a
# warning, the tests under AddressSanitizer and UndefinedBehaviorSanitizer, and those with threads
# under ThreadSanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."

for check in scripts/check_layers scripts/check_banned scripts/check_format scripts/check_headers; do
    echo "== $check"
    $check
done

# configure_and_build DIRECTORY COMPILER CMAKE_OPTIONS...
configure_and_build() {
    directory=$1
    compiler=$2
    shift 2
    echo "== $compiler -Werror $*"
    cmake -S . -B "$directory" -G Ninja -DCMAKE_C_COMPILER="$compiler" -DOSPREY_WERROR=ON "$@" >/dev/null
    cmake --build "$directory" | tail -n 1
}

configure_and_build build/check-gcc gcc
configure_and_build build/check-asan clang -DCMAKE_BUILD_TYPE=Debug -DOSPREY_SANITIZE=address
ctest --test-dir build/check-asan -j "$(nproc)" --output-on-failure
configure_and_build build/check-tsan gcc -DOSPREY_SANITIZE=thread
ctest --test-dir build/check-tsan -j "$(nproc)" --output-on-failure -R 'thread_pool|image_stream|golden_models'
