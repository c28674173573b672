#!/bin/sh
# Builds the Swift reference, by DocC, into a folder, from the modules that `swift build` makes.
#
#     tools/swift-docs.sh FOLDER
set -eu

graphs=$(mktemp -d)
trap 'rm -rf "$graphs"' EXIT
swift build --quiet --target Maquette
built=$(swift build --show-bin-path)
tools=$(dirname "$(command -v docc || command -v swiftc)")
triple=$(swiftc -print-target-info | sed -n 's/.*"triple": "\([^"]*\)".*/\1/p' | head -n 1)
for module in Maquette MaquetteModels MaquetteStores MaquetteStreams MaquetteKernels MaquetteFormats MaquetteSystem; do
  "$tools/swift-symbolgraph-extract" -module-name $module -target "$triple" -I "$built/Modules" -I include \
    -I Sources/COpenBLAS -I Sources/CSQLite -I Sources/CMaquetteSystem/include -I Sources/CMaquetteKernels/include \
    -Xcc "-fmodule-map-file=$built/CMaquetteSystem.build/module.modulemap" \
    -Xcc "-fmodule-map-file=$built/CMaquetteKernels.build/module.modulemap" \
    -minimum-access-level public -output-dir "$graphs"
done
rm -rf "$1"
"$tools/docc" convert Sources/Maquette/Maquette.docc --additional-symbol-graph-dir "$graphs" \
  --fallback-display-name Maquette --fallback-bundle-identifier maquette \
  --output-dir "$1" --transform-for-static-hosting --hosting-base-path swift --diagnostic-level error
