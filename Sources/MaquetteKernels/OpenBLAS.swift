private import COpenBLAS

/// OpenBLAS, on one thread: our own workers split the rows, and two thread pools only get in each other's way.
package enum OpenBLAS {
  private static let onOneThread: Void = openblas_set_num_threads(1)

  /// Call before the first product; costs nothing from then on.
  package static func prepare() { onOneThread }

  /// Version and build options, in OpenBLAS's own words.
  package static var configuration: String {
    guard let text = openblas_get_config() else { return "unknown" }
    return String(cString: text).split(separator: " ").joined(separator: " ")
  }
}
