# Maquette: `make demo` and `make test` install what they need themselves; `make help` lists the rest.

PYTHON ?= python3
CC := gcc
CXX := g++
VENV := .venv
BUILD := build
LIBRARY := $(BUILD)/libmaquette.so.0

# Where `make install` puts things; DESTDIR may be set, and LIBDIR, a folder in it.
PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=
INSTALL := PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" DESTDIR="$(DESTDIR)" PYTHON="$(PYTHON)" tools/install.sh

# What the library is linked with: headers, static libraries, and what OpenBLAS itself needs. libcurl it only loads.
PACKAGES := gcc g++ libc6-dev libopenblas-dev libsqlite3-dev libgfortran-12-dev libcurl4

# Warnings are errors, and a module imports only what the manifest says it may.
STRICT := -Xswiftc -warnings-as-errors -Xcc -Wall -Xcc -Wextra -Xcc -Werror \
	--explicit-target-dependency-import-check error

# Runs a command beside a PostgreSQL server of its own; fails where there can be none.
WITH_POSTGRES := tools/with-postgres.sh

# Where ONNX Runtime is for the tests in Swift: inside of the package that those in Python need.
WITH_ONNX = MAQUETTE_ONNXRUNTIME=$$(ls $(VENV)/lib/python*/site-packages/onnxruntime/capi/libonnxruntime.so.* | head -n 1)

# The shared library: Swift's runtime, OpenBLAS and SQLite inside and hidden. Folders with only static libraries come
# first in the linker's path. lld, because gold lets Swift symbols through the version script. Functions that nobody calls
# go, and those with the same instructions are kept once, which half of OpenBLAS's kernels have: 13 MB less.
# Functions that run together lie together: tools/order-functions.py.
# MAQUETTE_SHARED_LIBRARY leaves out what is for Swift's callers alone, async functions, whose runtime comes with Dispatch.
# What is wrapped is told where it stands: openblas.c, glibc.c and unicode.c.
STATIC := $(CURDIR)/$(BUILD)/static
LINKING := -Xswiftc -static-stdlib -Xswiftc -use-ld=lld \
	-Xlinker -L$(STATIC) -Xlinker -lgfortran -Xlinker -lquadmath \
	-Xlinker --version-script=$(CURDIR)/Sources/MaquetteC/exports.map -Xlinker -Map=$(CURDIR)/$(BUILD)/libmaquette.map \
	-Xlinker --gc-sections -Xlinker --icf=all -Xswiftc -DMAQUETTE_SHARED_LIBRARY \
	-Xswiftc -Xfrontend -Xswiftc -function-sections \
	-Xlinker --symbol-ordering-file=$(CURDIR)/tools/functions.order -Xlinker --no-warn-symbol-ordering \
	-Xlinker --wrap=openblas_num_threads_env -Xlinker --wrap=hypotf \
	-Xlinker --wrap=_swift_stdlib_getScalarName \
	-Xlinker -soname=libmaquette.so.0 -Xlinker -z -Xlinker nodelete

SWIFT_SOURCES := Package.swift Sources Tests examples/swift/Package.swift examples/swift/Sources

.PHONY: help demo test lib bench sanitize lint format strict clean packages install uninstall wheel abi \
	python-environment test-swift test-c test-cpp test-python test-install test-wheel test-examples \
	test-documentation test-late bench-kernels crash docs check-deep fuzz order

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: lib python-environment ## learn to read handwritten digits, in Python
	@$(VENV)/bin/python examples/python/digits.py

# Swift in debug and release, C, C++, Python, what is installed, the wheel, examples, and the code in the documentation.
test: test-swift test-c test-cpp test-python test-install test-wheel test-examples test-documentation ## every test

lib: $(LIBRARY) ## the shared library, self-contained: build/libmaquette.so.0

packages:
	@tools/packages.sh $(PACKAGES)

install: lib ## to PREFIX=/usr/local: header, library, pkg-config, CMake, manual page
	@$(INSTALL) install $(LIBRARY)

uninstall: ## take that away again
	@$(INSTALL) uninstall

wheel: lib python-environment ## the wheel for pip, with the library in it: dist/maquette-*.whl
	@$(VENV)/bin/python tools/wheel.py $(LIBRARY) dist

# ----------------------------------------------------------------------------------------------------------------------
# The library
# ----------------------------------------------------------------------------------------------------------------------

