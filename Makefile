# Maquette: `make demo` and `make test` install what they need themselves; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BUILD := build
LIBRARY := $(BUILD)/libmaquette.so.0

# What the library is linked with, and where its static form is.
PACKAGES := libopenblas-dev libsqlite3-dev libgfortran-12-dev python3-venv gcc g++ pkg-config
GFORTRAN_DIRECTORY = $(dir $(shell gcc -print-file-name=libgfortran.a))
STATIC := $(CURDIR)/$(BUILD)/static

SWIFT_STRICT := -Xswiftc -warnings-as-errors -Xcc -Wall -Xcc -Wextra -Xcc -Werror \
	--explicit-target-dependency-import-check error
LIBRARY_FLAGS := -c release --product maquette --disable-local-rpath --scratch-path .build/library \
	-Xswiftc -static-stdlib -Xswiftc -use-ld=lld \
	-Xlinker -L$(STATIC) -Xlinker -lgfortran -Xlinker -lquadmath \
	-Xlinker --version-script=$(CURDIR)/Sources/MaquetteC/exports.map -Xlinker --gc-sections \
	-Xlinker -soname=libmaquette.so.0 -Xlinker -z -Xlinker nodelete

.PHONY: help demo test lib install lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lib: $(LIBRARY) ## the shared library, self-contained: build/libmaquette.so.0

.PHONY: FORCE
FORCE:

# SwiftPM knows what has changed; it is quick when nothing has.
$(LIBRARY): FORCE
	@mkdir -p $(STATIC)
	@ln -sf $$(ls /usr/lib/*/openblas-pthread/libopenblas.a | head -n 1) $(STATIC)/libopenblas.a
	@ln -sf $$(ls /usr/lib/*/libsqlite3.a | head -n 1) $(STATIC)/libsqlite3.a
	@ln -sf $(GFORTRAN_DIRECTORY)libgfortran.a $(STATIC)/libgfortran.a
	@ln -sf $(GFORTRAN_DIRECTORY)libquadmath.a $(STATIC)/libquadmath.a
	@tools/write-commit.sh Sources/CMaquetteSystem/commit.h
	swift build $(LIBRARY_FLAGS)
	@cmp -s .build/library/release/libmaquette.so $(BUILD)/libmaquette.unstripped || { \
		cp .build/library/release/libmaquette.so $(BUILD)/libmaquette.unstripped && \
		strip -o $(LIBRARY) $(BUILD)/libmaquette.unstripped && \
		ln -sf libmaquette.so.0 $(BUILD)/libmaquette.so; }
