// swift-tools-version: 6.2
import PackageDescription

// The layers, from the bottom up. An arrow the manifest does not declare does not build:
// `make test` passes `--explicit-target-dependency-import-check error`.
let package = Package(
  name: "maquette",
  products: [
    .library(name: "Maquette", targets: ["Maquette"]),
    .library(name: "maquette", type: .dynamic, targets: ["MaquetteC"]),
  ],
  targets: [
    // What is not ours: header and linker name only.
    .systemLibrary(name: "CMaquette", path: "include"),
    .systemLibrary(name: "COpenBLAS"),
    .systemLibrary(name: "CSQLite"),

    .target(name: "CMaquetteSystem"),
    .target(name: "CMaquetteKernels"),
    .target(name: "MaquetteSystem", dependencies: ["CMaquetteSystem"]),
    .target(name: "MaquetteStreams", dependencies: ["MaquetteSystem", "CMaquetteSystem"]),
    .target(name: "MaquetteKernels", dependencies: ["MaquetteSystem", "CMaquetteKernels", "COpenBLAS"]),
    .target(name: "MaquetteFormats", dependencies: ["MaquetteSystem"]),
    .target(
      name: "MaquetteStores",
      dependencies: [
        "MaquetteSystem", "MaquetteStreams", "MaquetteKernels", "MaquetteFormats", "CSQLite",
      ]),
    .target(
      name: "MaquetteModels",
      dependencies: [
        "MaquetteSystem", "MaquetteStreams", "MaquetteKernels", "MaquetteFormats", "MaquetteStores",
      ]),
    .target(
      name: "Maquette",
      dependencies: [
        "MaquetteSystem", "MaquetteStreams", "MaquetteKernels", "MaquetteFormats", "MaquetteStores",
        "MaquetteModels",
      ]),
    .target(
      name: "MaquetteC",
      dependencies: [
        "CMaquette", "CMaquetteSystem", "MaquetteSystem", "MaquetteStreams", "MaquetteKernels",
        "MaquetteFormats",
        "MaquetteStores", "MaquetteModels",
      ],
      exclude: ["exports.map"]),

    .target(
      name: "TestSupport",
      dependencies: ["MaquetteSystem", "MaquetteKernels", "MaquetteFormats"],
      path: "Tests/TestSupport"),
    .testTarget(name: "MaquetteSystemTests", dependencies: ["MaquetteSystem", "TestSupport"]),
    .testTarget(
      name: "MaquetteStreamsTests", dependencies: ["MaquetteSystem", "MaquetteStreams", "TestSupport"]),
    .testTarget(
      name: "MaquetteKernelsTests",
      dependencies: ["MaquetteSystem", "CMaquetteKernels", "MaquetteKernels", "TestSupport"]),
    .testTarget(
      name: "MaquetteFormatsTests",
      dependencies: ["MaquetteSystem", "MaquetteKernels", "MaquetteFormats", "TestSupport"]),
    .testTarget(
      name: "MaquetteStoresTests",
      dependencies: [
        "MaquetteSystem", "MaquetteStreams", "MaquetteKernels", "MaquetteFormats", "MaquetteStores",
        "CSQLite", "TestSupport",
      ]),
    .testTarget(
      name: "MaquetteModelsTests",
      dependencies: [
        "MaquetteSystem", "MaquetteStreams", "MaquetteKernels", "MaquetteFormats", "MaquetteStores",
        "MaquetteModels", "TestSupport",
      ]),
    .testTarget(name: "MaquetteTests", dependencies: ["Maquette", "TestSupport"]),
  ]
)

for target in package.targets where target.type != .system {
  target.swiftSettings = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
  ]
}