$(STATIC): | packages
	@mkdir -p $@
	@ln -sf $$(ls /usr/lib/*/openblas-pthread/libopenblas.a /usr/lib/libopenblas.a 2>/dev/null | head -n 1) $@/
	@ln -sf $$(ls /usr/lib/*/libsqlite3.a /usr/lib/libsqlite3.a 2>/dev/null | head -n 1) $@/
	@ln -sf $$($(CC) -print-file-name=libgfortran.a) $$($(CC) -print-file-name=libquadmath.a) $@/

# SwiftPM knows what has changed, and is quick when nothing has.
.PHONY: FORCE
$(LIBRARY): FORCE | $(STATIC)
	@tools/write-commit.sh Sources/CMaquetteSystem/commit.h
	@swift build --configuration release --product maquette --disable-local-rpath \
		--scratch-path .build/library $(LINKING)
	@cmp -s .build/library/release/libmaquette.so $(BUILD)/libmaquette.unstripped || { \
		cp .build/library/release/libmaquette.so $(BUILD)/libmaquette.unstripped && \
		strip -o $@.new $(BUILD)/libmaquette.unstripped && mv -f $@.new $@ && \
		ln -sf libmaquette.so.0 $(BUILD)/libmaquette.so; }

# ----------------------------------------------------------------------------------------------------------------------
# Tests
# ----------------------------------------------------------------------------------------------------------------------

strict: | packages ## build with warnings as errors, and imports checked against the manifest
	swift build --build-tests $(STRICT)

test-swift: strict python-environment
	$(WITH_ONNX) $(WITH_POSTGRES) tools/swift-test.sh --skip-build
	swift build --build-tests --configuration release $(STRICT) -Xswiftc -enable-testing
	$(WITH_ONNX) $(WITH_POSTGRES) tools/swift-test.sh --skip-build --configuration release

test-c: lib
	Tests/C/run.sh $(LIBRARY)

# The interface as it is now becomes the one that is promised.
abi: lib
	Tests/C/abi.py write include/maquette.h $(LIBRARY) Tests/C/abi.json

test-cpp: lib
	Tests/cpp/run.sh $(LIBRARY)

test-install: lib
	@tools/packages.sh pkg-config cmake make mandoc
	Tests/install/run.sh $(LIBRARY)
	$(PYTHON) tools/library-size.py $(BUILD)/libmaquette.map $(LIBRARY) --most 12

test-wheel: wheel
	Tests/wheel/run.sh dist/maquette-*.whl

# Killed at random moments, and six writers for a minute; `make test` does less of it.
crash: lib ## kill a writing process 200 times, and look at what it leaves
	CRASH_ROUNDS=200 WRITER_SECONDS=60 TEST_SECONDS=1800 Tests/C/run.sh $(LIBRARY) crash

# Everything at length: some hours. The numbers are how often, or for how many seconds; the tests that read them say what.
check-deep: lib python-environment ## all tests of the interface at length, sanitizers and fuzzers too: some hours
	TEST_SECONDS=7200 TEST_ROUNDS=3000 HOSTILE_CALLS=2000000 HANDLE_CYCLES=10000 POOL_SECONDS=600 \
		CRASH_ROUNDS=200 WRITER_SECONDS=60 Tests/C/run.sh $(LIBRARY)
	$(MAKE) test-python test-late sanitize
	PYTORCH=1 $(MAKE) test-wheel
	$(MAKE) fuzz SECONDS=600

# What a busy machine does now and then happens all the time here: it finds what waits for nobody.
test-late: lib python-environment ## the tests in C and Python with threads that start and wake late
	$(CC) -O2 -shared -fPIC -Wall -Wextra -Werror Tests/late.c -o $(BUILD)/late.so
	LD_PRELOAD=$(CURDIR)/$(BUILD)/late.so TEST_SECONDS=1800 Tests/C/run.sh $(LIBRARY) $$(cat Tests/C/programs)
	MAQUETTE_LIBRARY=$(CURDIR)/$(LIBRARY) $(WITH_POSTGRES) env LD_PRELOAD=$(CURDIR)/$(BUILD)/late.so \
		$(VENV)/bin/python -m pytest bindings/python

SECONDS := 60
fuzz: | $(STATIC) ## fuzz the readers, queries and calls, SECONDS=60 each; FUZZER=name for one of Tests/Fuzz/corpus
	SECONDS=$(SECONDS) Tests/Fuzz/run.sh $(FUZZER)

test-python: lib python-environment
	MAQUETTE_LIBRARY=$(CURDIR)/$(LIBRARY) $(WITH_POSTGRES) $(VENV)/bin/python -m pytest bindings/python

