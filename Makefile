# SPDX-License-Identifier: Apache-2.0
# A short front for CMake. `make` builds build/osprey.
BUILD ?= build

.PHONY: all test clean

all: $(BUILD)/build.ninja
	@cmake --build $(BUILD)

$(BUILD)/build.ninja:
	@cmake -S . -B $(BUILD) -G Ninja

test: all
	@ctest --test-dir $(BUILD) --output-on-failure

clean:
	rm -rf $(BUILD)
