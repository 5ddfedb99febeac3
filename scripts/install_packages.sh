#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing: those of the named sets (build, test, check, arm).
# As root, or with sudo where it needs no password; else prints the one command to type.
set -eu

packages=
for set in "$@"; do
    case $set in
    build) packages="$packages gcc libc6-dev cmake ninja-build pkg-config libjpeg62-turbo-dev
        libspng-dev libwebp-dev zlib1g-dev libjansson-dev libutf8proc-dev
        libxxhash-dev" ;;
    test) packages="$packages libcmocka-dev" ;;
    check) packages="$packages g++ git clang clang-format libclang-rt-14-dev python3" ;;
    arm) packages="$packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
        libcmocka-dev:arm64 libjpeg62-turbo-dev:arm64 libspng-dev:arm64 libwebp-dev:arm64
        zlib1g-dev:arm64 libjansson-dev:arm64 libutf8proc-dev:arm64 libxxhash-dev:arm64" ;;
    *)
        echo "install_packages.sh: unknown set \"$set\": build, test, check or arm" >&2
        exit 2
        ;;
    esac
done

# Elsewhere than on Debian, CMake says what it does not find.
command -v dpkg-query >/dev/null || exit 0

# A name without an architecture may be there for arm64 alone, or for both.
native=$(dpkg --print-architecture)
missing=
for package in $packages; do
    architecture=$native
    case $package in *:*) architecture=${package#*:} ;; esac
    # shellcheck disable=SC2016 # dpkg-query's own format
    dpkg-query -W -f '${db:Status-Status} ${Architecture}\n' "$package" 2>/dev/null |
        grep -Eqx "installed ($architecture|all)" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

add_architecture=true
case $missing in *:arm64*) add_architecture="dpkg --add-architecture arm64" ;; esac

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "Packages are missing. Type this once, then make again:" >&2
    echo "    sudo $add_architecture && sudo apt-get update &&" \
        "sudo apt-get install --no-install-recommends -y$missing" >&2
    exit 1
fi
echo "Installing$missing" >&2
$as_root $add_architecture
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends $missing >/dev/null