test-examples: lib python-environment
	@mkdir -p $(BUILD)
	for example in digits clustering; do \
		$(CC) -std=c99 -Wall -Wextra -pedantic -Werror -O2 -Iinclude examples/c/$$example.c -L$(BUILD) -lmaquette \
			-Wl,-rpath,$(CURDIR)/$(BUILD) -lm -o $(BUILD)/$$example-c || exit 1; \
	done
	$(CXX) -std=c++17 -Wall -Wextra -pedantic -Werror -O2 -Iinclude -Ibindings/cpp examples/cpp/digits.cpp -L$(BUILD) \
		-lmaquette -Wl,-rpath,$(CURDIR)/$(BUILD) -o $(BUILD)/digits-cpp
	swift build --configuration release --package-path examples/swift
	tools/compare-examples.sh "test accuracy: " 94 100 $(BUILD)/digits-c $(BUILD)/digits-cpp \
		"$(VENV)/bin/python examples/python/digits.py" examples/swift/.build/release/digits
	tools/compare-examples.sh "test error: " 150 260 \
		"$(VENV)/bin/python examples/python/regression.py" examples/swift/.build/release/penguins
	tools/compare-examples.sh "purity: " 95 100 $(BUILD)/clustering-c

# After the examples, whose build of Maquette the pages' Swift is linked with.
test-documentation: lib python-environment ## compile and run every code block of the README and of docs
	MAQUETTE_LIBRARY=$(CURDIR)/$(LIBRARY) $(VENV)/bin/python Tests/documentation/run.py

sanitize: python-environment | $(STATIC) ## the tests again under AddressSanitizer and ThreadSanitizer
	$(WITH_ONNX) $(WITH_POSTGRES) Tests/sanitize.sh

# A virtual environment with the binding in it, NumPy and pytest; made anew when the binding's needs change.
python-environment: $(VENV)/.complete

$(VENV)/.complete: bindings/python/pyproject.toml
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || tools/packages.sh python3-venv
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable "bindings/python[test]"
	@touch $@

# ----------------------------------------------------------------------------------------------------------------------
# Documentation
# ----------------------------------------------------------------------------------------------------------------------

docs: lib python-environment ## the guide and the references, as pages: build/docs/index.html
	@tools/packages.sh doxygen
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement docs/requirements.txt
	@MAQUETTE_LIBRARY=$(CURDIR)/$(LIBRARY) $(VENV)/bin/python -m mkdocs build --quiet --strict --config-file docs/mkdocs.yml
	@doxygen docs/Doxyfile
	@MAQUETTE_LIBRARY=$(CURDIR)/$(LIBRARY) $(VENV)/bin/python -m pdoc --output-directory $(BUILD)/docs/python maquette
	@tools/swift-docs.sh $(BUILD)/docs/swift
	@echo "build/docs/index.html"

# ----------------------------------------------------------------------------------------------------------------------
# Measuring, formatting, cleaning
# ----------------------------------------------------------------------------------------------------------------------

bench: lib ## measure side by side with scikit-learn, PyTorch, JAX, ONNX Runtime, faiss, umap-learn (downloads them)
	@[ -d $(BUILD)/bench-venv ] || $(PYTHON) -m venv $(BUILD)/bench-venv
	@$(BUILD)/bench-venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement benchmarks/requirements.txt --editable bindings/python
	@MAQUETTE_LIBRARY=$(CURDIR)/$(LIBRARY) $(BUILD)/bench-venv/bin/python -m benchmarks

# The kernels use vectors of clang's, which comes with Swift.
bench-kernels: | $(STATIC) ## measure the inner loops alone, beside what the machine can do
	@clang -O2 -Wall -Wextra -Werror -ISources/CMaquetteKernels/include benchmarks/kernels/kernels.c \
		Sources/CMaquetteKernels/*.c -L$(STATIC) -lopenblas -lgfortran -lquadmath -lm -lpthread \
		-o $(BUILD)/bench-kernels
	@$(BUILD)/bench-kernels

order: lib ## write anew which functions of the library lie together
	@tools/packages.sh valgrind
	@$(PYTHON) tools/order-functions.py $(BUILD)/libmaquette.unstripped $(BUILD)/libmaquette.map
	@rm -f .build/library/release/libmaquette.so
	@$(MAKE) lib

lint: ## check the formatting
	swift format lint --strict --configuration .swift-format --recursive $(SWIFT_SOURCES)

format: ## format the Swift sources
	swift format --in-place --configuration .swift-format --recursive $(SWIFT_SOURCES)

clean: ## remove what was built, not what was downloaded
	rm -rf .build $(BUILD) dist examples/swift/.build Sources/CMaquetteSystem/commit.h
