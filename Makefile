# SPDX-License-Identifier: Apache-2.0
# A short front for CMake. `make` builds build/osprey; `make help` lists the rest.
BUILD  ?= build
PREFIX ?= /usr/local
PHOTOS := $(wildcard examples/photos/*.jpg)

.PHONY: all demo test test-arm check bench bench-peers parity report-precision report-models \
	install format clean help

all: ## build the release binary, build/osprey
	@scripts/install_packages.sh build
	@$(MAKE) --silent $(BUILD)/CMakeCache.txt
	@cmake --build $(BUILD) --target osprey_cli osprey

# The tests need a library more; `make test` turns them on.
$(BUILD)/CMakeCache.txt:
	@cmake -S . -B $(BUILD) -G Ninja -DOSPREY_TESTS=OFF >$(BUILD).log || { cat $(BUILD).log; rm -f $@; exit 1; }
	@rm -f $(BUILD).log

demo: all ## classify the photographs in examples/photos with the bundled model
	@$(BUILD)/osprey classify --labels @examples/labels.txt --top 3 $(PHOTOS)

test: ## build and run the tests
	@scripts/install_packages.sh build test
	@cmake -S . -B $(BUILD) -G Ninja -DOSPREY_TESTS=ON >/dev/null
	@cmake --build $(BUILD)
	@ctest --test-dir $(BUILD) --output-on-failure

# Left out: what starts programs, as QEMU cannot without the kernel's help, and what takes minutes.
test-arm: ## cross-compile for arm64, and run the tests under QEMU
	@scripts/install_packages.sh build arm
	@cmake -S . -B $(BUILD)/arm64 -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DOSPREY_TESTS=ON >/dev/null
	@cmake --build $(BUILD)/arm64
	@ctest --test-dir $(BUILD)/arm64 --output-on-failure -j2 \
		-E "test_cli|test_max_resident|test_text_sharing"

check: ## what CI asks besides: both compilers, sanitizers, layers, format, headers
	@scripts/install_packages.sh build test check
	@scripts/check_all.sh

bench-peers: all ## osprey beside PyTorch, ONNX Runtime and OpenVINO; hours; ARGS=--help
	@cmake --build $(BUILD) --target osprey_peer
	@scripts/venv.sh
	@.venv/bin/python bench/peers/run.py --osprey $(BUILD)/osprey $(ARGS)

bench: ## a few minutes of that
	@$(MAKE) --silent bench-peers ARGS="--quick $(ARGS)"

parity: all ## full-size models with random weights against PyTorch
	@scripts/venv.sh
	@.venv/bin/python scripts/parity.py --osprey $(BUILD)/osprey

report-precision: all ## what each precision costs and gives, into docs/compile.md
	@scripts/venv.sh
	@.venv/bin/python scripts/report_precision.py --osprey $(BUILD)/osprey

report-models: all ## how large and how fast each model is, into docs/models.md
	@scripts/venv.sh
	@.venv/bin/python scripts/report_models.py --osprey $(BUILD)/osprey

install: all ## to PREFIX, with the bundled model
	@cmake --install $(BUILD) --prefix $(PREFIX)

format: ## apply clang-format to every C file
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove the build
	@rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | column -t -s @
