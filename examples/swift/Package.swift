// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "digits",
  dependencies: [.package(name: "maquette", path: "../..")],
  targets: [
    .executableTarget(name: "digits", dependencies: [.product(name: "Maquette", package: "maquette")])
  ]
)
