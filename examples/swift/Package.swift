// swift-tools-version: 6.2
import PackageDescription

let maquette = Target.Dependency.product(name: "Maquette", package: "maquette")

let package = Package(
  name: "examples",
  dependencies: [.package(name: "maquette", path: "../..")],
  targets: [
    .executableTarget(name: "digits", dependencies: [maquette]),
    .executableTarget(name: "penguins", dependencies: [maquette]),
  ]
)
