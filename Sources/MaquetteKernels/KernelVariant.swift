internal import CMaquetteKernels

/// The inner loops compiled for one instruction set.
package struct KernelVariant: @unchecked Sendable, Equatable {  // points to a constant table
  let table: UnsafePointer<maquette_kernels>

  /// The fastest this processor supports.
  package static let best = KernelVariant(table: maquette_kernels_best())

  /// All that this processor supports, fastest first: for tests that compare them.
  package static let available = ["avx512", "avx2", "portable"].compactMap { KernelVariant(named: $0) }

  private init(table: UnsafePointer<maquette_kernels>) { self.table = table }

  /// The variant of that name; nil where the processor does not support it.
  package init?(named name: String) {
    guard let table = maquette_kernels_named(name) else { return nil }
    self.table = table
  }

  package var name: String { String(cString: table.pointee.name) }
}
